"""Translate the texts of a view or step along a chain of MarianMT models; an empty chain hands them on as they are."""

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

    chain: Weights of one model per step, in order. cache: folder of finished batches, by which a killed job goes on; of
    no use once `out` exists. options: those of translation.Settings.
    """
    utterances, said = [row.utterance for row in rows], table.read(parent)
    if not chain:
        return handed_on(said, utterances, out)
    import torch

    torch.set_num_threads(threads)
    return translate(said, utterances, out, cache, weights=chain, settings=Settings(**options))


def handed_on(said: Sequence[str], utterances: Sequence[str], out: Path) -> tuple[list[Problem], dict]:
    """Write the texts themselves, in the columns of a translation."""
    flags = ["" if text else "empty source" for text in said]
    table.write(out, utterances, said, flag=flags)
    return [], {"rows": len(said), "flags": {"ok": flags.count(""), "empty source": flags.count("empty source")}}


def translate(
    texts: Sequence[str],
    utterances: Sequence[str],
    out: Path,
    cache: Path | None = None,
    *,
    weights: Sequence[Weights],
    settings: Settings,
) -> tuple[list[Problem], dict]:
    """Write the CSV `out`: row i is `texts[i]` of `utterances[i]`; returns the problems met and facts for the sidecar.

    A text that is unchanged (but for case) or cut off is kept and flagged; an empty one stays empty. Raises InputError
    where a model cannot be used.
    """
    parents = [table.clean(text) for text in texts]
    made, cut, facts = translation.translate(parents, weights, settings, cache)
    flags = [flag(*row) for row in zip(parents, made, cut, strict=True)]
    table.write(out, utterances, made, flag=flags)
    counts = {name or "ok": flags.count(name) for name in FLAGS}
    return _problems(utterances, flags, out), {"rows": len(made), "flags": counts, "translation": facts}


def flag(parent: str, text: str, cut: bool) -> str:
    """One of FLAGS: what came of translating `parent` into `text`."""
    if not parent:
        return "empty source"
    if not text:
        return "empty result"
    if cut:
        return table.CUT_OFF
    return "unchanged" if text.casefold() == parent.casefold() else ""


def _problems(utterances: Sequence[str], flags: Sequence[str], out: Path) -> list[Problem]:
    """The rows without a text; the parent view has already named those that had none to begin with."""
    detail = "the back-translation is empty"
    lost = [name for name, flag in zip(utterances, flags, strict=True) if flag == "empty result"]
    return [Problem(name, Path(out).name, "no transcript", detail, WITHOUT_COPY) for name in lost]
