"""A user's own view, encoder and augmented view, written to their contracts, work like built-in ones.

Covers: views/_checks.
"""

import argparse
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from _declared import recording, undeclared
from _machines import smallest
from conftest import Project, shipped, utterance

from emospace.core import contracts, manifest, plugin, store
from emospace.core.errors import InputError
from emospace.core.option_types import Chain, NamedWeights
from emospace.core.provenance import read_json
from emospace.gate.scores import lines
from emospace.plan import recipes
from emospace.plan.plan import Plan
from emospace.plan.views import Views
from emospace.views import _reading
from workflow_scripts import augment_view, extract_view

VIEW = '''"""The counts view: how long an utterance is and how many words it has."""

import numpy as np

from emospace.core import store

KIND = "counts"
SUFFIX = ".npy"


def extract(rows, root, out, *, scale: float = 1.0):
    values = [np.array([scale * (row.end - row.start), len(row.text.split())], np.float32) for row in rows]
    store.write(out, values, dtype=np.float32)
    return [], {"rows": len(rows), "missing": 0}


def read(path, rows):
    return iter(store.Ragged.open(path))
'''
ENCODER = '''"""As they are."""

import numpy as np

VIEWS = ("counts",)
HOLDS = "counts"


class Same:
    batch = 8
    facts = {}

    def __call__(self, items, utterances=()):
        return [np.asarray(item, np.float32).reshape(1, -1) for item in items]


def load(*, view="counts", weights=None):
    return Same()
'''
AUGMENTED = '''"""The counts with noise, which a step of its own draws and writes to a file."""

import numpy as np

from emospace.core import store, texts
from emospace.core.steps import Step

PARENT = "counts"
COLUMNS = ("change",)


def drawn(rows, source, out, *, seed: int, sigma: float = 0.1):
    draws = sigma * np.random.default_rng(seed).normal(size=len(rows))
    texts.write(out, [row.utterance for row in rows], [f"{value:.6f}" for value in draws])
    return [], {}


STEPS = {"drawn": Step(drawn, block="draw", environment="media")}
BLOCK = "add"


def augment(rows, parent, out, *, drawn, seed: int, factor: float = 1.0):
    noise = [factor * float(text) for text in texts.read(drawn)]
    items = zip(store.Ragged.open(parent), noise, strict=True)
    store.write(out, [np.asarray(item) * np.float32(1 + extra) for item, extra in items], dtype=np.float32)
    return [], {"rows": len(rows)}


def score(rows, parent, child, *, drawn, max_change: float = 0.25):
    changes = [abs(float(text)) for text in texts.read(drawn)]
    return [{"change": change, "reason": "too much" if change > max_change else ""} for change in changes]
'''


def configured() -> dict:
    """A config that reads the planted view, unscaled and scaled, and trains on its copies."""
    config = smallest()
    config["views"] = {"counts": {}, "longer": {"view": "counts", "scale": 2.0}}
    config["views"]["counts_noise"] = {"draw": {"sigma": 0.2}}
    config["weights"] = {}
    config["features"] = {f"{view}.same": {} for view in ("counts", "longer", "counts_noise")}
    config["gate"] = {"counts_noise": {"max_change": 0.3, "min_agreement": 0.0}}
    probe = {"model": "linear_probe", "protocol": "session", "inputs": ["counts.same", "longer.same"]}
    config["runs"] = {"probe": probe, "noisy": probe | {"augment": ["counts_noise"], "versus": "probe"}}
    return config


def plant(project: Project, **changed: str) -> None:
    files = {"views/counts": VIEW, "features/encoders/same": ENCODER, "views/counts_noise": AUGMENTED} | changed
    for name, text in files.items():
        (project.folder / f"emospace/{name}.py").write_text(text, encoding="utf-8")
    project.configure(configured())


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("planted"))
    plant(project)
    return project


def test_one_file_per_plugin_suffices_and_no_other_view_is_planned(planted):
    jobs = planted.planned("all", "augment")
    parts = ["extract_counts", "extract_longer", "augment_counts_noise_drawn", "augment_counts_noise"]
    parts += ["score_counts_noise", "embed_counts_same", "embed_longer_same", "embed_counts_noise_same"]
    assert {name: jobs[name] for name in parts} == dict.fromkeys(parts, 3)
    assert not {name for name in jobs if re.fullmatch("extract_(audio|frames|text)", name)}
    assert (jobs["train"], jobs["gate_fold"], jobs["make_children"]) == (6, 3, 3)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("views/counts", 'KIND = "counts"\n', "", "emospace/views/counts.py: it has no KIND. see View in docs/contr"),
        (
            "views/counts",
            "(rows, root, out,",
            "(rows, out,",
            r"extract\(\) takes \(rows, out\), not \(rows, root, out\)",
        ),
        ("views/counts", '".npy"', '".hdf5"', "SUFFIX is '.hdf5'. it must be '.npy', '.csv' or '.zip'"),
        (
            "views/counts",
            "import numpy",
            "import numpie",
            "cannot be imported .ModuleNotFoundError.*inside functions",
        ),
        (
            "views/counts",
            "scale: float",
            "size: float",
            "views: longer: counts.extract.. got an unexpected option 'scale'",
        ),
        (
            "views/counts_noise",
            "def score",
            "def scores",
            r"counts_noise.py: it has no function score\(\). see Augmented",
        ),
        ("views/counts_noise", 'block="draw"', 'block="drew"', "counts_noise: unknown key 'draw'. did you mean 'drew'"),
        (
            "views/counts_noise",
            '"counts"\n',
            '"count"\n',
            "counts_noise.py: PARENT is 'count', which is not a view. did you mean 'counts'",
        ),
        (
            "views/counts_noise",
            '{"drawn"',
            '{"quality"',
            "counts_noise.py: a step is called 'quality', like another file",
        ),
        ("views/counts_noise", "Step(drawn, ", 'Step(drawn, "parents", ', "reads 'parents'. did you mean 'parent'"),
        (
            "features/encoders/same",
            '("counts",)',
            '("audio",)',
            "'same' does not take the view 'counts'. it takes: audio",
        ),
    ],
)
def test_a_plugin_that_breaks_its_contract_is_rejected_when_planned(planted, file, old, new, words):
    path = planted.folder / f"emospace/{file}.py"
    original = path.read_text(encoding="utf-8")
    assert old in original
    path.write_text(original.replace(old, new), encoding="utf-8")
    try:
        # Bytecode of another variant with this size, written in the same second, would be taken for this one.
        output = planted.run("python", "-c", PLANNED, check=False, PYTHONDONTWRITEBYTECODE="1").stdout
    finally:
        path.write_text(original, encoding="utf-8")
    assert re.search(words, output), output


PLANNED = """
import sys, yaml
from emospace.core.errors import InputError
from emospace.plan.plan import Plan
try:
    Plan(yaml.safe_load(open("config.yaml")))
except InputError as error:
    sys.exit(str(error))
"""


@pytest.mark.slow
@pytest.mark.workflow
def test_the_plugins_run_from_recordings_to_the_report(tmp_path):
    project = Project(tmp_path)
    plant(project)
    project.snakemake("all", "augment", **recording(project))
    assert undeclared(project) == {}
    for part in range(3):
        rows = manifest.read(project.folder / f"data/manifest/demo/{part}.csv")
        once, twice = (
            store.Ragged.open(project.folder / f"data/features/demo/{name}.same/{part}.npy", len(rows))
            for name in ("counts", "longer")
        )
        assert [len(row.text.split()) for row in rows] == [matrix[0, 1] for matrix in once]
        np.testing.assert_allclose([2 * matrix[0, 0] for matrix in once], [matrix[0, 0] for matrix in twice], rtol=1e-6)
        sidecar = read_json(project.folder / f"data/augmented/views/demo/counts_noise/{part}.json")
        assert sidecar["rows"] == len(rows) and sidecar["missing"] == 0
        assert f"data/augmented/views/demo/counts_noise/{part}.drawn.json" in sidecar["inputs"]
    facts = read_json(project.folder / "results/demo/runs/noisy/fold0-1/run.json")
    assert facts["children"]["counts_noise"] > 0
    assert "counts_noise of demo" in (project.folder / "results/demo/report.html").read_text(encoding="utf-8")
    assert project.planned("all", "augment") == {}
    config = configured()
    config["views"]["counts_noise"]["add"] = {"factor": 0.5}  # which does not repeat the draws
    project.configure(config)
    jobs = project.planned("augment")
    assert jobs["augment_counts_noise"] == 3 and not {"augment_counts_noise_drawn", "extract_counts"} & jobs.keys()


# Checks of the job -----------------------------------------------------------------------------------------------


def module(**functions) -> ModuleType:
    """A view of texts with some attributes replaced."""
    view = ModuleType("emospace.views.planted")
    vars(view).update(
        {"__file__": "planted.py", "PACKAGES": (), "KIND": "text", "SUFFIX": ".csv", "read": _reading.lines} | functions
    )
    return view


def writes(names, result):
    """An `extract` or a step that writes texts for these utterances and returns this result."""

    def write(rows, root, out):
        _reading.texts.write(out, names, ["x"] * len(names))
        return result

    return write


def run(folder: Path, monkeypatch, view: ModuleType, script=extract_view, **recipe) -> Path:
    manifest.write(folder / "m.csv", [utterance("d_1"), utterance("d_2")])
    monkeypatch.setattr(plugin, "find", lambda kind, name: view)
    paths = {"manifest": "m.csv", "out": "0.csv", "quality": "0.quality.csv", "sidecar": "0.json", "source": "s.csv"}
    arguments = {name: folder / file for name, file in paths.items()} | {"threads": 1, "weights": [], "read": []}
    args = argparse.Namespace(**arguments, corpus_root=folder, inputs=[], cache=None)
    script.job(args, {"plugin": "planted", "options": {}, **recipe})
    return arguments["out"]


def test_a_view_that_keeps_its_contract_is_written_with_its_facts(tmp_path, monkeypatch):
    run(tmp_path, monkeypatch, module(extract=writes(["d_1", "d_2"], ([], {"words": 2}))))
    assert {"rows": 2, "missing": 0, "words": 2}.items() <= read_json(tmp_path / "0.json").items()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"extract": writes(["d_1"], ([], {}))}, r"planted.py: .* wrote .* holds 1 rows, the manifest 2"),
        ({"extract": writes(["d_1", "d_3"], ([], {}))}, r"planted.py: .* wrote .* row 1 is of 'd_3'"),
        ({"extract": writes(["d_1", "d_2"], None)}, r"planted.extract\(\) returned None. return \(problems, facts\)"),
        (
            {"extract": writes(["d_1", "d_2"], ([], {"x": {1}}))},
            r"planted.extract\(\) returned .*see View in docs/contracts.md",
        ),
        ({"extract": writes(["d_1", "d_2"], ([], {"missing": 1}))}, "its facts say missing: 1, and its file has 0"),
        ({"extract": writes(["d_1", "d_2"], (["odd"], {}))}, r"planted.extract\(\) returned \(\['odd'\]"),
        (
            {"extract": writes(["d_1", "d_2"], ([], {})), "read": lambda path, rows: iter(["x"])},
            "it holds 1 items, the manifest 2 rows; the first without is row 1, 'd_2'",
        ),
        ({"extract": writes(["d_1", "d_2"], ([], {})), "KIND": "audio"}, r"extract\(\) returned no fact sample_rate"),
    ],
)
def test_a_view_that_breaks_its_contract_is_rejected_by_the_job_and_leaves_no_output(
    tmp_path, monkeypatch, changed, words
):
    with pytest.raises(InputError, match=words):
        run(tmp_path, monkeypatch, module(**changed))
    assert {path.name for path in tmp_path.iterdir()} == {"m.csv"}


def test_a_copy_with_too_few_rows_is_rejected_and_leaves_no_output(tmp_path, monkeypatch):
    view = module(PARENT="text", augment=writes(["d_1"], ([], {})))
    for name in ("ENVIRONMENT", "PACKAGES", "GPU", "STEPS", "BLOCK"):
        setattr(view, name, getattr(contracts.AugmentedView, name))
    with pytest.raises(InputError, match="holds 1 rows, the manifest 2"):
        run(tmp_path, monkeypatch, view, augment_view, step="", reader="text")
    assert {path.name for path in tmp_path.iterdir()} == {"m.csv"}


def test_a_copy_of_audio_has_the_sample_rate_of_its_parent_unless_its_facts_name_another(tmp_path, monkeypatch):
    (tmp_path / "s.json").write_text('{"sample_rate": 8000}')
    for facts, rate in (({}, 8000), ({"sample_rate": 22050}, 22050)):
        view = module(PARENT="audio", KIND="audio", augment=writes(["d_1", "d_2"], ([], facts)))
        for name in ("ENVIRONMENT", "PACKAGES", "GPU", "STEPS", "BLOCK"):
            setattr(view, name, getattr(contracts.AugmentedView, name))
        run(tmp_path, monkeypatch, view, augment_view, step="", reader="audio")
        assert read_json(tmp_path / "0.json")["sample_rate"] == rate


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ([{"change": 1.0, "reason": ""}], r"score\(\) gave scores of 1 rows, there are 2"),
        ([{"change": 1.0, "reason": ""}, {"reason": ""}], "gave 'd_2' .*'change' is too much or missing"),
        ([{"change": 1.0, "reason": ""}, {"change": float("nan"), "reason": ""}], "gave 'd_2' nan as change"),
        ([{"change": 1.0, "reason": ""}] * 2, ""),
        ([{"change": None, "reason": "lost"}] * 2, ""),
    ],
)
def test_scores_must_match_the_columns_of_the_view(scores, words):
    rows = [utterance("d_1"), utterance("d_2")]
    if not words:
        assert len(lines(scores, module(COLUMNS=("change",)), rows)) == 2
        return
    with pytest.raises(InputError, match=words):
        lines(scores, module(COLUMNS=("change",)), rows)


# Only the views that are read are extracted -------------------------------------------------------------------------


def texts_alone() -> dict:
    """A config for a corpus with recordings and films, whose runs read only the texts."""
    config = shipped("config.yaml")
    config["features"] = {name: config["features"][name] for name in ("text.sbert", "audio.mfcc", "frames.clip")}
    probe = config["runs"]["probe"] | {"inputs": ["text.sbert"]}
    del config["views"]["frames_aug"]
    return config | {"runs": {"probe": probe}, "protocols": {"session": config["protocols"]["session"]}}


def test_if_only_texts_are_read_no_recording_or_film_is_decoded(project):
    project.configure(texts_alone())
    jobs = project.planned("all", "views", "features")
    planned_jobs = {name for name in jobs if name.startswith(("extract_", "embed_"))}
    assert planned_jobs == {"extract_text", "embed_text_sbert"}


def test_a_corpus_has_only_the_views_that_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = Plan(texts_alone())
    assert plan.read_views("demo") == ["text"]
    config = shipped("config.yaml")
    assert Plan(config).read_views("demo") == ["audio", "frames", "text"]
    config["runs"] = {name: config["runs"][name] for name in ("probe_audio", "probe_random")}
    config["runs"]["probe_random"]["inputs"] = ["audio.mfcc"]
    config["runs"]["probe_audio"]["inputs"] = ["audio.mfcc"]
    # Copies of the frames are compared with their parents, and one of those features is selected by words.
    assert Plan(config).read_views("demo") == ["audio", "frames"]


# Views with another name than their module --------------------------------------------------------------------------


def named(**views) -> dict:
    config = texts_alone()
    config["views"] |= views
    return config


def test_a_view_of_another_name_is_decoded_from_the_source_at_its_own_rate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = named(audio_8k={"view": "audio", "sample_rate": 8000})
    plan = Plan(config)
    recipe = read_json(Path(plan.recipe("extract_view", "audio_8k")))
    assert (recipe["plugin"], recipe["options"]) == ("audio", {"sample_rate": 8000})
    assert read_json(Path(plan.recipe("extract_view", "audio")))["options"] == {}
    assert plan.views.sources("audio_8k") == []
    config["features"]["audio_8k.mfcc"] = {}
    assert Plan(config).views.kind("audio_8k") == "audio"


@pytest.mark.parametrize(
    ("views", "words"),
    [
        ({"audio_8k": {"view": "adio"}}, "views: audio_8k: .*no module 'adio'.* did you mean 'audio'"),
        ({"audio_8k": {"view": "audio", "rate": 8000}}, "audio_8k: audio.extract.. got an unexpected option 'rate'"),
        ({"heard": {"view": "text", "source": "recognised"}}, "heard: recognised texts need the option 'audio'"),
        ({"heard": {"view": "text", "source": "given", "audio": "audio"}}, "have no effect with this `source`"),
        ({"heard": {"view": "text", "source": "heard"}}, "source: it is 'heard'. it must be 'given', 'recognised'"),
        ({"told": {"view": "text", "source": "simulated", "template": "x"}}, "told: template: it has no {label}"),
        ({"frames_aug": {"gate": {}}}, "views: frames_aug: 'gate' belongs to its gate. write gate: {frames_aug:"),
    ],
)
def test_wrong_options_of_views_are_rejected_by_name(views, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        Plan(named(**views))


def heard(**changed) -> dict:
    files = dict.fromkeys(["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"])
    view = {"view": "text", "source": "recognised", "audio": "audio", "weights": "hears"}
    config = named(heard=view | {"recognise": {"engine": "whisper"}} | changed)
    config["weights"]["hears"] = {"source": "local", "path": "somewhere", "files": files}
    config["features"]["heard.sbert"] = config["features"]["text.sbert"]
    config["runs"]["probe"]["inputs"] = ["heard.sbert"]
    return config


def test_recognised_texts_read_an_audio_view_and_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = Plan(heard())
    assert plan.read_views("demo") == ["audio", "heard"] and not plan.views.leaky("heard")
    assert "weights/hears/weights.json" in plan.fetched()
    for changed, words in (
        ({"weights": "ears"}, "heard: there is no 'ears' in weights"),
        ({"audio": "frames"}, "frames: it contains frames, not audio"),
        ({"audio": "adio"}, "heard: there is no view 'adio'. did you mean 'audio'"),
        ({"recognise": {"engine": "vosk"}}, "heard: recognise: weights: 'hears' has no am/final.mdl"),
        ({"recognise": {"engine": "whisper", "beams": 2}}, "recognise: .* unexpected option 'beams'"),
    ):
        with pytest.raises(InputError, match=words):
            Plan(heard(**changed))


def test_recognition_at_another_sample_rate_is_rejected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = heard(audio="audio_8k")
    config["views"]["audio_8k"] = {"view": "audio", "sample_rate": 8000}
    with pytest.raises(InputError, match="views: audio_8k: its sample rate is 8000 Hz, but recognisers need 16000"):
        Plan(config)


def test_a_view_that_reveals_labels_leaks_and_so_does_its_copy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = Plan(named(told={"view": "text", "source": "simulated", "leaky": True}))
    assert [plan.views.leaky(view) for view in ("told", "text", "audio")] == [True, False, False]
    config = named(text={"source": "simulated", "leaky": True}, text_bt={"chain": ["a", "b"]})
    config["weights"] |= {name: {"source": "local", "path": "x", "files": {"a": None}} for name in "ab"}
    config["features"]["text_bt.sbert"] = config["features"]["text.sbert"]
    assert Plan(config).views.leaky("text_bt") and Plan(config).leaks_of("text_bt.sbert") == {"text"}
    del config["views"]["text"]["leaky"]
    with pytest.raises(InputError, match=r"text: its items are derived from the labels of its rows.*leaky: true"):
        Plan(config)


def test_the_code_of_a_step_does_not_include_that_of_other_steps(tmp_path, monkeypatch):
    """Otherwise a change of the voice or of the gate would repeat recognition."""
    monkeypatch.chdir(tmp_path)
    config = shipped("configs/iemocap_augmented.yaml")
    plan = Plan(config)
    code = {
        (rule, key): {Path(file).stem for file in read_json(path)["code"] if "emospace/" in file}
        for (rule, key), path in plan.recipes.items()
        if rule.endswith("_view") and key.startswith("audio_tts")
    }
    named = {key: {"recognition", "translation", "synthesis"} & files for key, files in code.items()}
    assert named == {
        ("augment_view", "audio_tts.recognised"): {"recognition"},
        ("augment_view", "audio_tts.spoken"): {"translation"},
        ("augment_view", "audio_tts"): {"synthesis"},
        ("augment_view", "audio_tts.heard"): {"recognition"},
        ("score_view", "audio_tts"): set(),
    }
    assert all("audio_tts" in files for files in code.values())  # it names the functions


def test_weights_that_a_view_names_by_default_are_in_its_recipe(monkeypatch):
    """Otherwise the plug-in would get their names, where the contract promises the weights themselves."""

    def extract(rows, root, out, *, one: NamedWeights = "a", more: Chain = ("b", "c"), none: NamedWeights = ""):
        """Never called."""

    view = module(extract=extract, ENVIRONMENT="media")
    monkeypatch.setattr(plugin, "find", lambda kind, name: view)

    def weights_and_options(options: dict) -> tuple:
        config = {"views": {"said": options}, "seed": 1}
        plan = SimpleNamespace(views=Views(config), config=config)
        *_, content = recipes._step("extract_view", "said", plan, "said")
        return content["weights"], content["options"]

    assert weights_and_options({}) == ({"one": "a", "more": ("b", "c")}, {})
    assert weights_and_options({"one": "d", "more": [], "none": ""}) == ({"one": "d", "more": []}, {"none": ""})
