"""Cautions a reader needs before trusting a number; each has a level ("good", "warn" or "bad"), a title and a text."""

from collections.abc import Iterable

from emospace.core.sidecars import OF_MODELS
from emospace.evaluation.intervals import MIN_BOOTSTRAP
from emospace.report.balance import described

LEVELS = ("bad", "warn", "good")


def cautions(corpora: list[dict], audits: list[dict], metas: list[dict], features: list[dict]) -> list[dict]:
    """All cautions, the worst first.

    corpora, features: those of `Results`. audits: of the protocols. metas: `meta` of the metrics.json of each run.
    """
    items = [
        *_leaky_protocols(audits, metas),
        *_leaky_inputs(metas),
        *_contaminated_weights(audits, metas),
        *_random_encoders(metas, features),
        *_in_sample(metas),
        *_random_models(metas),
        *_corpus_notes(corpora),
        *_draws(audits),
        *_unbalanced_sides(audits),
        *_repeated_texts(audits),
        *_missing_inputs(metas),
        *_data_quality(corpora),
        *_intervals(metas),
        *_training_noise(metas),
    ]
    return sorted(items, key=lambda item: LEVELS.index(item["level"]))


def _caution(level: str, title: str, text: str) -> dict:
    return {"level": level, "title": title, "text": text}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))


def _leaky_protocols(audits: list[dict], metas: list[dict]) -> Iterable[dict]:
    for audit in audits:
        name, folds = audit["recipe"]["protocol"], len(audit["folds"])
        if audit["leaky"]:
            shared = _listed(f"{what} ({count} times)" for what, count in audit["leaks"].items()) or "nothing"
            runs = _listed(meta["run"] for meta in metas if meta["protocol"] == name) or "none"
            text = f"Declared leaky. Shared between train, dev and test: {shared}. Runs marked with *: {runs}."
            yield _caution("bad", f"Protocol {name} leaks", text)
        else:
            shared = "".join(f" Shared by definition: {what}." for what in audit["shared_by_definition"])
            text = f"Checked in all {folds} folds before any training: {', '.join(audit['checked'])}.{shared}"
            yield _caution("good", f"Protocol {name}: no leak between train, dev and test", text)


def _leaky_inputs(metas: list[dict]) -> Iterable[dict]:
    leaks = {name for meta in metas for name in meta["leaks"] if not name.startswith("weights:")}
    for name in sorted(leaks - {"protocol"}):
        runs = _listed(meta["run"] for meta in metas if name in meta["leaks"])
        text = f"Declared leaky: it carries information about test rows. Runs marked with *: {runs}."
        yield _caution("bad", f"{name} leaks", text)


def _contaminated_weights(audits: list[dict], metas: list[dict]) -> Iterable[dict]:
    for audit in audits:
        protocol = audit["recipe"]["protocol"]
        for name, corpora in audit["seen"].items():
            of_protocol = [meta for meta in metas if meta["protocol"] == protocol]
            runs = _listed(meta["run"] for meta in of_protocol if f"weights:{name}" in meta["leaks"]) or "none"
            text = f"Protocol {protocol} tests data that these weights were trained on, so its scores do not hold for"
            text += f" new data. Runs marked with *: {runs}."
            yield _caution("bad", f"Weights {name} were trained on {', '.join(corpora)}", text)


def _random_encoders(metas: list[dict], features: list[dict]) -> Iterable[dict]:
    for feature in features:
        if feature["random"]:
            runs = _listed(meta["run"] for meta in metas if feature["name"] in meta["random_inputs"]) or "none"
            text = "The encoder was not pretrained; its features only exercise the pipeline."
            text += f" Runs marked with ~: {runs}."
            yield _caution("bad", f"{feature['name']} on {feature['corpus']} has random weights", text)


def _in_sample(metas: list[dict]) -> Iterable[dict]:
    for name in sorted({parent for meta in metas for parent in meta["in_sample_runs"]}):
        runs = _listed(meta["run"] for meta in metas if name in meta["in_sample_runs"])
        text = (
            "A second stage learns from its outputs for its own train rows, which are better than those for new rows."
        )
        text += f" Set `crossfit` for {name} to avoid this. Runs marked with +: {runs}."
        yield _caution("warn", f"{name} is read in-sample", text)


def _random_models(metas: list[dict]) -> Iterable[dict]:
    """Random weights that a model loads itself, so that no feature reports them."""
    names = {name for meta in metas for name in meta["random_inputs"] if name.startswith(OF_MODELS)}
    for name in sorted(names):
        runs = _listed(meta["run"] for meta in metas if name in meta["random_inputs"])
        text = "The models that load them are not pretrained and only exercise the pipeline."
        text += f" Runs marked with ~: {runs}."
        yield _caution("bad", f"The weights {name.removeprefix(OF_MODELS)} are random", text)


def _corpus_notes(corpora: list[dict]) -> Iterable[dict]:
    for corpus in corpora:
        if corpus["note"]:
            yield _caution("warn", f"Corpus {corpus['name']}", corpus["note"])
        if not corpus["public"]:
            text = f"Licence: {corpus['licence']}. This page names utterances and speakers: do not publish it."
            yield _caution("warn", f"Corpus {corpus['name']} is not public", text)


def _draws(audits: list[dict]) -> Iterable[dict]:
    for audit in audits:
        if draw := audit.get("draw"):
            title = f"Protocol {audit['recipe']['protocol']} trains on {draw['train_rows']} rows"
            yield _caution("warn", title, f"On purpose: {described(draw)}. Its scores are lower than with all rows.")


def _unbalanced_sides(audits: list[dict]) -> Iterable[dict]:
    for audit in audits:
        if audit["lacks"]:
            lacks = "; ".join(f"{what} in {', '.join(folds)}" for what, folds in audit["lacks"].items())
            text = f"{lacks}, unlike its other sides. Such a fold selects or scores models on other voices or classes."
            yield _caution("warn", f"Protocol {audit['recipe']['protocol']}: the sides of a fold differ", text)


def _repeated_texts(audits: list[dict]) -> Iterable[dict]:
    for audit in audits:
        name = audit["recipe"]["protocol"]
        texts, known = (sum(f[key] for f in audit["folds"].values()) for key in ("test_texts", "test_texts_in_train"))
        if known:
            text = f"{known} of {texts} test sentences ({100 * known / texts:.0f} %) occur word for word in train."
            text += " Each run is also scored on the others alone, if there are any."
            yield _caution("warn", f"Protocol {name}: sentences recur", text)


def _missing_inputs(metas: list[dict]) -> Iterable[dict]:
    for meta in metas:
        if meta["missing"]:
            text = f"No data for {_listed(meta['missing'])}: treated as missing, not imputed."
            yield _caution("warn", f"Run {meta['run']} lacks an input", text)


def _data_quality(corpora: list[dict]) -> Iterable[dict]:
    for corpus in corpora:
        if corpus["problem_count"]:
            dropped = sum(line["count"] for line in corpus["reasons"] if line["dropped"])
            text = f"{corpus['problem_count']} files or utterances have a problem; {dropped} of them were left out."
            yield _caution("warn", f"Quality of {corpus['name']}", f"{text} The section on data gives the reasons.")
        else:
            yield _caution("good", f"Quality of {corpus['name']}", "Every file and utterance is usable.")


def _intervals(metas: list[dict]) -> Iterable[dict]:
    """One caution for each method and set of clusters that a corpus is resampled by."""
    for corpus, intervals in sorted({(meta["corpus"], meta["intervals"]) for meta in metas}):
        meta = next(m for m in metas if (m["corpus"], m["intervals"]) == (corpus, intervals))
        unit = meta["cluster_unit"]
        partners = "" if unit == "speaker" else " (speakers who share dialogues stay together)"
        title = f"95 % intervals on {corpus}"
        if not meta["method"]:
            yield _caution("bad", f"No intervals on {corpus}", f"{_sentence(intervals)} Scores are point values.")
            continue
        text = f"{_sentence(intervals)} They resample whole {unit}s{partners} and hold for new {unit}s."
        if meta["method"] == "jackknife":
            text += f" With fewer than {MIN_BOOTSTRAP} they are wide and rely on the shape of Student's t."
        yield _caution("warn" if meta["method"] == "jackknife" else "good", title, text)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _training_noise(metas: list[dict]) -> Iterable[dict]:
    runs = {name for meta in metas for name in meta["training_noise_not_included"]}
    if runs:
        text = f"Trained with one seed, although results depend on it: {_listed(runs)}. Their intervals are too narrow,"
        text += " and comparisons with them have no p-value. Set several `seeds`."
        yield _caution("warn", "Training noise not included", text)
