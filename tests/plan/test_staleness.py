"""Sidecars alone decide whether an artifact matches the current recipe and inputs; without Snakemake."""

from pathlib import Path

import pytest

from emospace.core.errors import InputError
from emospace.core.provenance import sha256, write_json
from emospace.plan.staleness import SHOWN, Job, Record, read_sidecar, record_of, refuse_altered, why_stale

RECIPE = {"rule": "count", "options": {"k": 2}, "code": {"count.py": "a" * 64}}


class Workflow:
    """Two jobs `read`, and a job `count` that read the files of both and wrote a table with a sidecar."""

    def __init__(self):
        write_json(Path("recipe.json"), RECIPE)
        for name in ("one.csv", "two.csv", "table.csv", "plot.csv"):
            Path(name).write_text(name)
        self.sources = [self.job("read", name) for name in ("one.csv", "two.csv")]
        self.count = self.job("count", "table.csv", "plot.csv", "table.json", needs=self.sources)
        self.sidecar = {"recipe": dict(RECIPE), "inputs": digests("one.csv", "two.csv")}
        self.sidecar["outputs"] = digests("table.csv", "plot.csv")

    @staticmethod
    def job(rule: str, *outputs: str, needs=()) -> Job:
        return Job(rule, Path("recipe.json"), [Path(path) for path in outputs], list(needs))

    def why(self) -> str:
        write_json(Path("table.json"), self.sidecar)
        makers = {str(path): job for job in (*self.sources, self.count) for path in job.outputs}
        return why_stale(self.count, record_of(self.count), makers, sha256)


def digests(*names: str) -> dict[str, str]:
    return {name: sha256(Path(name)) for name in names}


@pytest.fixture
def workflow(tmp_path, monkeypatch) -> Workflow:
    monkeypatch.chdir(tmp_path)
    return Workflow()


# Sidecars -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["recipe", "inputs", "outputs"])
def test_a_sidecar_needs_recipe_inputs_and_outputs_and_may_have_more(workflow, lost):
    write_json(Path("table.json"), workflow.sidecar | {"seconds": 1})
    assert read_sidecar(Path("table.json"))["seconds"] == 1
    write_json(Path("table.json"), {key: value for key, value in workflow.sidecar.items() if key != lost})
    assert read_sidecar(Path("table.json")) is None and record_of(workflow.count) is None


def test_other_files_are_not_sidecars(workflow):
    write_json(Path("list.json"), ["recipe", "inputs", "outputs"])
    write_json(Path("table.txt"), workflow.sidecar)
    for name in ("list.json", "table.txt", "nowhere.json"):
        assert read_sidecar(Path(name)) is None


def test_a_broken_sidecar_is_reported_by_name(workflow):
    Path("table.json").write_text('{"recipe": ')
    with pytest.raises(InputError, match=r"^table.json"):
        record_of(workflow.count)


def test_a_record_covers_outputs_in_other_folders_and_fetched_weights(tmp_path, monkeypatch):
    """A sidecar lists its outputs by file name; some are in other folders than the sidecar."""
    monkeypatch.chdir(tmp_path)
    content = {"recipe": {}, "inputs": {}, "outputs": {"a.csv": "1" * 64, "unplanned.csv": "2" * 64}}
    content["files"] = {"model.bin": {"sha256": "3" * 64}, "revision": "main"}
    Path("meta").mkdir()
    write_json(Path("meta/a.json"), content)
    record = record_of(Workflow.job("make", "data/a.csv", "meta/a.json"))
    assert (record.path, record.sidecar) == (Path("meta/a.json"), content)
    expected = {"data/a.csv": "1" * 64, "meta/unplanned.csv": "2" * 64, "meta/model.bin": "3" * 64}
    assert record.files == {Path(name): digest for name, digest in expected.items()}


# Altered files -----------------------------------------------------------------------------------------------------


def test_unchanged_and_absent_files_are_accepted(workflow):
    files = {Path("table.csv"): sha256("table.csv"), Path("nowhere.csv"): "0" * 64}
    refuse_altered([Record(Path("table.json"), {}, files)], sha256)
    refuse_altered([], sha256)


def test_altered_files_of_all_records_are_named(workflow):
    good = Record(Path("a.json"), {}, digests("one.csv"))
    good.files = {Path(name): digest for name, digest in good.files.items()}
    bad = [Record(Path(f"{i}.json"), {}, {Path(name): "0" * 64}) for i, name in enumerate(("two.csv", "table.csv"))]
    with pytest.raises(InputError) as refused:
        refuse_altered([bad[0], good, bad[1]], sha256)
    assert refused.value.file == "two.csv, table.csv"
    assert refused.value.reason.startswith("altered") and "dvc checkout" in refused.value.remedy


@pytest.mark.parametrize("extra", [0, 1, 7])
def test_a_long_list_of_altered_files_is_cut_and_counted(tmp_path, extra):
    files = {tmp_path / f"{i:02d}": "0" * 64 for i in range(SHOWN + extra)}
    for path in files:
        path.touch()
    with pytest.raises(InputError) as refused:
        refuse_altered([Record(tmp_path / "a.json", {}, files)], sha256)
    names = refused.value.file.split(", ")
    assert names[:SHOWN] == [str(path) for path in files][:SHOWN]
    assert names[SHOWN:] == ([f"and {extra} more"] if extra else [])


# Stale jobs ------------------------------------------------------------------------------------------------------


def test_a_job_that_matches_its_sidecar_is_up_to_date(workflow):
    assert workflow.why() == ""


def test_a_missing_sidecar_is_distinguished_from_missing_outputs(workflow):
    assert why_stale(workflow.count, None, {}, sha256) == "it has no sidecar"
    Path("plot.csv").unlink()  # some of its outputs are here, but not its sidecar
    assert why_stale(workflow.count, None, {}, sha256) == "it has no sidecar"
    Path("table.csv").unlink()
    assert why_stale(workflow.count, None, {}, sha256) == "it is missing"


@pytest.mark.parametrize("lost", ["table.csv", "plot.csv"])
def test_a_missing_output_is_named(workflow, lost):
    Path(lost).unlink()
    assert workflow.why() == f"{lost} is missing"


def test_a_file_that_only_the_sidecar_lists_must_exist(workflow):
    workflow.sidecar["files"] = {"model.bin": {"sha256": "0" * 64}}
    assert workflow.why() == "model.bin is missing"


def test_the_first_unlisted_output_is_named(workflow):
    for name in ("b.csv", "a.csv"):
        Path(name).touch()
        workflow.count.outputs.append(Path(name))
    assert workflow.why() == "its sidecar does not list a.csv"


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        ({"options": {"k": 3}}, "options"),
        ({"seed": 1}, "seed"),
        ({"options": {}, "code": {}, "rule": "count"}, "code, options"),
    ],
)
def test_differing_keys_of_the_recipe_are_named(workflow, now, changed):
    write_json(Path("recipe.json"), RECIPE | now)
    assert workflow.why() == f"its recipe differs in {changed}"
    write_json(Path("recipe.json"), RECIPE)
    workflow.sidecar["recipe"] |= now
    assert workflow.why() == f"its recipe differs in {changed}"


def test_a_changed_or_missing_input_is_named(workflow):
    Path("two.csv").write_text("other")
    assert workflow.why() == "it was built from another version of two.csv"
    Path("two.csv").unlink()
    assert workflow.why() == "it was built from another version of two.csv"


def test_an_input_that_no_job_produces_any_more_is_named(workflow):
    Path("old.csv").touch()
    workflow.sidecar["inputs"] |= digests("old.csv")
    assert workflow.why() == "it was also built from old.csv"


def test_a_new_source_is_named(workflow):
    """One file of each needed job is enough, because a rule may read only one of its outputs."""
    workflow.sources[0].outputs.append(Path("unread.csv"))
    assert workflow.why() == ""
    workflow.count.needs.append(workflow.job("read", "three.csv"))
    assert workflow.why() == "it was built without three.csv"
    del workflow.sidecar["inputs"]["one.csv"]
    assert workflow.why() == "it was built without one.csv"
