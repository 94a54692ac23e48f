"""What a reader should know before believing a number: each caution has a level (good, warn, bad), a title, a text."""

from collections.abc import Iterable

from emospace.core.sidecars import OF_MODELS
from emospace.evaluation.intervals import MANY


def cautions(corpora: list[dict], audits: list[dict], metas: list[dict], features: list[dict]) -> list[dict]:
    """All cautions, the worst first."""
    found = [
        *_leaks(audits, metas),
        *_leaky_inputs(metas),
        *_seen(audits, metas),
        *_random_weights(metas, features),
        *_in_sample(metas),
        *_random_models(metas),
        *_notes(corpora),
        *_unlike(audits),
        *_overlap(audits),
        *_missing(metas),
        *_quality(corpora),
        *_intervals(metas),
        *_training_noise(metas),
    ]
    return sorted(found, key=lambda item: ("bad", "warn", "good").index(item["level"]))


def _caution(level: str, title: str, text: str) -> dict:
    return {"level": level, "title": title, "text": text}


def _names(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words)))


def _leaks(audits: list[dict], metas: list[dict]) -> Iterable[dict]:
    for audit in audits:
        name, folds = audit["recipe"]["protocol"], len(audit["folds"])
        if audit["leaky"]:
            crossing = _names(f"a {kind} {count} times" for kind, count in audit["leaks"].items()) or "nothing"
            runs = _names(meta["run"] for meta in metas if meta["protocol"] == name) or "none"
            text = f"Declared leaky. Crossing train, dev and test: {crossing}. Marked with * wherever shown: {runs}."
            yield _caution("bad", f"Protocol {name} leaks", text)
        else:
            shared = "".join(f" Shared by definition: {what}." for what in audit["shared_by_definition"])
            text = f"Checked in {folds} folds before any training: {', '.join(audit['checked'])}.{shared}"
            yield _caution("good", f"Protocol {name}: nothing crosses train, dev and test", text)


def _leaky_inputs(metas: list[dict]) -> Iterable[dict]:
    found = {name for meta in metas for name in meta["leaks"] if not name.startswith("weights:")}
    for what in sorted(found - {"protocol"}):
        runs = _names(meta["run"] for meta in metas if what in meta["leaks"])
        text = f"Declared leaky: it tells something of test rows that nobody may know. Marked with *: {runs}."
        yield _caution("bad", f"{what} leaks", text)


def _seen(audits: list[dict], metas: list[dict]) -> Iterable[dict]:
    for audit in audits:
        protocol = audit["recipe"]["protocol"]
        for name, corpora in audit["seen"].items():
            mine = (meta for meta in metas if meta["protocol"] == protocol and f"weights:{name}" in meta["leaks"])
            text = f"They were trained on it, and {protocol} tests it: such scores say nothing of new data."
            text += f" Marked with *: {_names(meta['run'] for meta in mine) or 'none'}."
            yield _caution("bad", f"Weights {name} have seen {', '.join(corpora)}", text)


def _random_weights(metas: list[dict], features: list[dict]) -> Iterable[dict]:
    for feature in features:
        if feature["random"]:
            runs = _names(m["run"] for m in metas if feature["name"] in m["random_inputs"]) or "none"
            text = f"Its encoder was not pretrained, so it stands for plumbing only. Marked with ~: {runs}."
            yield _caution("bad", f"{feature['name']} on {feature['corpus']} has random weights", text)


def _in_sample(metas: list[dict]) -> Iterable[dict]:
    for name in sorted({parent for meta in metas for parent in meta["in_sample_runs"]}):
        runs = _names(meta["run"] for meta in metas if name in meta["in_sample_runs"])
        text = "It had learnt from the train rows whose outputs a second stage learns from, so these look better than"
        text += f" outputs for new rows; `crossfit` of {name} mends it. Marked with +: {runs}."
        yield _caution("warn", f"{name} is read in-sample", text)


def _random_models(metas: list[dict]) -> Iterable[dict]:
    """Weights that a model loads itself, of which no feature tells."""
    found = {name for meta in metas for name in meta["random_inputs"] if name.startswith(OF_MODELS)}
    for name in sorted(found):
        runs = _names(meta["run"] for meta in metas if name in meta["random_inputs"])
        text = f"The models that load them were not pretrained, so they stand for plumbing only. Marked with ~: {runs}."
        yield _caution("bad", f"The weights {name.removeprefix(OF_MODELS)} are random", text)


def _notes(corpora: list[dict]) -> Iterable[dict]:
    for corpus in corpora:
        if corpus["note"]:
            yield _caution("warn", f"Corpus {corpus['name']}", corpus["note"])
        if not corpus["public"]:
            text = f"Licence: {corpus['licence']}. This page names utterances and speakers: do not publish it."
            yield _caution("warn", f"Corpus {corpus['name']} is not public", text)


def _unlike(audits: list[dict]) -> Iterable[dict]:
    for audit in audits:
        if audit["lacks"]:
            lacks = "; ".join(f"{what} in {', '.join(folds)}" for what, folds in audit["lacks"].items())
            text = (
                f"Others of its sides have it: {lacks}. Models are chosen, or scored, on other voices or classes there."
            )
            yield _caution("warn", f"Protocol {audit['recipe']['protocol']}: sides of a fold are not alike", text)


def _overlap(audits: list[dict]) -> Iterable[dict]:
    for audit in audits:
        name = audit["recipe"]["protocol"]
        texts, known = (sum(f[key] for f in audit["folds"].values()) for key in ("test_texts", "test_texts_in_train"))
        if known:
            text = f"{known} of {texts} test sentences ({100 * known / texts:.0f} %) occur word for word in train."
            text += " Where some do not, the score on those alone is given with each run."
            yield _caution("warn", f"Protocol {name}: sentences recur", text)


def _missing(metas: list[dict]) -> Iterable[dict]:
    for meta in metas:
        if meta["missing"]:
            text = f"No data for {_names(meta['missing'])}: carried as missing, not guessed."
            yield _caution("warn", f"Run {meta['run']} lacks an input", text)


def _quality(corpora: list[dict]) -> Iterable[dict]:
    for corpus in corpora:
        if corpus["problem_count"]:
            lost = sum(line["count"] for line in corpus["reasons"] if line["dropped"])
            text = f"{corpus['problem_count']} files or utterances have a problem; {lost} of them left the experiment."
            yield _caution("warn", f"Quality of {corpus['name']}", f"{text} The table below says why.")
        else:
            yield _caution("good", f"Quality of {corpus['name']}", "Every file and utterance could be used.")


def _intervals(metas: list[dict]) -> Iterable[dict]:
    """Of every kind of cluster that a corpus is resampled by."""
    for corpus, intervals in sorted({(meta["corpus"], meta["intervals"]) for meta in metas}):
        meta = next(m for m in metas if (m["corpus"], m["intervals"]) == (corpus, intervals))
        unit = meta["cluster_unit"]
        shared = "" if unit == "speaker" else " (speakers who share dialogues stay together)"
        title = f"95 % intervals on {corpus}"
        if not meta["method"]:
            yield _caution("bad", f"No intervals on {corpus}", f"{_sentence(intervals)} Scores stand alone.")
            continue
        text = f"{_sentence(intervals)} They resample whole {unit}s{shared}, and hold for new {unit}s."
        if meta["method"] == "jackknife":
            text += f" With fewer than {MANY} they are wide, and lean on Student's t for their shape."
        yield _caution("warn" if meta["method"] == "jackknife" else "good", title, text)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _training_noise(metas: list[dict]) -> Iterable[dict]:
    runs = {name for meta in metas for name in meta["training_noise_not_included"]}
    if runs:
        text = f"Trained with one seed, though another seed gives another result: {_names(runs)}. Their intervals are"
        text += " too narrow, and comparisons with them have no p. Give them several `seeds`."
        yield _caution("warn", "Training noise not included", text)
