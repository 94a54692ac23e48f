"""Jobs follow the parts of a corpus, never its utterances: what makes a large corpus cheap to plan."""

import pytest
import yaml
from conftest import Project

from benchmarks._large import config, corpus

pytestmark = pytest.mark.workflow


@pytest.fixture
def jobs(project: Project):
    """Number of jobs of a corpus in the layout of IEMOCAP; its media are empty."""

    def count(utterances: int, parts: int) -> int:
        root = project.folder / f"corpus of {utterances}"
        if not root.exists():
            corpus(root, utterances)
        (project.folder / "config.yaml").write_text(yaml.safe_dump(config(parts)), encoding="utf-8")
        return sum(project.planned(EMOSPACE_IEMOCAP=str(root)).values())

    return count


def test_a_hundred_times_the_utterances_are_the_same_jobs(jobs):
    assert jobs(100, 5) == jobs(10_000, 5)


def test_each_part_more_is_as_many_jobs_more(jobs):
    five, ten, twenty = (jobs(100, parts) for parts in (5, 10, 20))
    assert 0 < ten - five == (twenty - ten) / 2
    assert (ten - five) % 5 == 0
