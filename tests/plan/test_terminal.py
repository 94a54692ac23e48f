"""Terminal output: one line per job, unchanged errors, and a message for targets given as config files.

Covers: plan/command_line.
"""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from conftest import ROOT
from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from emospace.plan.command_line import check_words, complaint
from emospace.plan.run_summary import declared
from emospace.plan.snakemake_api import HANDLER
from emospace.plan.terminal import CLEAR, show_one_line_per_job

TRAIN = {"corpus": "demo", "run": "probe", "fold": "fold0", "seed": "1"}


class Terminal:
    """Snakemake's logger with its own handler; `text` is its output."""

    def __init__(self, folder: Path, quiet: set = frozenset(), tty: bool = False):
        self.path = folder / "terminal"
        self.stream = self.path.open("w", encoding="utf-8")
        self.stream.isatty = lambda: tty
        handler = ColorizingTextHandler(nocolor=True, stream=self.stream)
        handler.name = HANDLER
        handler.addFilter(DefaultFilter(quiet, False, False, False, False))
        handler.setFormatter(DefaultFormatter(quiet, show_failed_logs=True))
        self.logger = logging.Logger("of a test")
        self.logger.addHandler(handler)
        show_one_line_per_job(self.logger, lambda: ["all", "report"])

    def say(self, message, event=None, level=logging.INFO, **more):
        self.logger.log(level, message, extra={"event": event} | more)

    def job(self, number: int, rule: str, wildcards: dict, output=("made",)):
        info = {"rule_msg": None, "reason": "", "local": True, "is_checkpoint": False, "input": [], "log": []}
        info |= {"benchmark": None, "priority": 0, "threads": 1, "resources": {}, "indent": False}
        info |= {"jobid": number, "rule_name": rule, "wildcards": wildcards, "output": list(output)}
        self.say("Select jobs to execute...")
        self.say("Execute 1 jobs...", LogEvent.JOB_STARTED, jobs=[number])
        self.say(f" Rule: {rule}", LogEvent.JOB_INFO, **info)
        self.say(None, LogEvent.SHELLCMD, cmd="python -m this")

    def end(self, number: int):
        self.say(f"Finished jobid: {number}", LogEvent.JOB_FINISHED, job_id=number)
        self.say(None, LogEvent.PROGRESS, done=1, total=3)

    @property
    def text(self) -> str:
        self.stream.flush()
        return self.path.read_bytes().decode()  # read_text would convert carriage returns


@pytest.mark.parametrize("quiet", [set(), {Quietness.RULES, Quietness.REASON}])
def test_a_job_is_one_line_with_rule_wildcards_seconds_and_jobs_left(tmp_path, quiet):
    terminal = Terminal(tmp_path, quiet)
    terminal.say("a table of 30 lines\n" * 30, LogEvent.RUN_INFO, stats={"train": 2, "all": 1, "total": 3})
    terminal.job(1, "train", TRAIN)
    terminal.job(2, "index_part", {"corpus": "demo", "part": "0"})
    terminal.end(2)
    terminal.end(1)
    terminal.job(0, "all", {}, output=())
    terminal.end(0)
    lines = [line.split() for line in terminal.text.splitlines() if line]
    assert lines[0] == ["2", "jobs", "to", "run"]
    assert lines[1] == ["index_part", "demo", "part", "0", lines[1][4], "s", "1", "left"]
    assert lines[2] == ["train", "demo", "probe", "fold0", "seed", "1", lines[2][6], "s", "0", "left"]
    assert float(lines[2][6]) >= 0 and len(lines) == 3


def test_errors_warnings_and_unusual_messages_stay(tmp_path):
    terminal = Terminal(tmp_path)
    (tmp_path / "job.log").write_text("ERROR words.txt: it is empty. Restore it.\n")
    job = {"rule_msg": None, "jobid": 1, "rule_name": "train", "input": [], "output": ["model"], "conda_env": None}
    job |= {"log": [str(tmp_path / "job.log")], "shellcmd": "python -m this", "aux": {}, "indent": False}
    terminal.say(None, LogEvent.JOB_ERROR, logging.ERROR, **job)
    terminal.say("the corpus is not here", level=logging.WARNING)
    terminal.say("Creating conda environment envs/train.yaml...")
    for message in ("Error in rule train", "it is empty", "the corpus is not here", "Creating conda environment"):
        assert message in terminal.text


def test_on_a_terminal_a_line_replaces_the_progress_bar(tmp_path):
    terminal = Terminal(tmp_path, tty=True)
    terminal.job(1, "train", TRAIN)
    terminal.end(1)
    assert terminal.text.strip("\n").startswith(f"{CLEAR}train")


def test_each_declaration_of_the_config_is_one_line(tmp_path):
    plan = SimpleNamespace(
        config={"protocols": {"session": {}, "random": {"leaky": True}}, "views": {}, "features": {}, "runs": {}},
        fetched=lambda: [str(tmp_path / f"{name}/weights.json") for name in ("clip", "minilm", "absent")],
        seen_corpora_in=lambda protocol: {"minilm": ["here"]} if protocol == "session" else {},
    )
    for name, text in {"clip": '{"random": true, "why": "no hub"}', "minilm": '{"random": false}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights.json").write_text(text)
    leaky, seen, weights = declared(plan)
    assert seen == "seen: weights minilm were trained on here, tested by session; marked"
    assert leaky.startswith("leaky: random,") and weights.startswith("random weights: clip (no hub)")


def test_a_target_after_configfile_is_recognised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("name: mine\n")
    assert not complaint(["-n", "export", "--configfile", "mine.yaml", "--cores", "2", "features"])
    assert not complaint(["features", "--config", "seed=2"])
    message = complaint(["--cores", "2", "--configfile", "mine.yaml", "export"])
    assert message.startswith("`export` is a target") and message.endswith(
        "snakemake export --cores 2 --configfile mine.yaml"
    )
    assert complaint(["--configfile=my.yaml"]) == "my.yaml: there is no such config file. Presets are in configs/."
    with pytest.raises(SystemExit, match="`export` is a target"):
        check_words(["--configfiles", "mine.yaml", "export"])


def test_the_profile_checks_the_command_line(monkeypatch):
    """Snakemake reads the profile before any config file."""
    from snakemake.profiles import ProfileConfigFileParser

    monkeypatch.chdir(ROOT)
    path = ROOT / "profiles/default/config.yaml"
    monkeypatch.setattr("sys.argv", ["snakemake", "--configfile", "configs/ravdess.yaml", "export"])
    with path.open() as stream, pytest.raises(SystemExit, match="`export` is a target"):
        ProfileConfigFileParser().parse(stream)
    monkeypatch.setattr("sys.argv", ["snakemake", "export", "--configfile", "configs/ravdess.yaml"])
    with path.open() as stream:
        read = dict(ProfileConfigFileParser().parse(stream))
    plain = {k: v for k, v in yaml.safe_load(path.read_text()).items() if not k.startswith("__")}
    assert read.keys() == plain.keys()


def test_lint_names_the_command_that_fixes_it():
    lint = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2].partition("\n\n")[0]
    assert "run: make format" in lint
    assert "\nformat:" in (ROOT / "Makefile").read_text(encoding="utf-8")
