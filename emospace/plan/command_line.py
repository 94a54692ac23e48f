"""The words after --configfile, looked at before Snakemake opens them as config files (see profiles/default)."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

SUFFIXES = (".yaml", ".yml", ".json")


def config_words(argv: Sequence[str]) -> Iterator[str]:
    """What Snakemake takes for config files: every word from --configfile to the next option."""
    taking = False
    for word in argv:
        if word.startswith("-"):
            option, given, value = word.partition("=")
            taking = option in ("--configfile", "--configfiles") and not given
            if option in ("--configfile", "--configfiles") and given:
                yield value
        elif taking:
            yield word


def complaint(argv: Sequence[str]) -> str:
    """Why the command line cannot be meant, and what to type instead; "" if it can."""
    for word in config_words(argv):
        path = Path(word)
        if path.exists() and not path.is_dir():
            continue
        if path.suffix in SUFFIXES:
            return f"{word}: there is no such config file. Presets are in configs/."
        meant = [w for w in argv if w != word]
        return (
            f"`{word}` is a target, and Snakemake takes every word after --configfile for a config file."
            f" Name targets before --configfile: snakemake {word} {' '.join(meant)}"
        )
    return ""


def check_words(argv: Sequence[str]) -> None:
    """Exit with one line if a word after --configfile is no config file; Snakemake would show a traceback."""
    if told := complaint(argv):
        sys.exit(told)
