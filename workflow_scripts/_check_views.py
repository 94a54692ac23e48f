"""Refuse what the config says of views and the gate, where it is misspelt, out of range, or does not fit together."""

from fnmatch import fnmatch
from itertools import pairwise

from emospace import gate, pairs, plugin, recognition, synthesis, translation
from emospace.errors import InputError
from emospace.plugin import suggest
from emospace.views import frames_aug
from workflow_scripts._views import AUGMENTED, VIEW_KEYS


def known(plan, where: str, name: str, block: str) -> None:
    """Raise InputError, naming the place `where`, for a name that a block of the config does not have."""
    there = plan.config.get(block, {})
    if name not in there:
        raise InputError(where, f"there is no {name!r} in {block}", suggest(name, there))


def check_view(plan, where: str, view: str) -> None:
    """Raise InputError for what cannot be made of a view; what can, and seldom is meant, goes to `plan.warnings`."""
    if view in ("text_bt", "audio_tts"):
        _translation(plan, where if view == "text_bt" else f"{where}: translate", view)
    else:
        options = {key: value for key, value in plan.config["views"][view].items() if key not in VIEW_KEYS}
        plugin.check_options("views", view, "extract", options, where)
    if view == "audio":
        _rate(plan, where)
    if view == "audio_tts":
        _speech(plan, where, plan.config["views"][view])
    for name in plan.view_weights(view):
        entry = plan.config["weights"][name]
        if "random" in (entry.get("source"), entry.get("if_unreachable")):
            reason = f"the weights {name!r} may be random, and nothing can be translated or recognised with such"
            raise InputError(where, reason, "give them a source, and no `if_unreachable: random`")
    if view == "frames_aug":
        _transforms(plan, where)
    elif view in AUGMENTED and not plan.judge(view):
        reason = "it has no feature, and by one its rows are judged"
        raise InputError(where, reason, f"add {view}.<encoder> to features, as its parent {AUGMENTED[view]} has it")


def _rate(plan, where: str) -> None:
    """All that reads the audio view takes one rate; resampling for a feature is an option of its encoder."""
    rate = plan.config["views"]["audio"].get("sample_rate", recognition.RATE)
    readers = [name for name in plan.encoded() if plan.feature(name)["view"] == "audio"]
    readers += [view for view in plan.augmented() if view == "audio_tts"]
    if rate != recognition.RATE and readers:
        reason = f"it is {rate} Hz, and {readers[-1]} takes {recognition.RATE}"
        raise InputError(f"{where}: sample_rate", reason, "leave it out")


def _translation(plan, where: str, view: str) -> None:
    translation.check_settings({k: v for k, v in plan.translation(view).items() if k != "chain"}, where)
    links = []
    for name in plan.chain(view):
        known(plan, where, name, "weights")
        links.append((name, *pairs.languages(plan.config["weights"][name])))
    for (first, _, target), (second, source, _) in pairwise(links):
        if target and source and target != source:
            reason = f"{second} translates from {source!r}, but {first} before it into {target!r}"
            raise InputError(f"{where}: chain", reason, "name translators that join, in order")
    first, last = (links[0][1], links[-1][2]) if links else ("", "")
    if first and last and first != last:
        # Not refused: with a sentence encoder, or a voice and a recogniser, that know it, such copies are of use.
        reason = (
            f"it begins with {first!r} and ends with {last!r}, so copies are in another language than their parents"
        )
        remedy = (
            f"add a translator to {first!r}, or see that whatever says, hears, encodes or judges them knows {last!r}"
        )
        plan.warnings.append(str(InputError(f"{where}: chain", reason, remedy)))


def _speech(plan, where: str, options: dict) -> None:
    chosen = {k: v for k, v in options["recognise"].items() if k != "weights"}
    engine = recognition.settings(chosen, f"{where}: recognise")["engine"]
    name = plan.recogniser()
    known(plan, where, name, "weights")
    listed = plan.config["weights"][name].get("files", {})
    for wanted in recognition.FILES[engine] if listed else ():
        if not any(fnmatch(file, wanted) or file.startswith(f"{wanted}/") for file in listed):
            reason = f"{name!r} has no {wanted}, so it is no model for the engine {engine}"
            raise InputError(f"{where}: recognise: weights", reason, "name weights that are, or set `engine`")
    synthesis.settings(options.get("synthesise", {}), f"{where}: synthesise")


def check_thresholds(plan, where: str, view: str) -> None:
    """Raise InputError for thresholds of a view that is not made, or that its gate does not have."""
    known(plan, where, view, "views")
    gate.thresholds(view, plan.config["gate"][view], "config: gate")


def _transforms(plan, where: str) -> None:
    """Names only: values are tried by the job, which has albumentations at hand."""
    for entry in plan.config["views"]["frames_aug"].get("transforms", ()):
        frames_aug.check(entry, f"{where}: transforms")
