"""IEMOCAP's reader on small trees in the official layout, each with one fault.

Covers: core/encodings.
"""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import utterance

from emospace.core import manifest
from emospace.core.files_below import walk
from emospace.corpora import iemocap

IMPRO, SCRIPT = "Ses01F_impro01", "Ses01M_script01_1b"
MEDIUM = bytes(range(256)) * 4
TURNS = {
    IMPRO: [("F000", 1.5, 3.25, "neu", "Excuse me: [SIGH]: is it open?"), ("M000", 3.0, 4.0, "xxx", "[LAUGHTER] Yes.")],
    SCRIPT: [("M000", 0.5, 1.25, "exc", "We won!"), ("F000", 1.5, 2.0, "ang", "So what?")],
}


class Tree:
    """A complete corpus of two dialogues of one session, which tests modify."""

    def __init__(self, root: Path):
        self.root, self.session = root, root / "Session1"
        for name, turns in TURNS.items():
            ids = [f"{name}_{turn[0]}" for turn in turns]
            blocks = [
                f"[{s:.4f} - {e:.4f}]\t{i}\t{label}\t[2.5000, 3.0000, 4.5000]\nC-E2:\tAnger;\t()\nC-F1:\tAnger;\t()\n"
                "A-E3:\tval 3; act 2; dom  2;\t()\nA-M1:\tval 3; act 2; dom  2;\t(odd)\n"
                for i, (_, s, e, label, _) in zip(ids, turns, strict=True)
            ]
            header = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
            words = [f"{i} [{s:08.4f}-{e:08.4f}]: {text}" for i, (_, s, e, _, text) in zip(ids, turns, strict=True)]
            self.write(f"dialog/EmoEvaluation/{name}.txt", header + "\n".join(blocks))
            self.write(f"dialog/transcriptions/{name}.txt", "\n".join([f"{name}_MXX0 [0.1-0.2]: Hm.", *words]) + "\n")
            self.write(f"dialog/wav/{name}.wav", MEDIUM)
            self.write(f"dialog/avi/DivX/{name}.avi", MEDIUM)
            for i in ids:
                self.write(f"sentences/wav/{name}/{i}.wav", MEDIUM)

    def write(self, path: str, content: str | bytes) -> None:
        file = self.session / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def edit(self, path: str, old: str, new: str, encoding: str = "utf-8") -> None:
        text = (self.session / path).read_text(encoding="utf-8")
        assert old in text
        self.write(path, text.replace(old, new).encode(encoding))

    def remove(self, path: str) -> None:
        (self.session / path).unlink()

    def read(self) -> tuple[dict[str, manifest.Utterance], list[manifest.Problem]]:
        rows, problems = iemocap.index(self.root, [path for path, _ in walk(str(self.root))])
        kept, unusable = manifest.check(rows)
        return {r.utterance: r for r in kept}, problems + unusable


@pytest.fixture
def tree(tmp_path) -> Tree:
    """A corpus in a path with spaces, quotes and non-ASCII letters."""
    return Tree(tmp_path / 'it\'s "licensed" données' / "IEMOCAP_full_release")


def only(problems: list[manifest.Problem]) -> manifest.Problem:
    assert len(problems) == 1, problems
    assert problems[0].reason in manifest.REASONS
    return problems[0]


def test_a_complete_corpus_gives_no_problems_and_all_fields(tree):
    rows, problems = tree.read()
    assert problems == []
    assert list(rows) == [f"{IMPRO}_F000", f"{IMPRO}_M000", f"{SCRIPT}_F000", f"{SCRIPT}_M000"]
    assert rows[f"{IMPRO}_F000"] == manifest.Utterance(
        utterance=f"{IMPRO}_F000",
        dialogue=IMPRO,
        session="Ses01",
        speaker="Ses01F",
        gender="F",
        scripted=False,
        start=1.5,
        end=3.25,
        whole=True,
        text="Excuse me: [SIGH]: is it open?",
        audio=f"Session1/sentences/wav/{IMPRO}/{IMPRO}_F000.wav",
        video=f"Session1/dialog/avi/DivX/{IMPRO}.avi",
        crop="0 0 360 480",
        label="neu",
        valence=2.5,
        arousal=3.0,
        dominance=4.5,
        language="en",
        votes="ang:1",  # of the evaluator, without the actress's self-evaluation
    )


def test_votes_are_counted_by_code_in_order_of_frequency(tree):
    file = next(tree.root.rglob(f"EmoEvaluation/{IMPRO}.txt"))
    votes = "C-E2:\tNeutral state;\t()\nC-E3:\tHappiness; Excited;\t(Anger)\nC-E4:\tExcited;\t()\nC-M1:\tFear;\t()\n"
    file.write_text(file.read_text().replace("C-E2:\tAnger;\t()\n", votes + "C-E5:\tOdd word;\t()\n", 1))
    rows, problems = tree.read()
    assert rows[f"{IMPRO}_F000"].votes == "exc:2 hap:1 neu:1 odd-word:1" and problems == []
    assert rows[f"{IMPRO}_M000"].votes == "ang:1"


def test_the_speaker_is_the_last_letter_and_the_marker_actor_is_on_the_left(tree):
    rows, _ = tree.read()
    assert {name: (r.speaker, r.gender, r.crop, r.scripted) for name, r in rows.items()} == {
        f"{IMPRO}_F000": ("Ses01F", "F", "0 0 360 480", False),
        f"{IMPRO}_M000": ("Ses01M", "M", "360 0 720 480", False),
        f"{SCRIPT}_F000": ("Ses01F", "F", "360 0 720 480", True),
        f"{SCRIPT}_M000": ("Ses01M", "M", "0 0 360 480", True),
    }


def test_the_root_may_be_the_folder_above(tree):
    tree.root = tree.root.parent
    rows, problems = tree.read()
    assert problems == []
    assert rows[f"{IMPRO}_F000"].audio.startswith("IEMOCAP_full_release/Session1/sentences/wav/")


def test_carriage_returns_have_no_effect(tree):
    plain = tree.read()
    for file in tree.session.rglob("*.txt"):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert tree.read() == plain


def test_a_latin_1_transcript_is_read(tree):
    # 0x85 is a line end for str.splitlines but an ellipsis in Windows-1252: the text after it must be kept.
    tree.edit(f"dialog/transcriptions/{IMPRO}.txt", "Excuse me:", "Un café\x85 s'il", "latin-1")
    rows, problems = tree.read()
    assert problems == []
    assert rows[f"{IMPRO}_F000"].text.startswith("Un café") and rows[f"{IMPRO}_F000"].text.endswith("is it open?")


def test_resource_forks_are_ignored_everywhere(tree):
    plain = tree.read()
    for file in [f for f in tree.session.rglob("*") if f.is_file()]:
        file.with_name(f"._{file.name}").write_bytes(bytes.fromhex("00051607") + b"\0" * 60)
    assert tree.read() == plain
    files = [str(f.relative_to(tree.root)) for f in tree.root.rglob("*") if f.is_file()]
    assert iemocap.index(tree.root, files)[0] == iemocap.index(tree.root, [f for f in files if "._" not in f])[0]


def test_an_utterance_without_a_recording_uses_that_of_the_dialogue(tree):
    tree.remove(f"sentences/wav/{IMPRO}/{IMPRO}_F000.wav")
    rows, problems = tree.read()
    row = rows[f"{IMPRO}_F000"]
    assert (row.audio, row.whole) == (f"Session1/dialog/wav/{IMPRO}.wav", False)
    assert (only(problems).reason, problems[0].utterance, problems[0].dropped) == ("missing file", row.utterance, False)


@pytest.mark.parametrize("content", [b"", MEDIUM[:44]])
def test_an_empty_recording_counts_as_missing(tree, content):
    tree.write(f"sentences/wav/{IMPRO}/{IMPRO}_F000.wav", content)
    tree.write(f"dialog/wav/{IMPRO}.wav", content)
    rows, problems = tree.read()
    assert rows[f"{IMPRO}_F000"].audio == ""
    assert only(problems).reason == "unreadable"


@pytest.mark.parametrize(("content", "reason"), [("", "unreadable"), (None, "missing file")])
def test_a_dialogue_without_film_keeps_its_rows(tree, content, reason):
    film = f"dialog/avi/DivX/{IMPRO}.avi"
    tree.remove(film) if content is None else tree.write(film, content)
    rows, problems = tree.read()
    assert len(rows) == 4
    assert {r.dialogue: bool(r.video) for r in rows.values()} == {IMPRO: False, SCRIPT: True}
    assert (only(problems).reason, problems[0].file) == (reason, f"Session1/{film}")
    assert "2 utterances" in problems[0].detail


def test_a_missing_transcript_or_line_of_one_is_reported(tree):
    tree.edit(f"dialog/transcriptions/{IMPRO}.txt", f"{IMPRO}_M000", f"{IMPRO}_M077")
    rows, problems = tree.read()
    assert rows[f"{IMPRO}_M000"].text == ""
    assert (only(problems).reason, problems[0].utterance) == ("no transcript", f"{IMPRO}_M000")
    tree.remove(f"dialog/transcriptions/{IMPRO}.txt")
    rows, problems = tree.read()
    assert len(rows) == 4
    assert Counter(p.reason for p in problems) == {"no transcript": 2}


def test_a_malformed_transcript_line_is_reported(tree):
    tree.edit(f"dialog/transcriptions/{IMPRO}.txt", f"{IMPRO}_MXX0 [0.1-0.2]: Hm.", "M: laughs")
    rows, problems = tree.read()
    assert len(rows) == 4
    assert (only(problems).reason, problems[0].dropped) == ("bad line", False)
    assert "'M: laughs'" in problems[0].detail


def test_an_unknown_label_drops_only_its_row(tree):
    tree.edit(f"dialog/EmoEvaluation/{IMPRO}.txt", "\tneu\t", "\tjoy\t")
    rows, problems = tree.read()
    assert f"{IMPRO}_F000" not in rows and len(rows) == 3
    assert (only(problems).reason, problems[0].utterance, problems[0].dropped) == ("bad label", f"{IMPRO}_F000", True)
    assert "'joy'" in problems[0].detail


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[1.5000 - 3.2500]", "[1.5000 3.2500]"),
        ("2.5000, 3.0000, 4.5000]\nC-E2", "2.5000, 3.0.0, 4.5000]\nC-E2"),
    ],
)
def test_a_malformed_evaluation_line_drops_only_its_row(tree, old, new):
    text = (tree.session / f"dialog/EmoEvaluation/{IMPRO}.txt").read_text()
    tree.write(f"dialog/EmoEvaluation/{IMPRO}.txt", text.replace(old, new, 1))
    rows, problems = tree.read()
    assert f"{IMPRO}_F000" not in rows and len(rows) == 3
    assert (only(problems).reason, problems[0].dropped) == ("bad line", True)
    assert "line 3" in problems[0].detail


@pytest.mark.parametrize("name", ["Ses02F_impro01_F000", f"{IMPRO}_X000"])
def test_an_evaluation_with_a_foreign_id_leaves_a_recording_without_label(tree, name):
    text = (tree.session / f"dialog/EmoEvaluation/{IMPRO}.txt").read_text()
    tree.write(f"dialog/EmoEvaluation/{IMPRO}.txt", text.replace(f"{IMPRO}_F000", name, 1))
    rows, problems = tree.read()
    assert f"{IMPRO}_F000" not in rows and len(rows) == 3
    assert {(p.utterance, p.reason) for p in problems} == {(name, "bad line"), (f"{IMPRO}_F000", "no label")}
    assert all(p.dropped for p in problems)


@pytest.mark.parametrize(("content", "reason"), [("", "unreadable"), (None, "missing file")])
def test_a_dialogue_without_evaluation_is_reported(tree, content, reason):
    path = f"dialog/EmoEvaluation/{IMPRO}.txt"
    tree.remove(path) if content is None else tree.write(path, content)
    rows, problems = tree.read()
    assert {r.dialogue for r in rows.values()} == {SCRIPT}
    assert (only(problems).reason, problems[0].dropped) == (reason, True)


def test_a_file_without_the_name_of_a_dialogue_is_reported(tree):
    tree.write("dialog/EmoEvaluation/notes.txt", "read me")
    rows, problems = tree.read()
    assert len(rows) == 4
    assert (only(problems).reason, problems[0].file) == ("bad line", "Session1/dialog/EmoEvaluation/notes.txt")


def test_empty_intervals_and_duplicate_ids_are_dropped(tree):
    tree.edit(f"dialog/EmoEvaluation/{IMPRO}.txt", "[1.5000 - 3.2500]", "[3.2500 - 3.2500]")
    tree.edit(f"dialog/EmoEvaluation/{SCRIPT}.txt", f"{SCRIPT}_F000", f"{SCRIPT}_M000")
    rows, problems = tree.read()
    assert list(rows) == [f"{IMPRO}_M000", f"{SCRIPT}_M000"]
    assert rows[f"{SCRIPT}_M000"].label == "exc"  # the first line counts
    unlabelled = ["no label"]  # the recording whose id no line has any more
    assert sorted(p.reason for p in problems) == ["duplicate id", "empty interval", *unlabelled]
    assert all(p.dropped for p in problems)


def test_a_missing_alignment_is_reported_only_if_the_corpus_has_others(tree):
    folder = f"sentences/ForcedAlignment/{IMPRO}"
    words = "\t SFrm\t EFrm\t SegAScr\t Word\n"
    words += "\t    0\t   29\t  -81\t <s>\n\t   30\t   54\t  -9\t EXCUSE\n Total score: -9\n"
    tree.write(f"{folder}/{IMPRO}_F000.wdseg", words)
    _, problems = tree.read()
    assert {p.utterance for p in problems} == {f"{IMPRO}_M000", f"{SCRIPT}_F000", f"{SCRIPT}_M000"}
    assert {p.reason for p in problems} == {"no alignment"} and not any(p.dropped for p in problems)
    aligned = iemocap.read_alignment(tree.session / folder / f"{IMPRO}_F000.wdseg")
    assert [word for word, _, _ in aligned] == ["<s>", "EXCUSE"]
    assert [t for _, *times in aligned for t in times] == pytest.approx([0, 0.3, 0.3, 0.55])


def test_words_come_from_the_alignment_and_are_none_without_one(tree):
    spoken = ["<s>", "I'M(2)", "<sil>", "++LAUGHTER++", "[NOISE]", "FINE", "</s>"]
    lines = [f"\t {10 * i}\t {10 * i + 9}\t  -81\t {word}\n" for i, word in enumerate(spoken)]
    tree.write(
        f"sentences/ForcedAlignment/{IMPRO}/{IMPRO}_F000.wdseg", "\t SFrm\t EFrm\t SegAScr\t Word\n" + "".join(lines)
    )
    (tree.session / f"sentences/wav/{IMPRO}/{IMPRO}_F000.wav").unlink()  # so that the row uses the dialogue's recording
    rows, _ = tree.read()
    aligned = dict(zip(rows, iemocap.words(tree.root, list(rows.values())), strict=True))
    assert [word for word, _, _ in aligned[f"{IMPRO}_F000"]] == ["I'M", "FINE"]
    assert [t for _, *times in aligned[f"{IMPRO}_F000"] for t in times] == pytest.approx([0.1, 0.2, 0.5, 0.6])
    assert {name for name, words in aligned.items() if words is None} == rows.keys() - {f"{IMPRO}_F000"}


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", 0),
        ("IEMOCAP_full_release/Session5/dialog/avi/DivX/Ses05F_impro01.avi", 4),
        ("Session3/sentences/wav/Ses03F_impro01/Ses03F_impro01_F000.wav", 2),
        ("Session3/sentences/ForcedAlignment/Ses03F_impro01/Ses03F_impro01_F000.wdseg", 2),
        ("Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt", None),
        ("Session1/dialog/EmoEvaluation/Attribute/Ses01F_impro01_e3_atr.txt", None),
        ("Session1/sentences/MOCAP_head/Ses01F_impro01/Ses01F_impro01_F000.txt", None),
        ("Session1/dialog/avi/DivX/Thumbs.db", None),
        ("Session1/dialog/lab/Ses01_F/Ses01F_impro01.lab", None),
        ("demo.json", None),
    ],
)
def test_the_group_of_a_file_that_is_read_is_its_session(path, number):
    assert iemocap.group(path) == number


def full_corpus() -> list[manifest.Utterance]:
    """Rows with the counts of the release."""
    rows = []
    for session, total in iemocap.UTTERANCES.items():
        labels = [c for c, n in iemocap.FOUR_CLASSES[session].items() for _ in range(n)]
        labels += ["xxx"] * (total - len(labels))
        rows += [utterance(f"{session}F_impro01_F{i:04d}", session=session, label=x) for i, x in enumerate(labels)]
    return rows


def test_a_corpus_with_the_counts_of_the_release_gives_no_problems():
    rows = full_corpus()
    assert len(rows) == 10_039 and sum(r.label in iemocap.FOUR for r in rows) == 5_531
    assert iemocap.expected(rows) == []


def test_each_count_that_differs_is_reported():
    rows = full_corpus()
    wrong = next(i for i, r in enumerate(rows) if r.session == "Ses04" and r.label == "hap")
    rows[wrong] = replace(rows[wrong], label="exc")
    assert iemocap.expected(rows) == []  # the same class
    rows[wrong] = replace(rows[wrong], label="ang")
    details = [p.detail for p in iemocap.expected(rows)]
    assert details == ["ang in Ses04: 328, the release has 327", "hap in Ses04: 302, the release has 303"]
    lost = rows[:wrong] + rows[wrong + 1 :]
    details = " ".join(p.detail for p in iemocap.expected(lost))
    assert "utterances: 10038" in details and "utterances of Ses04: 2102" in details and "four classes: 5530" in details
    assert iemocap.expected(lost, expect_counts=False) == []
    assert iemocap.expected([r for r in lost if r.session != "Ses01"]) == []


EVALUATION, TRANSCRIPT = f"dialog/EmoEvaluation/{IMPRO}.txt", f"dialog/transcriptions/{IMPRO}.txt"


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize(("lines", "lost"), [(2, ["F000", "M000"]), (8, ["M000"])])
def test_utterances_lost_from_a_truncated_evaluation_are_reported(tree, lines, lost, recorded):
    """They are known from recordings, or in a dialogue without any from the transcript, except its XX turns."""
    text = (tree.session / EVALUATION).read_text()
    tree.write(EVALUATION, "".join(text.splitlines(keepends=True)[:lines]))
    if not recorded:
        for turn in ("F000", "M000"):
            tree.remove(f"sentences/wav/{IMPRO}/{IMPRO}_{turn}.wav")
    rows, problems = tree.read()
    reported = {p.utterance for p in problems if p.reason == "no label" and p.dropped}
    assert reported == {f"{IMPRO}_{turn}" for turn in lost}
    assert not reported & rows.keys() and len(rows) == 4 - len(lost)


def test_an_evaluation_without_utterances_is_reported(tree):
    tree.write(EVALUATION, "% header\n")
    tree.remove(TRANSCRIPT)
    for turn in ("F000", "M000"):
        tree.remove(f"sentences/wav/{IMPRO}/{IMPRO}_{turn}.wav")
    _, problems = tree.read()
    assert (only(problems).reason, problems[0].utterance, problems[0].file) == (
        "no label",
        "",
        f"Session1/{EVALUATION}",
    )


def test_recordings_of_a_dialogue_without_other_files_are_reported(tree):
    tree.write("sentences/wav/Ses01F_impro09/Ses01F_impro09_F000.wav", MEDIUM)
    rows, problems = tree.read()
    assert len(rows) == 4
    assert (only(problems).reason, problems[0].dropped) == ("missing file", True)
    assert "Ses01F_impro09" in problems[0].detail


@pytest.mark.parametrize("times", ["[-1.5000 - 3.2500]", "[1.5000 - 99999999.0]", "[-3.0000 - -1.0000]"])
def test_impossible_times_drop_the_row(tree, times):
    tree.edit(EVALUATION, "[1.5000 - 3.2500]", times)
    rows, problems = tree.read()
    assert (only(problems).reason, problems[0].utterance, problems[0].dropped) == ("bad times", f"{IMPRO}_F000", True)
    assert f"{IMPRO}_F000" not in rows and len(rows) == 3


@pytest.mark.parametrize(
    ("ratings", "kept"), [("2.5000, 99999, -3.0", (2.5, None, None)), ("0.5, 5.5, 5", (0.5, 5.5, 5))]
)
def test_ratings_off_the_scale_are_left_out(tree, ratings, kept):
    text = (tree.session / EVALUATION).read_text()
    tree.write(EVALUATION, text.replace("2.5000, 3.0000, 4.5000", ratings, 1))
    rows, problems = tree.read()
    row = rows[f"{IMPRO}_F000"]
    assert (row.valence, row.arousal, row.dominance) == kept
    reported = [(p.utterance, p.reason, p.dropped) for p in problems]
    assert reported == [(row.utterance, "bad rating", False)] * (None in kept)
    assert all("arousal is 99999, dominance is -3" in p.detail for p in problems)


def test_ratings_that_are_not_finite_are_left_out():
    inf, nan = float("inf"), float("nan")
    rows, problems = manifest.check([utterance("a", valence=inf, arousal=nan, dominance=2.0), utterance("b")])
    assert (rows[0].valence, rows[0].arousal, rows[0].dominance) == (None, None, 2.0)
    assert (only(problems).reason, problems[0].utterance) == ("bad rating", "a")


def test_the_first_of_two_texts_of_an_utterance_is_used(tree):
    line = f"{IMPRO}_F000 [1.5-3.2]: Something else.\n"
    tree.edit(TRANSCRIPT, f"{IMPRO}_M000 [", f"{line}{IMPRO}_M000 [")
    rows, problems = tree.read()
    assert rows[f"{IMPRO}_F000"].text == "Excuse me: [SIGH]: is it open?"
    assert (only(problems).reason, problems[0].utterance, problems[0].dropped) == (
        "duplicate id",
        f"{IMPRO}_F000",
        False,
    )
    assert "line 3" in problems[0].detail


def test_a_wrong_byte_affects_only_its_line(tree):
    tree.edit(TRANSCRIPT, "Excuse me:", "Café, naïve:")
    raw = (tree.session / TRANSCRIPT).read_bytes()
    tree.write(TRANSCRIPT, raw.replace(b"] Yes.", b"] \x93Yes\x94"))
    rows, problems = tree.read()
    assert rows[f"{IMPRO}_F000"].text.startswith("Café, naïve:")
    assert rows[f"{IMPRO}_M000"].text == "[LAUGHTER] “Yes”"
    assert (only(problems).reason, "line 3 is not UTF-8" in problems[0].detail) == ("bad line", True)


def test_windows_1252_quotes_are_decoded(tree):
    tree.edit(TRANSCRIPT, "Yes.", "It\x92s caf\xe9 \x93one\x94", "latin-1")
    rows, problems = tree.read()
    assert problems == []
    assert rows[f"{IMPRO}_M000"].text == "[LAUGHTER] It’s café “one”"


def test_an_undecodable_byte_is_reported(tree):
    tree.edit(TRANSCRIPT, "Yes.", "Yes\x81.", "latin-1")
    rows, problems = tree.read()
    assert rows[f"{IMPRO}_M000"].text == "[LAUGHTER] Yes\ufffd."
    assert (only(problems).reason, "no character" in problems[0].detail) == ("bad line", True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("folder", ["transcriptions", "EmoEvaluation"])
def test_a_file_in_utf_16_or_utf_32_is_read_and_reported_once(tree, folder, encoding):
    path, before = f"dialog/{folder}/{IMPRO}.txt", tree.read()[0]
    tree.write(path, (tree.session / path).read_text().encode(encoding))
    rows, problems = tree.read()
    assert rows == before
    assert (only(problems).reason, encoding.upper() in problems[0].detail) == ("bad line", True)


@pytest.mark.parametrize("sign", ["\0", "\x1f", "\x7f", "\x85"])
def test_a_control_character_is_reported(tree, sign):
    tree.edit(TRANSCRIPT, "Yes.", f"Yes{sign}.")
    assert "line 3 holds a control character" in only(tree.read()[1]).detail


def test_crlf_line_ends_and_a_byte_order_mark_are_accepted(tree):
    before = tree.read()[0]
    for path in (TRANSCRIPT, EVALUATION):
        raw = (tree.session / path).read_bytes()
        tree.write(path, b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"))
    assert tree.read() == (before, [])


@pytest.mark.parametrize(("path", "lost"), [(TRANSCRIPT, False), (EVALUATION, True)])
def test_an_annotation_of_gigabytes_is_not_read(tree, path, lost):
    os.truncate(tree.session / path, 10 * 2**30)
    rows, problems = tree.read()
    (problem,) = [p for p in problems if p.reason == "unreadable"]
    assert problem.file.endswith(path) and "10737418240 bytes" in problem.detail
    assert {p.utterance for p in problems} == {"", f"{IMPRO}_F000", f"{IMPRO}_M000"}
    assert (f"{IMPRO}_F000" not in rows) == lost
