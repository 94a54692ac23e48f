"""The text_bt view: what was said, translated through other languages and back, one line per row of its parent view."""

from collections.abc import Sequence
from pathlib import Path

from emospace import texts as table
from emospace import translation
from emospace.manifest import WITHOUT_COPY, Problem
from emospace.views.text import clean
from emospace.weights import Weights

FLAGS = ("", "unchanged", "empty source", "empty result", table.CUT_OFF)
PACKAGES = translation.PACKAGES


def extract(
    texts: Sequence[str],
    utterances: Sequence[str],
    out: Path,
    cache: Path | None = None,
    *,
    weights: Sequence[Weights],
    **options,
) -> tuple[list[Problem], dict]:
    """Write the CSV `out`: row i is `texts[i]` of `utterances[i]`; returns the problems met and facts for the sidecar.

    weights: one model per step of the chain, in order. cache: folder of finished batches, by which a killed job goes
    on; of no use once `out` exists. The options are those of `translation.Settings`. A text that is unchanged (but for
    case) or cut off is kept and flagged; an empty one stays empty. Raises InputError where a model cannot be used.
    """
    settings = translation.Settings(**options)
    parents = [clean(text) for text in texts]
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
