"""Command-line arguments that name files of a job; the paths contain no characters that are special to a shell."""

from collections.abc import Mapping

from emospace.plan.paths import Paths


def read(files: Mapping[str, str], wildcards: Mapping[str, str]) -> str:
    """Return `--read NAME=FILE ...` from name -> pattern."""
    return " ".join(["--read", *(f"{name}={file.format(**wildcards)}" for name, file in files.items())])


def taken_by_view(paths: Paths, view: str, step: str = "") -> dict[str, str]:
    """Return argument -> pattern of each file that a job of a view takes by name."""
    views = paths.plan.views
    make, named = views.step(view, step).make, views.named(view, step, "views")
    files = {option: paths.view(names[0]) for option, names in named.items() if names}
    files |= {name: paths.step(view, name) for name in views.reads(make, view)}
    return files | ({"words": paths.words} if views.takes(make, "words") else {})


def taken_by_score(paths: Paths, view: str) -> dict[str, str]:
    """Return the same for the scores of an augmented view."""
    views = paths.plan.views
    return {step: paths.step(view, step) for step in views.reads(views.module(view).score, view)}


def cache(paths: Paths, view: str, step: str, wildcards: Mapping[str, str]) -> str:
    """Return `--cache FOLDER`, from which a killed job of a view resumes, or "" if the job takes no cache."""
    takes = paths.plan.views.takes(paths.plan.views.step(view, step).make, "cache")
    folder = f".emospace/views/{{corpus}}/{view}{step and '.'}{step}/{{part}}"
    return f"--cache {folder.format(**wildcards)}" if takes else ""


def inputs(paths: Paths, run: str) -> list[str]:
    """Return `--input NAME FILE...` for each view and feature that a run reads."""
    protocol = paths.plan.run(run)["protocol"]
    return [f"--input {name} {' '.join(paths.of_protocol(name, protocol))}" for name in paths.plan.sources(run)]


def of_training(paths: Paths, run: str, fold: str, seed: str) -> str:
    """Return `--input NAME FILE... --exchange INPUT REPLACEMENT FILE... --runs RUN=FOLDER... --asked RUN...`."""
    plan, words = paths.plan, inputs(paths, run)
    for name, _, replacement in plan.exchanges(run):
        files = paths.of_protocol(replacement, plan.run(run)["protocol"])
        words.append(f"--exchange {name} {replacement} {' '.join(files)}")
    parents = [f"{parent}={folder}" for parent, folder in paths.parent_folders(run, fold, seed).items()]
    return " ".join([*words, "--runs", *parents, "--asked", *plan.parents_on_train(run)])


def of_analysis(paths: Paths, run: str, analysis: str) -> str:
    """Return `--input NAME FILE... --view NAME FILE... --parents RUN=FOLDER...`."""
    protocol = paths.plan.run(run)["protocol"]
    views = [
        f"--view {name} {' '.join(paths.of_protocol(name, protocol))}" for name in paths.plan.analysed_views(analysis)
    ]
    parents = [f"{parent}={folder}" for parent in paths.plan.parents(run) for folder in paths.run_folders(parent)]
    return " ".join([*inputs(paths, run), *views, *(["--parents", *parents] if parents else [])])


def of_export(paths: Paths, corpus: str) -> str:
    """Return `--feature NAME FILE...` for each exported feature."""
    return " ".join(f"--feature {name} {' '.join(paths.of_corpus(name, corpus))}" for name in paths.plan.exported())
