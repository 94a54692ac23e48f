# make demo: install what is missing and run the demo. make test: install and pass the tests.
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

# After git clone and dvc pull: take over what is up to date, so that only the rest is made again.
adopt: $(VENV)/.installed
	@$(BIN)/python -m workflow_scripts.adopt

# After a run of snakemake: finish what DVC tracks, and bring dvc.lock up to date. As in a stage of DVC, it is checked
# whether that may be recorded.
record: $(VENV)/.installed
	DVC_STAGE=record $(SNAKEMAKE) report augment
	$(BIN)/dvc commit --force

# To the default remote, or to the one that config.yaml calls private; says under which licences.
push: $(VENV)/.installed
	@$(BIN)/python -m workflow_scripts.check_sharing
	$(BIN)/dvc push

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

# A demo with every rule inside conda environments (docs/conda.md); part of test-slow.
test-conda: $(VENV)/.installed-dev
	@test -n "$$EMOSPACE_CONDA_TOOLS" || { echo "set EMOSPACE_CONDA_TOOLS to the folder of the stand-in (docs/conda.md)"; exit 1; }
	$(BIN)/python -m pytest -m slow tests/test_conda.py $(PYTEST_ARGS)

# Share of the mutants of a module that its own tests kill; continues where it was killed (CONTRIBUTING.md).
mutants: $(VENV)/.installed-dev
	@$(BIN)/python tests/_mutants.py --workers $(CORES) $(MUTANTS_ARGS)

# Over a thousand spoilt media and annotation files, each of which must end in a line of data/quality or one clear
# error; part of test-slow, and the first hundred part of test.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "slow or not slow" tests/test_fuzz.py $(PYTEST_ARGS)

bench: $(VENV)/.installed-dev
	@$(SNAKEMAKE) fetch_models --quiet all --configfile configs/ablation_demo.yaml
	$(BIN)/python -m benchmarks

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/snakefmt --check Snakefile rules \
		|| { echo "To mend what can be mended by itself, run: make format" >&2; exit 1; }
	$(BIN)/snakemake --lint

# docs/contracts.md is made from the contracts.
format: $(VENV)/.installed-dev
	-$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .
	$(BIN)/python -m workflow_scripts.write_contracts
	$(BIN)/snakefmt Snakefile rules

install: $(VENV)/.installed

$(VENV)/.installed: requirements.txt constraints.txt | system
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	touch $@

# ffmpeg and espeak-ng come from the system; as root on a Debian machine they are installed, elsewhere the command is shown.
.PHONY: system
system:
	@bash workflow_scripts/system_packages.sh

clean:
	rm -rf .snakemake .emospace .mutants logs data models results
