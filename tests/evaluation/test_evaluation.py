"""The `evaluate` and `summarize` jobs: scores equal scikit-learn's; predictions that do not fit are rejected.

Covers: evaluation/description, evaluation/summary_rows, evaluation/tables.
"""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from _results import CLASSES, LABELS, OUTPUTS, corpus, evaluate, protocol, read_csv, rows, run, script, write_csv
from sklearn import metrics as reference

from emospace.core import manifest
from emospace.evaluation.dvc_plots import numbers
from emospace.evaluation.measures import DEFAULT
from emospace.evaluation.summary_rows import correct, summary_row
from emospace.evaluation.tables import no_p, p_text, table

RESULT = "results/evaluation/toy/{}/metrics.json"


@pytest.fixture
def tree(tmp_path):
    """A corpus of 36 rows and 6 speakers under leave-one-session-out over three sessions."""
    corpus(tmp_path, rows())
    protocol(tmp_path)
    return tmp_path


def metrics(folder, name: str = "probe") -> dict:
    return json.loads((folder / RESULT.format(name)).read_text(encoding="utf-8"))


def joined(folder, seed: int = 1, name: str = "probe") -> dict[str, tuple[str, str, str]]:
    """Utterance -> (true class, predicted class, fold), joined independently of the code under test."""
    label = {r.utterance: LABELS["map"][r.label] for r in manifest.read(folder / "data/manifest/toy.csv")}
    result = {}
    for path in folder.glob(f"results/runs/toy/{name}/fold*-{seed}/probabilities.csv"):
        for line in read_csv(path):
            if line["split"] == "test":
                guess = max(CLASSES, key=lambda c: float(line[c]))
                result[line["utterance"]] = label[line["utterance"]], guess, path.parent.name.partition("-")[0]
    return result


def scores(pairs) -> dict[str, float]:
    truth, guess = zip(*((t, g) for t, g, *_ in pairs), strict=True)
    return {
        "WA": reference.accuracy_score(truth, guess),
        "UA": reference.recall_score(truth, guess, average="macro", labels=sorted(set(truth))),
        "WF1": reference.f1_score(truth, guess, average="weighted"),
        "MF1": reference.f1_score(truth, guess, average="macro"),
    }


def test_pooled_folds_and_parts_equal_scikit_learn(tree):
    run(tree)
    evaluate(tree, "probe")
    result, truth = metrics(tree), joined(tree)
    assert len(truth) == result["meta"]["n"] == 36
    assert {k: v["value"] for k, v in result["pooled"].items()} == pytest.approx(scores(truth.values()))
    for fold, cell in result["folds"].items():
        expected = scores([line for line in truth.values() if line[2] == fold])
        assert {k: cell[k] for k in expected} == pytest.approx(expected)
    labels, guesses, _ = zip(*truth.values(), strict=True)
    assert result["confusion"] == reference.confusion_matrix(labels, guesses, labels=CLASSES).tolist()
    recalls = reference.recall_score(labels, guesses, average=None, labels=CLASSES)
    assert [result["recall"][name]["value"] for name in CLASSES] == pytest.approx(recalls)
    expected = scores([line for name, line in truth.items() if "impro" in name])
    assert {k: result["parts"]["improvised"][k]["value"] for k in expected} == pytest.approx(expected)
    # Scripted texts recur in every session and improvised ones never, so the two parts hold the same rows.
    disjoint = result["parts"]["text not in train"]
    assert disjoint == result["parts"]["improvised"] and disjoint["n"] == 18


def test_intervals_contain_the_value(tree):
    run(tree)
    evaluate(tree, "probe")
    for cell in metrics(tree)["pooled"].values():
        assert cell["lo"] <= cell["value"] <= cell["hi"] and cell["lo"] < cell["hi"]


def test_several_seeds_are_averaged_and_their_deviation_reported(tree):
    run(tree, seeds=(1, 2, 3))
    evaluate(tree, "probe")
    each = [scores(joined(tree, seed).values()) for seed in (1, 2, 3)]
    assert len({one["UA"] for one in each}) > 1
    for name, cell in metrics(tree)["pooled"].items():
        values = [one[name] for one in each]
        assert cell["value"] == pytest.approx(np.mean(values))
        assert cell["seed_sd"] == pytest.approx(np.std(values, ddof=1))


def test_a_run_and_its_baseline_are_compared_on_the_same_resamples(tree):
    run(tree, "probe", right=0.3)
    run(tree, "better", right=1.0, seeds=(1, 2))
    for folder in tree.glob("results/runs/toy/probe/*"):  # a copy of the baseline differs by exactly zero
        (copy := tree / "results/runs/toy/copied" / folder.name).mkdir(parents=True)
        for file in folder.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
    for name in ("probe", "better", "copied"):
        evaluate(tree, name)
    assert metrics(tree)["paired"] is None
    better, same = metrics(tree, "better")["paired"]["UA"], metrics(tree, "copied")["paired"]["UA"]
    assert same.pop("seeds") == [1, 1] and better["seeds"] == [2, 1]
    assert same == {"difference": 0, "lo": 0, "hi": 0, "p": 1, "at_most": False, "clusters": 6, "df": 5}
    expected = 1 - scores(joined(tree).values())["UA"]
    assert better["difference"] == pytest.approx(expected) and better["lo"] > 0 and better["p"] < 0.05


def test_a_class_missing_from_a_fold_is_named_and_left_out_of_the_mean(tmp_path):
    result = [r for r in rows() if r.session != "S0" or r.label != "neu"]
    corpus(tmp_path, result)
    protocol(tmp_path)
    run(tmp_path)
    evaluate(tmp_path, "probe")
    fold = metrics(tmp_path)["folds"]["fold0"]
    truth = [line for line in joined(tmp_path).values() if line[2] == "fold0"]
    assert fold["absent_classes"] == ["neu"] and {t for t, *_ in truth} == {"ang", "hap"}
    assert fold["UA"] == pytest.approx(scores(truth)["UA"])


def test_a_class_without_rows_is_null_not_zero_or_nan(tmp_path):
    corpus(tmp_path, every := rows())
    protocol(tmp_path)  # it rejects classes without rows, but fold tables may come from another program
    kept = [row for row in every if row.label != "neu"]
    corpus(tmp_path, kept)
    for path in (tmp_path / "data/protocols/toy/session").glob("*.csv"):
        write_csv(path, [line for line in read_csv(path) if line["utterance"] in {row.utterance for row in kept}])
    run(tmp_path)
    evaluate(tmp_path, "probe")
    text = (tmp_path / RESULT.format("probe")).read_text(encoding="utf-8")
    assert "NaN" not in text
    assert metrics(tmp_path)["recall"]["neu"] == {
        "value": None,
        "lo": None,
        "hi": None,
        "n": 0,
        "clusters": 0,
        "df": None,
    }


def test_gender_is_scored_if_predicted(tree):
    run(tree, gender=True)
    evaluate(tree, "probe")
    result = metrics(tree)["gender"]  # the toy model always predicts female
    assert result == {"accuracy": 0.5, "confusion": [[18, 0], [18, 0]], "classes": ["F", "M"]} | {
        "n": 36,
        "majority": 0.5,
        "baseline": None,
    }


def test_outputs_agree_and_are_byte_stable(tree):
    run(tree, seeds=(1, 2))
    evaluate(tree, "probe")
    home = tree / RESULT.format("probe")
    first = {name: home.with_name(name).read_bytes() for name in OUTPUTS.values()}
    lines, truth = read_csv(home.with_name("predictions.csv")), joined(tree)
    assert list(lines[0]) == ["utterance", "fold", "speaker", "label", "predicted", *CLASSES]
    assert {line["utterance"]: (line["label"], line["fold"]) for line in lines} == {
        name: (label, fold) for name, (label, _, fold) in truth.items()
    }
    assert all(line["predicted"] == max(CLASSES, key=lambda c, line=line: float(line[c])) for line in lines)
    assert [[float(line[c]) for c in CLASSES] for line in read_csv(home.with_name("confusion.csv"))] == metrics(tree)[
        "confusion"
    ]
    evaluate(tree, "probe")
    assert first == {name: home.with_name(name).read_bytes() for name in OUTPUTS.values()}
    assert set(metrics(tree)["outputs"]) == {"predictions.csv", "confusion.csv"}


def test_the_order_of_columns_and_rows_does_not_matter(tree):
    run(tree)
    evaluate(tree, "probe")
    before = metrics(tree)["pooled"]
    for path in tree.glob("results/runs/toy/probe/*/probabilities.csv"):
        write_csv(path, [dict(reversed(line.items())) for line in reversed(read_csv(path))])
    evaluate(tree, "probe")
    assert metrics(tree)["pooled"] == before


def test_a_comparison_across_protocols_uses_common_rows_and_the_table_counts_them(tmp_path):
    corpus(tmp_path, rows(sessions=6))
    protocol(tmp_path, folds=6)
    protocol(tmp_path, "speaker", split="actors", folds=4)
    for folder in (tmp_path / "data/protocols/toy/speaker").glob("fold0.csv"):
        left = [line | ({"split": "dev"} if line["split"] == "test" else {}) for line in read_csv(folder)]
        write_csv(folder, left)
    sidecar = tmp_path / "data/protocols/toy/speaker.json"
    facts = json.loads(sidecar.read_text(encoding="utf-8"))
    sidecar.write_text(json.dumps(facts | {"covers": False}), encoding="utf-8")
    run(tmp_path, "probe")
    run(tmp_path, "other", protocol="speaker", right=0.4)
    evaluate(tmp_path, "probe", "other", versus_protocol="speaker")
    result, both = metrics(tmp_path), joined(tmp_path, name="other")
    one = [line for name, line in joined(tmp_path).items() if name in both]
    assert result["meta"]["n"] == 72 > len(both) == result["meta"]["compared"]["n"] == len(one)
    expected = scores(one)["UA"] - scores(both.values())["UA"]
    assert result["paired"]["UA"]["difference"] == pytest.approx(expected)
    assert (
        result["meta"]["compared"]["clusters"] == result["paired"]["UA"]["clusters"] < result["meta"]["clusters"] == 12
    )
    row = summary_row(result)
    assert (row["compared_protocol"], row["compared_n"]) == ("speaker", len(both)) and "shared" not in result
    correct([row])
    assert f"{len(both)} rows that speaker also tests" in table([row])


def test_tables_follow_the_configured_metrics(tree):
    run(tree, "probe")
    run(tree, "better", right=1.0)
    names = ["log_loss", "ECE", "CCC_valence", "UA"]
    for name in ("probe", "better"):
        evaluate(tree, name, metrics=names, compare_by="log_loss")
    paths = [RESULT.format(name) for name in ("probe", "better")]
    out = ["--out-summary", "summary.csv", "--out-result", "result.txt", "--out-metrics", "metrics.json"]
    script(tree, "summarize", {"options": {}}, "--metrics", *paths, *out)
    lines = read_csv(tree / "summary.csv")
    assert [name for name in lines[0] if f"{name}_lo" in lines[0]] == [*names, "log_loss_gain"]
    assert lines[1]["CCC_valence"] == "" and float(lines[1]["log_loss_gain"]) < 0
    text = (tree / "result.txt").read_text(encoding="utf-8")
    assert "log loss, CCC valence: not in percent" in text and "change in log loss (lower is better)" in text
    assert "CCC valence: the run predicts no dimensions" in text
    assert list(json.loads((tree / "metrics.json").read_text(encoding="utf-8"))["probe"]) == sorted(names)


# Invalid predictions (every kind: tests/evaluation/test_predictions.py) -------------------------------------


def test_invalid_predictions_are_rejected_with_file_and_row_and_leave_no_output(tree):
    run(tree)
    evaluate(tree, "probe")
    (tree / RESULT.format("probe")).unlink()
    path = tree / "results/runs/toy/probe/fold0-1/probabilities.csv"
    write_csv(path, [line | {"ang": "nan"} for line in read_csv(path)])
    done = evaluate(tree, "probe", check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert re.search(r"probabilities\.csv: line \d+ \('S0.*no distribution", done.stderr), done.stderr
    assert not (tree / RESULT.format("probe")).exists()


def test_test_labels_come_only_from_the_manifest(tree):
    lines = [line for path in tree.glob("data/protocols/toy/session/*.csv") for line in read_csv(path)]
    assert {line["label"] for line in lines if line["split"] == "test"} == {""}
    swapped = [row.__class__(**{**manifest.asdict(row), "label": "neu"}) for row in rows()]
    run(tree, right=1.0)
    manifest.write(tree / "data/manifest/toy.csv", swapped)
    evaluate(tree, "probe")
    assert metrics(tree)["pooled"]["WA"]["value"] == pytest.approx(6 / 36)  # its share of "neu"


# Summary -----------------------------------------------------------------------------------------------------------

COLUMNS = "run,model,corpus,protocol,leaky,seeds,n,WA,WA_lo,WA_hi,UA,UA_lo,UA_hi,WF1,WF1_lo,WF1_hi,MF1,MF1_lo,MF1_hi"


@pytest.fixture
def summarized(tree):
    """The summary of three runs, one of them stochastic and trained once."""
    protocol(tree, "mixed", leaky=True)
    run(tree, gender=True)
    run(tree, "noise", random_inputs=("frames.clip",))
    run(tree, "mixed_probe", protocol="mixed", in_sample=("noise",))
    evaluate(tree, "probe")
    evaluate(tree, "noise", stochastic=("noise",))
    evaluate(tree, "mixed_probe", "mixed_probe", leaky=True, protocol="mixed")
    paths = [tree / RESULT.format(name) for name in ("probe", "noise", "mixed_probe")]
    out = ["--out-summary", "summary.csv", "--out-result", "result.txt", "--out-metrics", "metrics.json"]
    script(tree, "summarize", {"options": {}}, "--metrics", *paths, *out)
    return tree


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Three sessions whose speakers share dialogues: too few clusters for intervals."""
    folder = tmp_path_factory.mktemp("few")
    corpus(folder, rows(shared=True))
    protocol(folder)
    for name in ("probe", "noise"):
        run(folder, name)
        evaluate(folder, name, stochastic=("noise",))
    out = ["--out-summary", "summary.csv", "--out-result", "result.txt", "--out-metrics", "metrics.json"]
    script(folder, "summarize", {"options": {}}, "--metrics", *(RESULT.format(n) for n in ("probe", "noise")), *out)
    return folder


def test_too_few_clusters_leave_every_interval_empty_and_every_table_gives_the_reason(few):
    result = metrics(few, "noise")
    assert (result["meta"]["clusters"], result["meta"]["cluster_unit"], result["meta"]["method"]) == (3, "session", "")
    assert [result["paired"]["UA"][key] for key in ("lo", "hi", "p")] == [None] * 3
    values = [metrics(few, name)["pooled"]["UA"]["value"] for name in ("noise", "probe")]
    assert result["paired"]["UA"]["difference"] == pytest.approx(values[0] - values[1])
    empty = ("UA_lo", "UA_hi", "UA_gain_lo", "UA_gain_hi", "UA_gain_p", "UA_gain_p_holm")
    assert {line[key] for line in read_csv(few / "summary.csv") for key in empty} == {""}
    text = (few / "result.txt").read_text(encoding="utf-8").partition("=====")[0]
    assert "toy, session: no intervals or p-values: 3 sessions; fewer than 5" in text and "[" not in text
    compared = json.loads((few / "metrics.json").read_text(encoding="utf-8"))
    assert set(compared["probe"]["UA"]) == {"value"}


def test_a_stochastic_run_with_one_seed_is_marked_and_has_no_p_value(summarized):
    run(summarized, "twice", seeds=(1, 2))
    for name, baseline in (("noise", "probe"), ("probe", "noise"), ("twice", "probe"), ("twice", "noise")):
        evaluate(summarized, name, baseline, stochastic=("noise", "twice"))
        result = metrics(summarized, name)
        lacking = [one for one in (name, baseline) if one == "noise"]
        assert result["meta"]["training_noise_not_included"] == lacking
        for cell in result["paired"].values():
            assert cell["lo"] is not None and (cell["p"] is None) == bool(lacking)


def test_summary_has_one_row_per_run_and_the_documented_columns(summarized):
    header = (summarized / "summary.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith(f"{COLUMNS},") and len(set(header.split(","))) == len(header.split(","))
    lines = read_csv(summarized / "summary.csv")
    assert [line["run"] for line in lines] == ["probe", "noise", "mixed_probe"]
    assert [line["leaky"] for line in lines] == ["false", "false", "true"]
    for line in lines:
        cell = metrics(summarized, line["run"])["pooled"]["UA"]
        assert [float(line[c]) for c in ("UA", "UA_lo", "UA_hi")] == pytest.approx(
            [cell["value"], cell["lo"], cell["hi"]], abs=1e-6
        )
    assert [line["random_weights"] for line in lines] == ["", "frames.clip", ""]
    assert [line["in_sample"] for line in lines] == ["", "", "noise"]


def test_result_marks_leaks_and_random_weights_and_reports_every_run(summarized):
    text = (summarized / "result.txt").read_text(encoding="utf-8")
    head, *reports = text.split("=" * 100)
    assert (
        "\nmixed_probe*+" in head
        and head.count("+ in-sample inputs") == 1
        and "\nnoise~^" in head
        and "\nprobe " in head
    )
    assert "toy, session: 95 % intervals: leave-one-out jackknife over 6 speakers" in head
    assert "^ training noise not included" in head and "no p: training noise not included" in head
    assert "source of the leak: protocol" in head and "~ random weights" in head and "frames.clip" in head
    paired = metrics(summarized, "noise")["paired"]["UA"]
    shown = " [".join(f"{100 * paired[key]:+.1f}" for key in ("difference", "lo"))
    assert any(line.startswith("noise~^  probe") and shown in line for line in head.splitlines())
    assert "seeds 1 and 1, 6 speakers" in head
    assert len(reports) == 3 and all("emotion accuracy" in r and "precision" in r for r in reports)
    assert "gender accuracy   50.0 %" in reports[0] and "not predicted" in reports[1]
    truth, guess, _ = zip(*joined(summarized).values(), strict=True)
    precision = reference.precision_score(truth, guess, average=None, labels=CLASSES)
    for name, value in zip(CLASSES, precision, strict=True):
        line = next(part for part in reports[0].splitlines()[::-1] if part.startswith(name))
        assert line.split()[1] == f"{100 * value:.1f}"


def test_metrics_for_dvc_are_nested_numbers(summarized):
    def leaves(value):
        return [x for v in value.values() for x in leaves(v)] if isinstance(value, dict) else [value]

    result = json.loads((summarized / "metrics.json").read_text(encoding="utf-8"))
    assert list(result) == ["mixed_probe", "noise", "probe"] and all(isinstance(x, float) for x in leaves(result))


def gains(**cells) -> dict:
    """A row of summary.csv for a run with a baseline."""
    plain = {
        "run": "a",
        "baseline": "b",
        "leaky": False,
        "leaks": "",
        "random_weights": "",
        "in_sample": "",
        "training_noise_not_included": "",
    }
    plain |= {"corpus": "toy", "protocol": "session", "model": "m", "n": 9, "seeds": 3, "baseline_seeds": 1}
    plain |= {
        "compared_protocol": "session",
        "compared_n": 9,
        "compared_clusters": 12,
        "clusters": 12,
        "cluster_unit": "speaker",
        "method": "bootstrap",
        "intervals": "95 % intervals",
    }
    plain |= dict.fromkeys([f"{m}{end}" for m in DEFAULT for end in ("", "_lo", "_hi")], 0.5)
    plain |= {"UA_gain": 0.1, "UA_gain_lo": 0.02, "UA_gain_hi": 0.18, "UA_gain_p": 0.01, "UA_gain_p_holm": ""}
    return plain | {"UA_gain_p_at_most": False} | cells


def test_p_values_are_corrected_over_the_table_and_name_seeds_and_clusters():
    result = [gains(UA_gain_p=0.01), gains(UA_gain_p=0.0042, UA_gain_p_at_most=True), gains(UA_gain_p="")]
    correct(result)
    assert [row["UA_gain_p_holm"] for row in result] == [0.01, 0.0084, ""]
    first, second, third = [line for line in table(result).splitlines() if line.startswith("a")][3:]
    assert first.split()[5:] == ["0.010", "0.010", "seeds", "3", "and", "1,", "12", "speakers"]
    assert second.split()[5:7] == ["<=0.005", "<=0.009"] and third.endswith("no p: all clusters agree")
    assert "p (Holm): corrected for the 2 comparisons with a p-value in this table" in table(result)


@pytest.mark.parametrize(
    ("p", "at_most", "text"),
    [
        (None, False, "-"),
        (0.0004, False, "<0.001"),
        (0.0123, False, "0.012"),
        (0.0121, True, "<=0.013"),
        (1, True, "<=1.000"),
    ],
)
def test_p_values_are_never_understated(p, at_most, text):
    assert p_text(p, at_most) == text


def test_summary_and_dvc_accept_an_undefined_metric(summarized):
    result = metrics(summarized)
    result["pooled"]["MF1"] = dict.fromkeys(("value", "lo", "hi"))
    row = summary_row(result)
    assert row["MF1"] == row["MF1_lo"] == "" and numbers(result["pooled"])["MF1"] == {}
    assert table([row]).splitlines()[1].endswith("  -")


def test_each_reason_for_a_missing_p_value_is_reported():
    assert no_p(gains()) == "" and no_p(gains(UA_gain_p="", compared_clusters=3)) == "no p: fewer than 5 clusters"
    assert no_p(gains(UA_gain_p="", training_noise_not_included="a")) == "no p: training noise not included"


# Dimensions --------------------------------------------------------------------------------------------------------


def test_each_dimension_is_scored_separately(tree):
    """Valence and arousal are rated, valence and dominance predicted."""
    rated = [replace(r, valence=float(k % 5), arousal=float(k % 3)) for k, r in enumerate(rows())]
    corpus(tree, rated)
    protocol(tree)
    for path in (folder / "probabilities.csv" for folder in run(tree)):
        shifted = {r.utterance: r.valence + 1 for r in rated}
        lines = [one | {"valence": shifted[one["utterance"]], "arousal": "", "dominance": 3} for one in read_csv(path)]
        write_csv(path, lines)
    evaluate(tree, "probe", metrics=["UA", "CCC_valence", "CCC_arousal", "CCC_dominance"])
    result = metrics(tree)
    x = np.array([r.valence for r in rated])
    expected = 2 * x.var() / (2 * x.var() + 1)
    assert result["pooled"]["CCC_valence"]["value"] == pytest.approx(expected)
    assert result["dimensions"].keys() == {"valence"} and result["dimensions"]["valence"]["n"] == 36
    assert result["pooled"]["CCC_arousal"]["reason"] == "the run predicts no arousal"
    assert result["pooled"]["CCC_dominance"]["reason"] == "no tested row has a rating of dominance"
