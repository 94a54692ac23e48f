"""Check the words after --configfile before Snakemake opens them as config files (see profiles/default)."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

SUFFIXES = (".yaml", ".yml", ".json")


def config_words(argv: Sequence[str]) -> Iterator[str]:
    """Yield what Snakemake treats as config files: every word from --configfile to the next option."""
    after_option = False
    for word in argv:
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            after_option = option in ("--configfile", "--configfiles") and not equals
            if option in ("--configfile", "--configfiles") and equals:
                yield value
        elif after_option:
            yield word


def complaint(argv: Sequence[str]) -> str:
    """Return what is wrong with the command line and what to type instead, or ""."""
    for word in config_words(argv):
        path = Path(word)
        if path.exists() and not path.is_dir():
            continue
        if path.suffix in SUFFIXES:
            return f"{word}: there is no such config file. Presets are in configs/."
        others = [w for w in argv if w != word]
        return (
            f"`{word}` is a target, but Snakemake treats every word after --configfile as a config file."
            f" Name targets before --configfile: snakemake {word} {' '.join(others)}"
        )
    return ""


def check_words(argv: Sequence[str]) -> None:
    """Exit with one line if a word after --configfile is not a config file; Snakemake would show a traceback."""
    if message := complaint(argv):
        sys.exit(message)
