"""The report: one safe, self-contained page that agrees with the results. All names in the data are hostile.

Covers: evaluation/figures, report/balance, report/page, report/results, report/sections/data, report/sections/licence,
report/sections/provenance, report/sections/results, report/sections/runs, report/sections/trust, report/trust.
"""

import base64
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from _reports import EVIL, RECIPE, RUNS, Page, arguments, features, tree
from _results import corpus, evaluate, protocol, read_csv, rows, run, script
from conftest import ROOT

from emospace.core.own_code import closure
from emospace.core.provenance import read_json
from emospace.evaluation import figures
from emospace.evaluation.intervals import described
from emospace.report.page import points, render
from emospace.report.results import COMPANIONS, Files, Results
from emospace.report.templates import ordered
from emospace.report.trust import _intervals, cautions

# Patterns of the files that `Results` reads, in the order of `Files`.
PATTERNS = ["results/evaluation/toy/*/metrics.json", "results/runs/toy/*/*/run.json", "data/audit/toy/*.json"]
PATTERNS += ["data/quality/toy.csv", "data/manifest/toy.json", "data/features/toy/*/*.json"]


def report(folder) -> str:
    recipe = RECIPE | {"config": {"seed": 1, "note": EVIL}}
    script(folder, "make_report", recipe, *arguments(folder))
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def results_tree(tmp_path_factory):
    return tree(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def html(results_tree) -> str:
    return report(results_tree)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_data_is_escaped(html, page):
    assert "script" not in page.tags and "<script" not in html.lower()
    assert not [a for a in page.attributes if a[1].startswith("on")]
    # Shown, not dropped: speakers, problems, note, licence and weights all contain it as text.
    assert page.text().count(EVIL) > 30


def test_the_page_loads_no_resource(html, page):
    assert not {"link", "iframe", "object", "embed", "base", "form", "video", "audio"} & set(page.tags)
    loading = {"src", "srcset", "href", "xlink:href", "data", "action", "poster", "background"}
    for tag, name, value in page.attributes:
        if name in loading:
            assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value)
    assert not re.search(r"url\((?!#)|@import|http-equiv=.refresh", html)
    policy = next(value for tag, name, value in page.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy and "script-src" not in policy


def test_anchors_resolve_and_ids_are_unique(page):
    ids = [value for tag, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for _tag, name, value in page.attributes:
        if name in ("href", "xlink:href") and value.startswith("#"):
            assert value[1:] in ids


def test_the_page_is_byte_stable(results_tree, html):
    assert report(results_tree) == html
    assert str(results_tree) not in html and not re.search(r"20\d\d-\d\d-\d\dT", html)


def test_headline_numbers_equal_the_metrics(results_tree, page):
    text = page.text()
    for name in RUNS:
        cell = read_json(results_tree / f"results/evaluation/toy/{name}/metrics.json")["pooled"]["UA"]
        assert f"{100 * cell['value']:.1f} {100 * cell['lo']:.1f} to {100 * cell['hi']:.1f}" in text
    gain = read_json(results_tree / "results/evaluation/toy/noise/metrics.json")["paired"]["UA"]
    assert f"{100 * gain['difference']:+.1f}".replace("-", "−") in text
    assert f"p {gain['p']:.3f} (Holm {gain['p']:.3f}); seeds 2 and 1, 6 speakers" in text
    assert "p (Holm): corrected for the 1 comparison with a p-value in this table" in text


def test_gains_over_another_baseline_have_their_own_plot(results_tree, page):
    gain = read_json(results_tree / "results/evaluation/toy/less_noise/metrics.json")["paired"]["UA"]
    text = page.text()
    section = text[text.index("Gain over noise") :].partition("leaky")[0]
    assert f"less_noise^+ {points(gain['difference'])}" in section and "Gain over probe" not in text
    limit = 5 * np.ceil(20 * max(abs(gain["lo"]), abs(gain["hi"])))
    assert f"{points(-limit / 100)} {points(-limit / 200)} {points(0)}" in section
    assert ", over noise" in text


def test_rows_left_out_are_reported_beside_the_tested_rows(results_tree, page):
    counts = f"left out: no agreement 2, odd {EVIL} 1"
    assert page.text().count(f"36 tested utterances of 6 speakers, 3 classes, 3 {counts}.") == 2
    assert (results_tree / "result.txt").read_text(encoding="utf-8").count(f"\nn 36, 3 {counts}\n") == len(RUNS)
    assert [line["left_out"] for line in read_csv(results_tree / "summary.csv")] == ["3"] * len(RUNS)


def test_the_sides_of_each_fold_are_tabulated(page):
    text = page.text()
    section = text[text.index("Protocol session Utterances on each side") :]
    assert "by sex and class; speakers in small print; 3 left out" in section
    assert "fold side all F M ang hap neu fold0 train 12 2 6 1 6 1 4 2 6 2 2 2 fold0 dev 12 2" in section


def test_missing_training_noise_is_reported_everywhere(page):
    text = page.text()
    assert "less_noise ^" in text and "^ training noise not included" in text
    assert text.count("no p: training noise not included; seeds 1 and 2, 6 speakers") == 1
    assert "Intervals: training noise not included." in text and "depend on it: less_noise." in text


def test_intervals_name_what_they_resample(page):
    text = page.text()
    assert "95 % intervals: leave-one-out jackknife over 6 speakers, with Student's t." in text
    assert "They resample whole speakers and hold for new speakers. With fewer than 10 they are wide" in text


def test_a_report_without_intervals_gives_the_reason(tmp_path):
    corpus(tmp_path, rows(shared=True))
    protocol(tmp_path)
    for name, baseline in (("probe", "probe"), ("noise", "probe"), ("less_noise", "noise")):
        run(tmp_path, name)
        evaluate(tmp_path, name, baseline)
    features(tmp_path)
    script(tmp_path, "make_report", RECIPE, *arguments(tmp_path, RUNS[:3]))
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text()
    assert "No intervals or p-values: 3 sessions; fewer than 5 do not show how much sessions differ." in text
    assert "No intervals on toy" in text and "no p: fewer than 5 clusters; seeds 1 and 1, 3 sessions" in text
    assert "no interval: 3 clusters" in text and "Gain over noise" in text
    assert not re.search(r"\bNone\b(?!\.)|\bnan\b", text)


def test_cautions_follow_the_number_of_clusters():
    def caution(method, clusters, unit="speaker"):
        meta = {"corpus": "toy", "clusters": clusters, "cluster_unit": unit, "method": method}
        meta |= {"intervals": described(clusters, unit), "training_noise_not_included": []}
        return next(iter(_intervals([meta])))

    assert [caution(m, n)["level"] for m, n in (("", 4), ("jackknife", 9), ("bootstrap", 10))] == [
        "bad",
        "warn",
        "good",
    ]
    assert "(speakers who share dialogues stay together)" in caution("bootstrap", 12, "session")["text"]


def test_a_new_metric_reaches_every_table(results_tree, tmp_path):
    copy = shutil.copytree(results_tree, tmp_path / "copy")
    for package in ("emospace", "workflow_scripts"):  # imported first, because they are in the working directory
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    body = "TITLE = {!r}\ndef statistics(truth, predicted):\n    return np.ones((len(truth.label), 1))\n"
    body += "def value(sums):\n    return np.full(sums.shape[:-1], {})\n"
    for name, value in (("NEW", "0.2"), ("NIL", "np.nan")):
        code = f'"""Always a fifth."""\nimport numpy as np\n{body.format(name, value)}'
        (copy / f"emospace/evaluation/metrics/{name}.py").write_text(code, encoding="utf-8")
    how = {"metrics": ["UA", "WA", "NEW", "NIL"]}
    evaluate(copy, "probe", **how)
    evaluate(copy, "noise", **how)
    evaluate(copy, "less_noise", "noise", **how)
    evaluate(copy, "mixed_probe", "mixed_probe", leaky=True, protocol="mixed", **how)
    text = Page(report(copy)).text()
    assert "NEW Always a fifth." in text and text.count("20.0 20.0 to 20.0") >= len(RUNS)
    assert "20.0 [20.0, 20.0]" in (copy / "result.txt").read_text(encoding="utf-8")
    assert [line["NEW"] for line in read_csv(copy / "summary.csv")] == ["0.200000"] * len(RUNS)
    assert [line["NIL"] for line in read_csv(copy / "summary.csv")] == [""] * len(RUNS)  # a metric that is undefined
    assert "NaN" not in (copy / "results/evaluation/toy/noise/metrics.json").read_text(encoding="utf-8")


def test_leaks_random_weights_and_cautions_are_marked(page):
    text = page.text()
    assert "mixed_probe*" in text.replace(" *", "*") and "noise~" in text.replace(" ~", "~")
    assert "Protocol mixed leaks" in text and "Protocol session: no leak between train, dev and test" in text
    assert "frames.clip on toy has random weights" in text and "audio.mfcc on toy has random weights" not in text
    assert "noise is read in-sample" in text and "Runs marked with +: less_noise" in text
    assert text.count("less_noise^+") >= 2 and "less_noise ^+" in text
    assert text.count("+ in-sample inputs") == 1
    assert (
        "separable by construction" in text and "25 files or utterances have a problem; 3 of them were left out" in text
    )
    assert "First 20 of 25 problems" in text
    assert "18 of 36 test sentences (50 %) occur word for word in train" in text


def test_tables_figures_and_sections_are_accessible(page):
    assert page.tags.count("main") == page.tags.count("h1") == 1 and ("html", "lang", "en") in page.attributes
    headers = [1 for tag, name, value in page.attributes if tag == "th" and name == "scope"]
    assert len(headers) == page.tags.count("th") > 50
    labels = [value for tag, name, value in page.attributes if name == "aria-label"]
    images = [1 for tag, name, value in page.attributes if name == "role" and value == "img"]
    assert len(images) == page.tags.count("svg") == 9  # two curves for each of four runs, and one map
    assert sum("one line per fold" in label for label in labels) == 8 and any("Map of 12" in label for label in labels)


def test_only_runs_with_a_space_have_a_map_of_one_fold(page):
    assert page.text().count("Map of the unified space") == 1
    assert "PCA of the 12 test utterances of fold0, seed 1." in page.text()


def test_chosen_epochs_and_seeds_are_shown(page):
    assert "epoch selected on dev" in page.text() and "2, 2" in page.text() and "Seeds 1, 2" in page.text()


def test_a_corpus_that_must_not_be_shared_has_a_caution():
    closed = {"name": "x", "note": "", "public": False, "licence": "signed", "problem_count": 0, "reasons": []}
    items = cautions([closed], [], [], [])
    assert [item["level"] for item in items] == ["warn", "good"] and "do not publish" in items[0]["text"]


def test_random_weights_of_a_model_have_a_caution():
    """No feature reports them, but they mark a run like the random weights of an encoder."""
    rest = {"corpus": "x", "intervals": "none", "cluster_unit": "speaker", "method": "bootstrap", "missing": []}
    meta = rest | {"run": "tuned", "leaks": [], "random_inputs": ["weights:bert"], "training_noise_not_included": []}
    meta |= {"in_sample_runs": []}
    worst = cautions([], [], [meta], [])[0]
    assert worst["level"] == "bad" and "weights bert" in worst["title"] and "with ~: tuned" in worst["text"]


def test_curves_show_every_history_and_accept_empty_ones():
    history = [{"C": 0.01, "dev_ua": 0.4}, {"C": 0.1, "dev_ua": 0.6}]
    ((title, svg),) = figures.curves({"fold0-1": history, "fold1-1": []}, {"fold0-1": 0.1, "fold1-1": None})
    assert title == "dev UA" and ">0.01</text>" in svg and "mathdefault" not in svg
    assert figures.curves({"fold0-1": [{"epoch": 1.0, "dev_ua": 0.4, "loss": 2.0}]}, {})[0][0] == "training loss"


def test_maps_are_reproducible_and_separate_clusters():
    random = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 60)
    points = random.normal(size=(180, 16)) + 12 * np.eye(16)[label]
    flat, method = figures.flat_map(points)
    assert method == "t-SNE" and (flat == figures.flat_map(points)[0]).all()
    nearest = np.argsort(((flat[:, None] - flat) ** 2).sum(-1), axis=1)[:, 1]
    assert (label[nearest] == label).mean() > 0.95
    assert figures.flat_map(points[:40])[1] == "PCA"


def test_large_maps_are_embedded_as_bitmaps():
    points = np.random.default_rng(0).normal(size=(figures.RASTER + 1, 2))
    svg = figures.space_map(points, ["$a_b$<b>"] * len(points), ["F"] * len(points), ["$a_b$<b>"])
    picture = re.search(r"data:image/png;base64,\s*([^\"]+)", svg).group(1)
    assert base64.b64decode(picture).startswith(b"\x89PNG") and len(svg) < 400_000
    assert "<b>" not in svg and ">$a_b$&lt;b&gt;</text>" in svg


def test_templates_count_as_code_of_the_report_only():
    report = ROOT / "emospace/report"
    templates = {report / name for name in ("page.html", "macros.html", "page.css")}
    assert templates <= set(closure("workflow_scripts.make_report"))
    assert {*report.glob("sections/*.html")} <= set(closure("emospace.report.sections.results"))
    templates |= {*report.glob("sections/*.html")}
    assert not templates & {*closure("workflow_scripts.evaluate"), *closure("workflow_scripts.summarize")}


def test_sections_read_only_declared_inputs(results_tree, html):
    """An audit hook records every opened file; it cannot be removed, so `looking` switches it off."""
    opened, looking = [], [True]
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if looking and event == "open" else None)
    sidecars = [sorted(results_tree.glob(pattern)) for pattern in PATTERNS]
    results = Results(Files(results_tree / "summary.csv", *sidecars), RECIPE, results_tree)
    assert "Map of the unified space" in render(results, ordered())
    looking.clear()
    read = {path for path in opened if path.startswith(str(results_tree))}
    declared = {str(path) for paths in sidecars for path in paths}
    declared |= {f"{results_tree}/summary.csv", f"{results_tree}/data/manifest/toy.csv"}
    for sidecar, companions in COMPANIONS.items():
        declared |= {str(path.with_name(name)) for path in results_tree.rglob(sidecar) for name in companions}
    assert read <= declared and len(read) > 40
    rule = (ROOT / "rules/report.smk").read_text(encoding="utf-8").partition("rule make_report")[2]
    assert all(f'COMPANIONS["{sidecar}"]' in rule for sidecar in COMPANIONS)


def test_without_the_section_on_runs_there_are_no_links_to_it(results_tree):
    recipe = RECIPE | {"sections": ["results", "licence"]}
    script(results_tree, "make_report", recipe, *arguments(results_tree)[:-1], "short.html")
    page = Page((results_tree / "short.html").read_text(encoding="utf-8"))
    assert {value for _, name, value in page.attributes if name == "href"} == {"#results", "#licence"}


# A real browser ----------------------------------------------------------------------------------------------------

WATCH = """<!doctype html><body><iframe id=f width={width} height=900></iframe><script>
const frame = document.getElementById("f");
frame.onload = () => {{ const d = frame.contentDocument; document.body.setAttribute("data-found", JSON.stringify({{
  wide: d.documentElement.scrollWidth, title: d.title, owned: d.defaultView.owned === true,
  requests: d.defaultView.performance.getEntriesByType("resource").length,
  sections: [...d.querySelectorAll("section")].filter(s => s.offsetHeight > 40).length,
  cut: [...d.querySelectorAll(".scroll")].filter(s => s.scrollWidth > s.clientWidth).map(s => s.ariaLabel) }})); }};
frame.srcdoc = {page};
</script>"""


@pytest.mark.parametrize("width", [1200, 760, 390])
def test_a_browser_loads_no_resource_and_does_not_scroll_sideways(tmp_path, html, width):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("Chromium is not installed")
    watch = tmp_path / "watch.html"
    watch.write_text(WATCH.format(width=width, page=json.dumps(html).replace("</", "<\\/")), encoding="utf-8")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=5000",
        f"--user-data-dir={tmp_path}/u",
    ]
    command = [chromium, *flags, "--dump-dom", watch.as_uri()]
    done = subprocess.run(command, text=True, capture_output=True, timeout=120, check=False)
    match = re.search(r'data-found="([^"]*)"', done.stdout)
    assert match, done.stderr[-2000:]
    seen = json.loads(match.group(1).replace("&quot;", '"'))
    assert seen["wide"] <= width and seen["requests"] == 0 and not seen["owned"]
    assert seen["sections"] == 6 and seen["title"] == "emospace report: toy"
    if width == 1200:
        assert not [label for label in seen["cut"] if label and label.startswith(("Scores on", "Parts of"))]
