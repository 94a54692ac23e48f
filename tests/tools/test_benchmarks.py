"""The rules behind every speed claim: when a target is missed or a machine is busy, what is measured and recorded."""

import json
import subprocess
import sys

import pytest

from benchmarks import __main__ as bench
from benchmarks._busy import Sample, Watch, described, others, sample, taken
from benchmarks._cost import cost
from benchmarks._timing import Claim, compare, verdict


@pytest.mark.parametrize(
    ("below", "pairs", "expected"),
    [
        (0, 3, "met"),
        (3, 3, "open"),  # three of three happen by chance in one case of eight
        (5, 5, "missed"),  # one of 32
        (5, 12, "met"),
        (9, 12, "open"),  # 7.3 %
        (10, 12, "missed"),  # 1.9 %
        (12, 12, "missed"),
    ],
)
def test_a_target_is_missed_where_a_sign_test_says_so(below, pairs, expected):
    assert verdict([1.9] * below + [2.1] * (pairs - below), target=2) == expected


def timed(naive, ours, target=2.0, **options):
    """Return the row of one claim for given costs."""
    ways = {"naive": iter(naive).__next__, "ours": iter(ours).__next__}
    return compare(ways, [Claim("it", "naive", "ours", target)], clock=lambda way: way(), **options)[0]


def test_a_ratio_is_the_median_of_pairs_measured_in_turn():
    row = timed([30, 80, 500], [10, 20, 100])
    assert (row["ratio"], row["low"], row["high"], row["pairs"], row["verdict"]) == (4, 3, 5, 3, "met")


def test_one_pair_below_target_asks_for_all_repeats_and_one_lucky_pair_hides_nothing():
    lucky = timed([30, *[19] * 11], [10] * 12)
    assert lucky["pairs"] == 12 and lucky["high"] == 3 and lucky["verdict"] == "missed"
    unlucky = timed([10, *[30] * 11], [10] * 12)
    assert unlucky["pairs"] == 12 and unlucky["low"] == 1 and unlucky["verdict"] == "met"


def test_ways_take_turns_and_those_of_settled_claims_rest():
    order = []
    costs = {"slow": 9, "good": 1, "bad": 8}
    ways = {name: lambda name=name: order.append(name) or costs[name] for name in costs}
    claims = [Claim("met", "slow", "good", 2), Claim("missed", "slow", "bad", 2)]
    met, missed = compare(ways, claims, clock=lambda way: way())
    assert order == ["slow", "good", "bad"] * 3 + ["slow", "bad"] * 9
    assert (met["pairs"], met["verdict"], missed["pairs"], missed["verdict"]) == (3, "met", 12, "missed")


def test_cores_of_others_are_what_is_taken_but_by_us():
    text = "cpu  100 200 300 99999 99999 50 60 400 70 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n"
    assert taken(text) == pytest.approx(11.1)  # ticks of 1/100 s; user time includes that of guests
    assert others(Sample(0, 10, 3), Sample(10, 40, 18)) == 1.5
    assert others(Sample(0, 10, 3), Sample(10, 20, 13.1)) == 0


def test_a_machine_is_busy_from_a_tenth_on():
    assert described(0.2, of=2) == ""
    assert described(0.85, of=2) == "the machine was busy (0.8 of 2 cores used by others)"


def test_work_of_our_own_children_is_our_own():
    before = sample().own
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
    assert sample().own > before + 0.05


def test_a_watch_counts_the_second_before_and_the_time_of_the_work(monkeypatch):
    monkeypatch.setattr("benchmarks._busy.LOOK", 0)
    for cores in ([1.5, 0.1], [0.1, 1.5]):
        monkeypatch.setattr("benchmarks._busy.others", lambda *_, cores=iter(cores): next(cores))
        with Watch() as watch:
            pass
        assert watch.others == 1.5


def row(name, ratio, verdict="met"):
    facts = {"low": ratio, "high": ratio, "pairs": 3, "target": 1, "verdict": verdict, "note": ""}
    return {"name": name, "ratio": ratio, **facts}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `python -m benchmarks` with fixed rows per topic (None: it fails) and cores in use by other processes.

    Returns the exit status and the recorded ratios.
    """
    results = tmp_path / "results.json"
    results.write_text(json.dumps([row("a", 2), row("b", 3)]))
    monkeypatch.setattr(bench, "HERE", tmp_path)
    monkeypatch.setattr("benchmarks._busy.LOOK", 0.01)

    def main(topics, cores):
        monkeypatch.setattr("benchmarks._busy.others", lambda *_: cores)
        monkeypatch.setattr(bench, "measured", topics.__getitem__)
        return bench.main(list(topics)), {row["name"]: row["ratio"] for row in json.loads(results.read_text())}

    return main


def test_rows_replace_those_of_their_name_and_a_broken_topic_keeps_its_own(run):
    assert run({"one": [row("b", 5), row("c", 7)]}, cores=0) == (0, {"a": 2, "b": 5, "c": 7})
    assert run({"one": [row("a", 4)], "two": None}, cores=0) == (1, {"a": 4, "b": 5, "c": 7})


def test_a_miss_fails_on_a_quiet_machine_and_is_recorded(run, capsys):
    assert run({"one": [row("a", 0.5, "missed")]}, cores=0) == (1, {"a": 0.5, "b": 3})
    assert "below target" in capsys.readouterr().out


def test_a_busy_machine_is_said_and_neither_fails_nor_replaces_good_rows(run, capsys, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert run({"one": [row("a", 0.5, "missed")]}, cores=1.5) == (0, {"a": 2, "b": 3})
    assert "the machine was busy (1.5 of 2 cores used by others)" in capsys.readouterr().out


def test_near_its_target_a_row_says_that_it_cannot_tell(run, capsys):
    assert run({"one": [row("a", 0.99, "open")]}, cores=0) == (0, {"a": 0.99, "b": 3})
    assert "too near its target to tell" in capsys.readouterr().out


def test_memory_of_a_command_is_its_own_however_large_the_process_that_asks(tmp_path):
    ballast = bytearray(b"x") * (300 << 20)
    assert cost(tmp_path, "true").memory < 50
    taken = cost(tmp_path, sys.executable, "-Sc", "print(len(bytearray(b'x') * (100 << 20)))")
    assert 100 < taken.memory < 150 and taken.seconds > 0
    assert (tmp_path / "output.txt").read_text() == f"{100 << 20}\n" and len(ballast) == 300 << 20


def test_a_command_that_fails_shows_what_it_said(tmp_path):
    with pytest.raises(SystemExit, match="so sorry"):
        cost(tmp_path, sys.executable, "-c", "import sys; sys.exit('so sorry')")


def test_asking_for_topics_loads_nothing_heavy():
    heavy = "import sys, benchmarks.__main__; print({'numpy', 'torch', 'emospace'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", heavy], text=True, cwd=bench.HERE.parent) == "set()\n"
