"""A results tree in which every name attempts markup injection, and a parser for the report page."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from _results import CODES, corpus, evaluate, protocol, rows, run, script
from conftest import utterance

from emospace.core import manifest
from emospace.core.manifest import Problem
from emospace.core.provenance import write_json
from emospace.report.templates import ordered

EVIL = "<script>owned=true</script>\"'&$x$"
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """The elements, attributes and words of a page; raises if tags do not nest."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.stack, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(text)
        assert not self.stack, f"never closed: {self.stack}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.stack and self.stack.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if not self.stack or self.stack[-1] != "style":
            self.words.append(data)

    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def features(folder, random: bool = True) -> None:
    """Write the sidecars of two features, one with random weights."""
    recipe = {"feature": "audio.mfcc", "options": {}, "code": {}}
    plain = {
        "recipe": recipe,
        "random_weights": False,
        "weights": None,
        "rows": 36,
        "missing": 2,
        "dim": 20,
        "steps": 9,
    }
    weights = {"name": "clip", "source": EVIL, "revision": "", "sha256": {EVIL: "ab" * 32}, "random": random}
    write_json(folder / "data/features/toy/audio.mfcc/0.json", plain)
    write_json(folder / "data/features/toy/frames.clip/0.json", plain | {"weights": weights, "random_weights": random})


RECIPE = {"options": {}, "seed": 1, "sections": ordered()}
RUNS = ("probe", "noise", "less_noise", "mixed_probe")


def tree(folder):
    """Write four runs on two protocols, one leaky; ids, speakers, texts, notes and problems contain markup."""
    found = [replace(r, speaker=f"{r.speaker}{EVIL}", text=f"{EVIL} {r.text}") for r in rows()]
    found[0] = replace(found[0], utterance=f"S0impro_F000 {EVIL}".replace("/", ""))
    found += [utterance(f"S0_odd{i}", label=label) for i, label in enumerate(["xxx", "odd", "xxx"])]
    found.sort(key=lambda r: r.utterance)
    names = CODES | {"odd": f"odd {EVIL}"}
    corpus(folder, found, codes=names, note=f"separable by construction {EVIL}", licence=EVIL, citation=EVIL)
    problems = [Problem(f"u{i} {EVIL}", EVIL, "truncated", EVIL, EVIL, dropped=i < 3) for i in range(25)]
    manifest.write_problems(folder / "data/quality/toy.csv", problems)
    protocol(folder)
    protocol(folder, "mixed", leaky=True)
    run(folder)
    run(folder, "noise", random_inputs=("frames.clip",), embedding=5, gender=True, seeds=(1, 2))
    run(folder, "mixed_probe", protocol="mixed")
    evaluate(folder, "probe")
    evaluate(folder, "noise")
    run(folder, "less_noise", right=0.9, in_sample=("noise",))
    evaluate(folder, "less_noise", "noise", stochastic=("less_noise",))
    evaluate(folder, "mixed_probe", "mixed_probe", leaky=True, protocol="mixed")
    features(folder)
    return folder


def arguments(folder, names=RUNS) -> list:
    metrics = [f"results/evaluation/toy/{name}/metrics.json" for name in names]
    out = ["--out-summary", "summary.csv", "--out-result", "result.txt", "--out-metrics", "metrics.json"]
    script(folder, "summarize", {"options": {}}, "--metrics", *metrics, *out)
    runs = sorted(str(path.relative_to(folder)) for path in folder.glob("results/runs/toy/*/*/run.json"))
    audits = sorted(str(path.relative_to(folder)) for path in folder.glob("data/audit/toy/*.json"))
    rest = ["--audit", *audits, "--quality", "data/quality/toy.csv"]
    rest += ["--manifest-sidecar", "data/manifest/toy.json"]
    rest += [
        "--feature-sidecars",
        *sorted(str(p.relative_to(folder)) for p in folder.glob("data/features/toy/*/*.json")),
    ]
    return ["--summary", "summary.csv", "--metrics", *metrics, "--runs", *runs, *rest, "--out", "report.html"]
