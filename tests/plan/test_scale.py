"""The number of jobs depends on the parts of a corpus, not on its utterances, so large corpora are cheap to plan."""

import time

import pytest
from conftest import Project

from benchmarks._large import config, corpus
from emospace.protocols.audit import audit_children
from emospace.protocols.fold_tables import COLUMNS, child_of


@pytest.fixture
def jobs(project: Project):
    """Return a function for the number of jobs for a corpus in the layout of IEMOCAP with empty media files."""

    def count(utterances: int, parts: int) -> int:
        root = project.folder / f"corpus of {utterances}"
        if not root.exists():
            corpus(root, utterances)
        project.configure(config(parts))
        return sum(project.planned(EMOSPACE_IEMOCAP=str(root)).values())

    return count


@pytest.mark.workflow
def test_a_hundred_times_more_utterances_need_the_same_number_of_jobs(jobs):
    assert jobs(100, 5) == jobs(10_000, 5)


@pytest.mark.workflow
def test_each_additional_part_adds_the_same_number_of_jobs(jobs):
    five, ten, twenty = (jobs(100, parts) for parts in (5, 10, 20))
    assert 0 < ten - five == (twenty - ten) / 2
    assert (ten - five) % 5 == 0


def test_the_audit_of_augmented_rows_takes_linear_time():
    """40,000 rows take 0.1 s of CPU; building a set for each row took minutes."""
    table = [dict.fromkeys(COLUMNS, "") | {"utterance": f"u{i}", "split": "train"} for i in range(40_000)]
    children = [child_of(row, "text_bt") for row in table]
    children[7] |= {"utterance": "u8"}
    start = time.process_time()
    strays = audit_children("fold0", table, [*children, children[9]], "text_bt")
    assert time.process_time() - start < 5
    assert {(stray.what, stray.why) for stray in strays if "twice" in stray.why} == {
        ("u8", "occurs twice"),
        ("u9~text_bt", "occurs twice"),
    }
