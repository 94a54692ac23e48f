"""A small results tree with known scores: manifest, protocol and audit by the real scripts, synthetic predictions."""

import csv
import json
import subprocess
from pathlib import Path

import numpy as np
from _programs import run_script
from conftest import utterance

from emospace.core import manifest
from emospace.core.provenance import write_json
from emospace.evaluation.measures import DEFAULT

CLASSES = ["ang", "hap", "neu"]
LABELS = {"name": "three", "map": {"ang": "ang", "hap": "hap", "exc": "hap", "neu": "neu"}}
CODES = {code: code for code in LABELS["map"]} | {"xxx": "no agreement"}


def script(folder: Path, name: str, recipe: dict, *arguments, check: bool = True) -> subprocess.CompletedProcess:
    """Run `python -m workflow_scripts.<name>` in a folder, as the workflow does."""
    path = folder / f"{name}.recipe.json"
    path.write_text(json.dumps(recipe), encoding="utf-8")
    done = run_script(name, "--recipe", path, *arguments, cwd=folder)
    assert not check or done.returncode == 0, done.stderr
    return done


def rows(sessions: int = 3, each: int = 6, shared: bool = False) -> list[manifest.Utterance]:
    """Return rows with two speakers per session, who share its dialogues or speak in dialogues of their own.

    Half of the rows are scripted; scripted texts are the same in every session.
    """
    found = []
    for session in range(sessions):
        for gender in "FM":
            for i in range(each):
                text = f"line {i}" if i % 2 else f"free words {session} {gender} {i}"
                name = f"S{session}{'script' if i % 2 else 'impro'}_{gender}{i:03d}"
                place = {"session": f"S{session}", "speaker": f"S{session}{gender}", "gender": gender, "text": text}
                label = ("ang", "hap", "exc", "neu")[i % 4]
                dialogue = f"S{session}_{'' if shared else gender}{i % 2}"
                found.append(utterance(name, scripted=bool(i % 2), label=label, dialogue=dialogue, **place))
    return sorted(found, key=lambda row: row.utterance)


def corpus(folder: Path, found: list[manifest.Utterance], name: str = "toy", **about) -> None:
    """Write a manifest with its sidecar, and a quality table without problems."""
    manifest.write(folder / f"data/manifest/{name}.csv", found)
    manifest.write_problems(folder / f"data/quality/{name}.csv", [])
    media = sorted({path for row in found for path in (row.audio, row.video)} - {""})
    (folder / "digests.sha256").write_text("".join(f"digest of {path}  {path}\n" for path in media), encoding="utf-8")
    counts = {key: dict.fromkeys({getattr(r, key) for r in found}, 1) for key in ("label", "speaker", "gender")}
    facts = {"licence": "made up", "public": True, "citation": "nobody", "note": "", "codes": CODES, "counts": counts}
    facts |= {"rows": len(found), "seconds": 12.0, "missing": {"audio": 0, "video": 0, "text": 0}}
    write_json(folder / f"data/manifest/{name}.json", facts | about)


def plan_of(name: str = "session", corpus: str = "toy", leaky: bool = False, split: str = "session") -> dict:
    """A protocol as a recipe describes it."""
    about = {"protocol": name, "corpus": corpus, "corpora": {corpus: "toy"}, "split": "random" if leaky else split}
    about |= {"leaky": leaky, "labels": {corpus: LABELS}, "rows": {}, "options": {}, "files": {}, "seed": 1}
    return about | {"sides": ["train", "dev", "test"]}


def protocol(
    folder: Path,
    name: str = "session",
    corpus: str = "toy",
    leaky: bool = False,
    folds: int = 3,
    split: str = "session",
    **more,
) -> None:
    """Make the fold tables and the audit with the workflow's scripts."""
    about = plan_of(name, corpus, leaky, split) | more
    base, table = folder / f"data/protocols/{corpus}/{name}", folder / f"data/manifest/{corpus}"
    tables = [base / f"fold{i}.csv" for i in range(folds)]
    shared = ["--manifest", f"{table}.csv", "--manifest-sidecar", f"{table}.json"]
    script(folder, "make_protocol", about | {"folds": folds}, *shared, "--out", *tables, "--sidecar", f"{base}.json")
    read = ["--protocol", f"{base}.json", "--folds", *tables, "--digests", folder / "digests.sha256"]
    out = folder / f"data/audit/{corpus}/{name}.json"
    script(folder, "audit_protocol", about, *shared, *read, "--out", out)


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def write_csv(path: Path, lines: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def run(
    folder: Path,
    name: str = "probe",
    *,
    right: float = 0.7,
    seeds: tuple[int, ...] = (1,),
    corpus: str = "toy",
    protocol: str = "session",
    gender: bool = False,
    embedding: int = 0,
    random_inputs: tuple[str, ...] = (),
    in_sample: tuple[str, ...] = (),
) -> list[Path]:
    """Write what `train` writes, except the state, for a run that predicts correctly with probability `right`."""
    truth = {r.utterance: LABELS["map"].get(r.label) for r in manifest.read(folder / f"data/manifest/{corpus}.csv")}
    folders = []
    for seed in seeds:
        for k, table in enumerate(sorted((folder / f"data/protocols/{corpus}/{protocol}").glob("fold*.csv"))):
            random = np.random.default_rng([seed, k, len(name)])
            home = folder / f"results/runs/{corpus}/{name}/{table.stem}-{seed}"
            lines = [line for side in ("dev", "test") for line in read_csv(table) if line["split"] == side]
            write_csv(home / "probabilities.csv", [_guess(line, truth, random, right, gender) for line in lines])
            losses = [{"epoch": e, "dev_ua": 0.5 + 0.1 * (e == 2), "loss": 1 / e} for e in (1, 2, 3)]
            write_csv(home / "history.csv", losses)
            np.save(home / "embeddings.npy", random.normal(size=(len(lines), embedding)).astype(np.float32))
            recipe = {"run": name, "options": {"width": 8}, "inputs": ["audio.mfcc"], "code": {}}
            facts = {
                "facts": {"epoch": 2},
                "random_inputs": list(random_inputs),
                "missing": [],
                "in_sample_runs": list(in_sample),
                "versions": {},
            }
            write_json(home / "run.json", {"recipe": recipe, **facts})
            folders.append(home)
    return folders


def _guess(line: dict, truth: dict, random: np.random.Generator, right: float, gender: bool) -> dict:
    label = truth[line["utterance"]]
    others = [name for name in CLASSES if name != label]
    guess = label if random.random() < right else others[random.integers(len(others))]
    values = {name: "0.6" if name == guess else "0.2" for name in CLASSES}
    sides = {"gender_F": "0.75", "gender_M": "0.25"} if gender else {}
    return {"utterance": line["utterance"], "split": line["split"], "present": 1, **values, **sides}


def evaluation_arguments(
    folder: Path, name: str, baseline: str, corpus: str = "toy", protocol: str = "session"
) -> list:
    """Arguments of `evaluate` for a run, as the workflow passes them."""
    base, out = f"data/protocols/{corpus}/{protocol}", f"results/evaluation/{corpus}/{name}"
    runs, others = (sorted(folder.glob(f"results/runs/{corpus}/{n}/fold*")) for n in (name, baseline))
    arguments = ["--manifest", f"data/manifest/{corpus}.csv", "--protocol", f"{base}.json"]
    arguments += ["--folds", *sorted(p.relative_to(folder) for p in (folder / base).glob("*.csv"))]
    arguments += ["--run-dirs", *(p.relative_to(folder) for p in runs)]
    arguments += ["--baseline-dirs", *(p.relative_to(folder) for p in others if name != baseline)]
    return [*arguments, *(f"--{o}={out}/{f}" for o, f in OUTPUTS.items())]


OUTPUTS = {"out": "metrics.json", "predictions": "predictions.csv", "confusion": "confusion.csv"}


def evaluate(
    folder: Path,
    name: str,
    baseline: str = "probe",
    *,
    leaky: bool = False,
    check: bool = True,
    stochastic=(),
    metrics=DEFAULT,
    compare_by: str = "UA",
    versus_protocol: str = "",
    **where,
):
    """Score a run with the real script. stochastic: names of the runs that depend on their seed.

    versus_protocol: the baseline's protocol, if it differs.
    """
    about = {"run": name, "model": "toy_model", "corpus": "toy", "protocol": "session", "baseline": baseline} | where
    labels = {about["corpus"]: LABELS}
    recipe = about | {"options": {"draws": 200}, "seed": 1, "leaky": leaky, "labels": labels}
    recipe |= {"corpora": {about["corpus"]: "toy"}, "rows": {}, "leaks": ["protocol"] if leaky else []}
    recipe |= {"metrics": list(metrics), "compare_by": compare_by, "other": None}
    recipe |= {"stochastic": [bool(name in stochastic) for name in (name, baseline)]}
    arguments = evaluation_arguments(folder, name, baseline, **where)
    if versus_protocol:
        recipe["other"] = {"protocol": versus_protocol, "labels": labels, "rows": {}, "leaky": False}
        base = f"data/protocols/{about['corpus']}/{versus_protocol}"
        arguments += ["--other-manifest", f"data/manifest/{about['corpus']}.csv", "--other-protocol", f"{base}.json"]
        arguments += ["--other-folds", *sorted(p.relative_to(folder) for p in (folder / base).glob("*.csv"))]
    return script(folder, "evaluate", recipe, *arguments, check=check)
