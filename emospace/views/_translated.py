"""Translate the texts of a view or step through a chain of MarianMT models; an empty chain copies them unchanged."""

from collections.abc import Sequence
from pathlib import Path

from emospace.core import texts as table
from emospace.core.manifest import WITHOUT_COPY, Problem, Utterance
from emospace.core.option_types import Chain
from emospace.speech import translation
from emospace.speech.translation import Settings
from emospace.weights.record import Weights

FLAGS = ("", "unchanged", "empty source", "empty result", table.CUT_OFF)
PACKAGES = translation.PACKAGES


def augment(
    rows: Sequence[Utterance],
    parent: Path,
    out: Path,
    *,
    chain: Chain = (),
    cache: Path | None = None,
    threads: int = 1,
    **options,
) -> tuple[list[Problem], dict]:
    """Write the CSV `out`: each text of `parent` after all models of `chain`, and a flag of FLAGS.

    chain: weights of one model per step, in order. cache: folder of finished batches, with which a killed job resumes;
    useless once `out` exists. options: those of translation.Settings.
    """
    utterances, originals = [row.utterance for row in rows], table.read(parent)
    if not chain:
        return copy(originals, utterances, out)
    import torch

    torch.set_num_threads(threads)
    return translate(originals, utterances, out, cache, weights=chain, settings=Settings(**options))


def copy(texts: Sequence[str], utterances: Sequence[str], out: Path) -> tuple[list[Problem], dict]:
    """Write the texts unchanged, in the columns of a translation."""
    flags = ["" if text else "empty source" for text in texts]
    table.write(out, utterances, texts, flag=flags)
    return [], {"rows": len(texts), "flags": {"ok": flags.count(""), "empty source": flags.count("empty source")}}


def translate(
    texts: Sequence[str],
    utterances: Sequence[str],
    out: Path,
    cache: Path | None = None,
    *,
    weights: Sequence[Weights],
    settings: Settings,
) -> tuple[list[Problem], dict]:
    """Write the CSV `out`: row i is the translation of `texts[i]`, of `utterances[i]`; returns (problems, facts).

    A text that is unchanged (apart from case) or cut off is kept and flagged; an empty one stays empty. Raises
    InputError if a model cannot be used.
    """
    parents = [table.clean(text) for text in texts]
    translated, cut, facts = translation.translate(parents, weights, settings, cache)
    flags = [flag(*row) for row in zip(parents, translated, cut, strict=True)]
    table.write(out, utterances, translated, flag=flags)
    counts = {name or "ok": flags.count(name) for name in FLAGS}
    return _problems(utterances, flags, out), {"rows": len(translated), "flags": counts, "translation": facts}


def flag(parent: str, text: str, cut: bool) -> str:
    """The flag, one of FLAGS, for the translation `text` of `parent`."""
    if not parent:
        return "empty source"
    if not text:
        return "empty result"
    if cut:
        return table.CUT_OFF
    return "unchanged" if text.casefold() == parent.casefold() else ""


def _problems(utterances: Sequence[str], flags: Sequence[str], out: Path) -> list[Problem]:
    """Problems of the rows whose text was lost; the parent view has reported those without a text."""
    detail = "the back-translation is empty"
    lost = [name for name, flag in zip(utterances, flags, strict=True) if flag == "empty result"]
    return [Problem(name, Path(out).name, "no transcript", detail, WITHOUT_COPY) for name in lost]
