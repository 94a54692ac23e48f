"""Documentation stays sound: short lines, working links, an index of all pages, a current citation."""

import re
import tomllib

import pytest
import yaml
from conftest import ROOT, Project

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("configs/**/*.md")])
GENERATED = ROOT / "docs/contracts.md"  # made from docstrings, whose width ruff checks
PRESETS = sorted(["config.yaml", *(f"configs/{path.name}" for path in ROOT.glob("configs/*.yaml"))])
WIDTH = 119
FOLDERS = "emospace|rules|workflow_scripts|tests|benchmarks|envs|profiles|schemas"
PATH = re.compile(rf"(?<![\w./-])(?:{FOLDERS})/[\w./*{{}},-]*[\w*}}/](?![\w<])")
DOTTED = re.compile(r"(?<![\w./-])emospace(?:\.\w+)+")
CODE = re.compile(r"`([\w./]+\.(?:py|smk))`")


def text(path) -> str:
    return path.read_text(encoding="utf-8")


def costs() -> str:
    """The README's table of what each preset costs."""
    return text(ROOT / "README.md").partition("### What each preset costs")[2].partition("\n## ")[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_are_short(page):
    if page != GENERATED:
        assert [line for line in text(page).splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text(page)):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_the_readme_lists_every_page_and_shows_the_report():
    readme = text(ROOT / "README.md")
    listed = re.findall(r"\((docs/\w+\.md|[A-Z]+\.md)\)", readme.partition("## Documentation")[2])
    pages = {str(page.relative_to(ROOT)) for page in [*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")]}
    assert pages == {*listed, "README.md"}
    picture = ROOT / re.search(r"!\[.+\]\((.+)\)", readme)[1]
    assert picture.stat().st_size < 200_000


def test_every_preset_has_its_cost_in_the_readme():
    assert sorted(re.findall(r"^\| `([\w/.]+)`", costs(), re.MULTILINE)) == PRESETS


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_the_readme_counts_the_jobs_of_a_preset(tmp_path, preset):
    told = re.search(rf"^\| `{re.escape(preset)}`[^|]* \| (\d+) \|", costs(), re.MULTILINE)[1]
    planned = Project(tmp_path).planned("--configfile", preset)
    assert int(told) == sum(planned.values()) - planned["all"]


def test_make_targets_and_scripts_that_pages_name_exist():
    targets = re.findall(r"^([\w-]+):", text(ROOT / "Makefile"), re.MULTILINE)
    for page in PAGES:
        named = re.findall(r"\bmake ([a-z][\w-]*)(?=[`;,]|  |$)", text(page), re.MULTILINE)
        assert set(named) <= set(targets), page.name
        modules = re.findall(r"python -m ((?:workflow_scripts|benchmarks)[\w.]*)", text(page))
        files = [ROOT / module.replace(".", "/") for module in modules]
        assert all(file.is_dir() or file.with_suffix(".py").exists() for file in files), page.name


def prose(page) -> str:
    """Return a page without names of missing files: example plug-ins, and old names in the changelog's tables."""
    lines = [line for line in text(page).splitlines() if not line.startswith(("Example, `", "    "))]
    return "\n".join(line.rstrip("| ").rpartition("|")[2] if line.startswith("|") else line for line in lines)


def exists(path: str) -> bool:
    """Whether a path, or each alternative of {a,b}, names a file or folder; wildcards are allowed."""
    if braces := re.search(r"\{([^{}]*)\}", path):
        return all(exists(path.replace(braces[0], one, 1)) for one in braces[1].split(","))
    return any(ROOT.glob(path.strip("/")))


def defines(name: str) -> bool:
    """Whether a dotted name is a project module or a name defined at the top level of one."""
    folder, _, last = name.replace(".", "/").rpartition("/")
    if any((ROOT / f"{folder}/{last}{suffix}").exists() for suffix in (".py", "/__init__.py")):
        return True
    module = next((m for s in (".py", "/__init__.py") if (m := ROOT / f"{folder}{s}").is_file()), None)
    return bool(module and re.search(rf"^(?:(?:class|def) )?{re.escape(last)}\b", text(module), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_pages_name_exist(page):
    content = prose(page)
    assert [path for path in PATH.findall(content) if not exists(path)] == []
    assert [name for name in DOTTED.findall(content) if not defines(name)] == []
    files = [f"/{file.relative_to(ROOT)}" for ending in ("py", "smk") for file in ROOT.glob(f"[!.]*/**/*.{ending}")]
    assert [name for name in CODE.findall(content) if not any(file.endswith(f"/{name}") for file in files)] == []


def test_the_citation_is_that_of_the_project():
    cited = yaml.safe_load(text(ROOT / "CITATION.cff"))
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    assert cited["cff-version"] == "1.2.0" and cited["message"] and cited["authors"]
    found = (cited["title"], cited["version"], cited["license"])
    assert found == (project["name"], project["version"], project["license"])
