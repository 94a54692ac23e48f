"""No job evaluates or unpickles data, and no name injects commands into a shell or markup into a page.

weights/test_fetch.py covers downloads, weights/test_archives.py the unpacking of archives.
"""

import ast
import re
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from _reports import Page
from conftest import ROOT, Project

CODE = sorted([*(ROOT / "emospace").rglob("*.py"), *(ROOT / "workflow_scripts").rglob("*.py")])
RULES = sorted([ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "pty"}
BUILTINS = {"eval", "exec", "compile", "__import__", "input"}
CALLS = {"torch.load", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "pandas.read_pickle", "pd.read_pickle"}
HARMLESS = {"yaml.load(content, loader)"}  # in emospace/weights/marian.py, which only passes loaders of plain values
CALLS |= {"tarfile.TarFile.extractall", "builtins.eval", "joblib.load", "subprocess.getoutput"}

# Values that need no shell quoting: numbers, names restricted by the config schema or a wildcard pattern (letters,
# digits, _ and .), and arguments built from such names and the project's own paths.
PLAIN = {"threads", "wildcards.part", "wildcards.corpus", "wildcards.seed", "wildcards.view", "params.parts"}
PLAIN |= {"params.features", "params.weights", "params.inputs", "params.known", "params.cache", "params.read"}


def faults(source: str) -> Iterator[str]:
    """Yield calls and imports that could execute the data they read."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            yield from (name for name in names if name.partition(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        name, options = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        if ast.unparse(node) in HARMLESS:
            continue
        if name in BUILTINS | CALLS or name.endswith((".extractall", ".getoutput")):
            yield name
        if options.get("shell", "False") != "False" or options.get("allow_pickle", "False") != "False":
            yield name
        if options.get("trust_remote_code", "False") != "False" or options.get("use_safetensors", "True") != "True":
            yield name
        if name == "np.load" and "allow_pickle" not in options:
            yield name


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_evaluated_or_unpickled(path):
    assert not list(faults(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "planted",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "torch.load(path, weights_only=True)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "subprocess.run(command, shell=True)",
        "os.system(command)",
        "yaml.load(handle)",
        "yaml.load(handle, Loader=yaml.Loader)",
        "archive.extractall(folder)",
        "Model.from_pretrained(name, trust_remote_code=True)",
        "Model.from_pretrained(name, use_safetensors=False)",
    ],
)
def test_what_would_be_is_seen(planted):
    assert list(faults(planted))
    assert not list(faults("np.load(path, allow_pickle=False)\nnetwork.eval()\nsubprocess.run(command)"))


def commands(text: str) -> str:
    """The text of all shell commands in a rule file."""
    return "".join(re.findall(r"\bshell:\n((?:\s+f?\"[^\n]*\"\n)+)", text))


def test_every_name_in_a_command_is_quoted():
    texts = [path.read_text(encoding="utf-8") for path in RULES]
    assert sum(text.count("shell:") for text in texts) == sum(len(re.findall("python -m", commands(t))) for t in texts)
    found = {name for text in texts for name in re.findall(r"(?<!{){([^{}]+)}(?!})", commands(text))}
    bare = {name for name in found if not name.endswith(":q")}
    assert len(found) > 50 and bare == PLAIN, bare ^ PLAIN


EVIL = "$(touch owned) ;touch owned; `touch owned` <script>owned=1</script> \"x\" 'y' &amp; -rf *"


@pytest.fixture
def hostile(tmp_path) -> Project:
    """A project with tones in the layout of RAVDESS; its folder and file names contain shell commands and markup."""
    folder = tmp_path / EVIL.replace("/", "")
    folder.mkdir()
    project = Project(folder)
    root = project.folder / "data/raw/corpus" / EVIL.replace("/", "")
    for actor in range(1, 7):
        for emotion in ("03", "04"):
            for repetition in ("01", "02"):
                path = root / f"Actor_{actor:02d}" / f"03-01-{emotion}-01-01-{repetition}-{actor:02d}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                steps = np.arange(16_000) * (actor + 10 * int(emotion)) / 500
                soundfile.write(path, 0.3 * np.sin(steps), 16_000)
    (root / "Actor_01" / f"{EVIL.replace('/', '')}.wav").write_bytes(b"no sound")
    config = {
        "name": "demo",
        "seed": 1,
        "corpora": {"ravdess": {"root": "data/raw/corpus", "parts": 3}},
        "views": {"audio": {}},
        "features": {"audio.mfcc": {}},
        "protocols": {"actors": {"corpus": "ravdess", "split": "actors", "labels": "two", "folds": 3}},
        "labels": {"two": {"03": "happy", "04": "sad"}},
        "runs": {"probe": {"model": "linear_probe", "protocol": "actors", "inputs": ["audio.mfcc"]}},
    }
    project.configure(config)
    return project


@pytest.mark.workflow
def test_hostile_names_of_files_and_folders_are_names(hostile):
    hostile.snakemake(EMOSPACE_RAVDESS=str(hostile.folder / "data/raw/corpus"))
    assert not [path for path in hostile.folder.rglob("*") if path.name.startswith("owned")]
    assert "<script>" in (hostile.folder / "data/quality/demo/ravdess.csv").read_text(encoding="utf-8")
    html = (hostile.folder / "results/demo/report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert "touch owned" in page.text() and "script" not in page.tags
