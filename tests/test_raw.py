"""Changed raw files are noticed by content, and only in their part."""

import os
from pathlib import Path

from workflow_scripts._raw import HASH_AT_SIGHT, refresh

PARTS = ["0", "1"]


def group(path: str) -> int | None:
    return int(path[1]) if path.startswith("d") else None


class Corpus:
    """Two parts: a small text and a large medium in each."""

    def __init__(self, folder: Path):
        self.root, self.state, self.published, self.made = folder / "it's raw", folder / "state", {}, {}
        for part in PARTS:
            (self.root / f"d{part}").mkdir(parents=True)
            (self.root / f"d{part}/words.txt").write_text("one")
            (self.root / f"d{part}/sound.wav").write_bytes(b"x" * (HASH_AT_SIGHT + 1))
        (self.root / "readme").write_text("not part of any group")
        self.changed()

    def changed(self) -> list[str]:
        """Parts whose trigger file was rewritten by this look at the raw files."""
        old = {p: self._stamp(p) for p in PARTS}
        refresh(str(self.root), self.state, PARTS, group, self.published, self.made)
        return [p for p in PARTS if self._stamp(p) != old[p]]

    def _stamp(self, part):
        file = self.state / f"{part}.json"
        return (file.read_text(), file.stat().st_mtime_ns) if file.exists() else None


def write(path: Path, content: bytes) -> None:
    """Write and make sure that the time stamp moves."""
    old = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(content)
    os.utime(path, ns=(old + 10**9, old + 10**9))


def test_nothing_changed(tmp_path):
    assert Corpus(tmp_path).changed() == []


def test_touching_everything_changes_nothing_once_indexed(tmp_path):
    from emospace.provenance import sha256

    corpus = Corpus(tmp_path)
    corpus.published = {f"d{p}/sound.wav": sha256(corpus.root / f"d{p}/sound.wav") for p in PARTS}
    for path in corpus.root.rglob("d*/*"):
        write(path, path.read_bytes())
    assert corpus.changed() == []
    assert corpus.changed() == []


def test_a_changed_text_medium_addition_or_removal_shows_in_its_part_alone(tmp_path):
    corpus = Corpus(tmp_path)
    write(corpus.root / "d0/words.txt", b"two")
    assert corpus.changed() == ["0"]
    write(corpus.root / "d1/sound.wav", b"y" * (HASH_AT_SIGHT + 1))
    assert corpus.changed() == ["1"]
    write(corpus.root / "d1/more.txt", b"more")
    assert corpus.changed() == ["1"]
    (corpus.root / "d0/sound.wav").unlink()
    assert corpus.changed() == ["0"]
    write(corpus.root / "readme", b"changed")
    write(corpus.root / "d0/._words.txt", b"resource fork")
    assert corpus.changed() == []


def test_a_generated_corpus_shows_only_what_differs_from_its_making(tmp_path):
    from emospace.provenance import sha256

    corpus = Corpus(tmp_path)
    corpus.made = {str(p.relative_to(corpus.root)): sha256(p) for p in corpus.root.rglob("d*/*")}
    corpus.changed()
    assert (corpus.state / "0.json").read_text() == "{}\n"
    write(corpus.root / "d1/sound.wav", b"edited")
    assert corpus.changed() == ["1"]
    (corpus.root / "d1/words.txt").unlink()
    assert corpus.changed() == ["1"]


def test_a_link_that_points_nowhere_counts_as_missing(tmp_path):
    """A corpus mounted in part: planning goes on, and the file appears once the link holds."""
    corpus = Corpus(tmp_path)
    link, target = corpus.root / "d1/late.txt", tmp_path / "elsewhere.txt"
    link.symlink_to(target)
    assert corpus.changed() == []
    target.write_text("here now")
    assert corpus.changed() == ["1"]
