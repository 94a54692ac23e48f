"""The learning curve: runs on draws of train rows, averaged, and compared within each draw.

Covers: evaluation/draws.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from _results import LABELS, corpus, protocol, rows, run

from emospace.core import records
from emospace.core.errors import InputError
from emospace.core.provenance import read_json
from emospace.evaluation import measures
from emospace.evaluation.draws import pooled
from emospace.evaluation.intervals import estimate
from emospace.evaluation.trained_run import Run, RunFiles
from workflow_scripts import analyse

DRAWS = {"r6_1": (6, 1), "r6_2": (6, 2), "r12_1": (12, 1), "session": None}
SYSTEMS = {f"{name}_{on}": name for name in ("probe", "space") for on in DRAWS}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A probe, and a better system with two seeds, each on three draws and on all train rows of five sessions."""
    folder = tmp_path_factory.mktemp("tree")
    corpus(folder, rows(sessions=5))
    for on, draw in DRAWS.items():
        protocol(folder, on, folds=5, **({"train_rows": draw[0], "draw": draw[1]} if draw else {}))
        run(folder, f"probe_{on}", protocol=on, right=0.4)
        run(folder, f"space_{on}", protocol=on, right=0.8, seeds=(1, 2))
    return folder


def about(name: str, system: str) -> dict:
    model = "linear_probe" if system == "probe" else "unified"
    known = {
        "run": name,
        "model": model,
        "inputs": [],
        "labels": {"toy": LABELS},
        "rows": {},
        "corpora": {"toy": "toy"},
    }
    return known | {"protocol": name.partition("_")[2], "leaky": False, "leaks": [], "corpus": "toy"}


def make(tree, out, names=tuple(SYSTEMS), **options) -> dict:
    base = tree / "data/protocols/toy"
    args = {"manifest": [tree / "data/manifest/toy.csv"], "manifest_sidecar": [tree / "data/manifest/toy.json"]}
    args |= {"protocol": sorted(base.glob("*.json")), "folds": sorted(base.glob("*/*.csv"))}
    args |= {"run_dirs": sorted(tree.glob("results/runs/toy/*/*")), "input_sidecars": [], "parents": [], "input": []}
    recipe = {"analysis": "c", "plugin": "learning_curve", "seed": 3, "options": {"systems": SYSTEMS} | options}
    recipe |= {"outputs": ["learning_curve.csv", "draws.csv", "learning_curve.svg"]}
    recipe |= {"runs": [about(name, SYSTEMS[name]) for name in names]}
    analyse.job(SimpleNamespace(**args, out=out, threads=1, weights=[], manifests=[]), recipe)
    return read_json(out / "analysis.json")["facts"]


def loaded(tree, name: str) -> Run:
    base, spec = tree / "data/protocols/toy", about(name, SYSTEMS[name])
    tables = sorted((base / spec["protocol"]).glob("*.csv"))
    folders = sorted((tree / f"results/runs/toy/{name}").iterdir())
    files = RunFiles(folders, tables, base / f"{spec['protocol']}.json", [tree / "data/manifest/toy.csv"], {}, {})
    return Run(spec | {"seed": 3}, files)


def test_draws_are_averaged_and_differences_are_taken_within_each(tree, tmp_path):
    assert make(tree, tmp_path) == {"metric": "UA", "versus": "probe"}
    table = records.read(tmp_path / "learning_curve.csv")
    assert [(line["system"], line["train_rows"], line["draws"]) for line in table] == [
        (system, count, draws)
        for system in ("probe", "space")
        for count, draws in (("6", "2"), ("12", "1"), ("36", "1"))
    ]
    score = {}
    for name in SYSTEMS:
        one = loaded(tree, name)
        score[name] = one.measured(one.predictions.probabilities)["value"]
    lines = {(line["system"], line["train_rows"]): line for line in table}
    mean = {system: np.mean([score[f"{system}_r6_{k}"] for k in (1, 2)]) for system in ("probe", "space")}
    few = lines["space", "6"]
    assert float(few["value"]) == pytest.approx(mean["space"], abs=1e-4) and few["seeds"] == "2" and few["n"] == "60"
    assert float(few["difference"]) == pytest.approx(mean["space"] - mean["probe"], abs=1e-4)
    assert float(few["difference_lo"]) < float(few["difference"]) < float(few["difference_hi"])
    assert not lines["probe", "6"]["difference"] and lines["space", "36"]["versus"] == "probe"
    drawn = {line["run"]: line for line in records.read(tmp_path / "draws.csv")}
    assert drawn["space_r6_2"]["draw"] == "2" and drawn["space_session"]["draw"] == "all"
    gain = score["space_r6_2"] - score["probe_r6_2"]
    assert float(drawn["space_r6_2"]["difference"]) == pytest.approx(gain, abs=1e-4)
    assert (tmp_path / "learning_curve.svg").read_text(encoding="utf-8").count("<svg") == 1


def test_each_system_can_have_a_rival_of_its_own(tree, tmp_path):
    make(tree, tmp_path / "own", versus={"probe": "space"})
    make(tree, tmp_path / "default")
    table, default = (records.read(tmp_path / name / "learning_curve.csv") for name in ("own", "default"))
    assert [line["versus"] for line in table] == ["space"] * 3 + [""] * 3
    for own, other in zip(table[:3], default[3:], strict=True):
        assert float(own["difference"]) == pytest.approx(-float(other["difference"]), abs=1e-4)


def test_a_system_without_the_draws_of_its_rival_has_no_difference(tree, tmp_path):
    make(tree, tmp_path, ["probe_r6_1", "space_r6_2", "space_r12_1"])
    assert [line["difference"] for line in records.read(tmp_path / "learning_curve.csv")] == ["", "", ""]


REFUSED = [
    ({"versus": "spaec"}, "there is no system 'spaec'"),
    ({"versus": {"space": "prob"}}, "there is no system 'prob'"),
    ({"versus": {"spcae": "probe"}}, "there is no system 'spcae'"),
    ({"systems": dict.fromkeys(SYSTEMS, "one")}, "repeats a draw or has other seeds"),
]


@pytest.mark.parametrize(("options", "reason"), REFUSED)
def test_curves_that_make_no_sense_are_refused(options, reason, tree, tmp_path):
    with pytest.raises(InputError, match=reason):
        make(tree, tmp_path, **options)


def test_runs_that_test_other_rows_are_refused(tree):
    from emospace.analyses.learning_curve import _refuse_other_rows

    one, other = loaded(tree, "probe_r6_1"), loaded(tree, "probe_r6_2")
    _refuse_other_rows([one, other])
    other.truth.rows.pop()
    with pytest.raises(InputError, match="test different rows"):
        _refuse_other_rows([one, other])


def tables(seed: int, draws: int, luck: float) -> tuple[list, list]:
    """Confusion counts of two systems that share the luck of each draw; the second is worse by .1."""
    chance, right = np.random.default_rng(seed), []
    base = chance.normal(0, 0.03, 12)
    for _ in range(draws):
        right.append(0.6 + base + chance.normal(0, luck))
    sides = ([], [])
    for share in right:
        for side, less in zip(sides, (0, 0.1), strict=True):
            hits = 100 * (share - less)
            side.append(np.stack([hits, 100 - hits, 100 - hits, hits], -1)[None])
    return sides


def test_luck_that_two_systems_share_widens_their_scores_but_not_their_difference():
    value = measures.value("UA")
    calm, wild = (tables(1, 3, luck) for luck in (0.0, 0.1))
    widths = [
        [r.hi - r.lo for r in (pooled(value, mine, seed=1), pooled(value, mine, other, seed=1))]
        for mine, other in (calm, wild)
    ]
    assert widths[1][0] > 3 * widths[0][0] and widths[1][1] == pytest.approx(widths[0][1], abs=1e-6)
    assert pooled(value, *wild, seed=1).value == pytest.approx(0.1)


def test_one_draw_is_scored_like_any_run():
    mine, other = tables(2, 1, 0.05)
    value = measures.value("UA")
    assert pooled(value, mine, other, seed=1) == estimate(value, mine[0], other[0], seed=1)
