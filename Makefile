# make demo: install and run the demo. make test: install and run the tests.
SHELL := /bin/bash
PYTHON ?= python3
CORES ?= $(shell nproc)
VENV := .venv
BIN := $(VENV)/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)

.PHONY: demo adopt record push test test-slow test-conda mutants fuzz bench lint format install clean

demo: $(VENV)/.installed
	@$(SNAKEMAKE)
	@$(BIN)/python -m workflow_scripts.show_result

# After git clone and dvc pull: accept the artifacts that are up to date, so that only the rest is rebuilt.
adopt: $(VENV)/.installed
	@$(BIN)/python -m workflow_scripts.adopt

# After a run of snakemake: build the rest of what DVC tracks, and bring dvc.lock up to date. DVC_STAGE makes Snakemake
# check, as in a stage of DVC, that the outputs may be recorded.
record: $(VENV)/.installed
	DVC_STAGE=record $(SNAKEMAKE) report augment
	$(BIN)/dvc commit --force

# Push to the default remote, or to the private one of config.yaml; prints the licence of each corpus.
push: $(VENV)/.installed
	@$(BIN)/python -m workflow_scripts.check_sharing
	$(BIN)/dvc push

# A process that crashes is not replaced: pytest-xdist 3.8 can then wait forever (its issue 1378).
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# A demo with every rule in its conda environment (docs/conda.md); part of test-slow.
test-conda: $(VENV)/.installed-dev
	@test -n "$$EMOSPACE_CONDA_TOOLS" \
		|| { echo "set EMOSPACE_CONDA_TOOLS to the folder of the stand-in (docs/conda.md)"; exit 1; }
	$(BIN)/python -m pytest -m slow tests/workflow/test_conda.py $(PYTEST_ARGS)

# Share of a module's mutants that its own tests kill; a killed run continues (CONTRIBUTING.md).
mutants: $(VENV)/.installed-dev
	@$(BIN)/python tests/_mutants.py --workers $(CORES) $(MUTANTS_ARGS)

# Over a thousand damaged media and annotation files, each of which must give a line in data/quality or one clear
# error. Part of test-slow; the first hundred are part of test.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "slow or not slow" tests/corpora/test_fuzz.py $(PYTEST_ARGS)

bench: $(VENV)/.installed-dev
	@$(SNAKEMAKE) weights --quiet all --configfile configs/ablation_demo.yaml
	$(BIN)/python -m benchmarks

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile rules \
		|| { echo "To fix what can be fixed automatically, run: make format" >&2; exit 1; }
	$(BIN)/snakemake --lint

# Also regenerates docs/contracts.md from the contracts.
format: $(VENV)/.installed-dev
	-$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .
	$(BIN)/python -m docs.write_contracts
	$(BIN)/snakefmt Snakefile rules

install: $(VENV)/.installed

$(VENV)/.installed: requirements.txt constraints.txt | system
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	touch $@

# Packages whose licences forbid commercial use (requirements-noncommercial.txt); tests that need them skip without.
.PHONY: noncommercial
noncommercial: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-noncommercial.txt -c constraints.txt

# ffmpeg and espeak-ng come from the system: installed as root on Debian, elsewhere the command to type is printed.
.PHONY: system
system:
	@bash workflow_scripts/system_packages.sh

clean:
	rm -rf .snakemake .emospace .mutants logs data weights results
