"""Precomputed vectors in the workflow: an edited table reruns only what depends on it, an edited comment nothing."""

import pytest
from _machines import smallest
from conftest import Project

from emospace.core import manifest, store
from emospace.core.provenance import read_json


@pytest.mark.workflow
def test_precomputed_vectors_become_features_and_edited_comments_rerun_nothing(tmp_path):
    project = Project(tmp_path)
    config = smallest() | {"weights": {}, "features": {"ids.mine": {"encoder": "table", "file": "vectors.csv"}}}
    config["corpora"]["demo"]["parts"] = 1
    config["runs"] = {"probe": {"model": "linear_probe", "protocol": "session", "inputs": ["ids.mine"]}}
    project.configure(config)
    table = project.folder / "vectors.csv"
    table.write_text("utterance,a,b\n")
    jobs = project.planned("all")
    assert jobs["extract_ids"] == jobs["embed_ids_mine"] == 1
    assert not {name for name in jobs if name.startswith("extract_")} - {"extract_ids"}
    project.snakemake("features")
    rows = manifest.read(project.folder / "data/manifest/demo/0.csv")
    assert read_json(project.folder / "data/features/demo/ids.mine/0.json")["missing"] == len(rows)

    lines = [f"{row.utterance},{i},{-i}" for i, row in enumerate(rows) if i % 2]
    table.write_text("\n".join(["utterance,a,b", *lines, ""]))
    assert project.planned("features") == {"embed_ids_mine": 1, "features": 1}
    project.snakemake("features")
    features = store.Ragged.open(project.folder / "data/features/demo/ids.mine/0.npy", len(rows))
    assert [row.tolist() for row in features] == [[[i, -i]] if i % 2 else [] for i in range(len(rows))]

    module = project.folder / "emospace/core/errors.py"  # imported by all other modules
    original = module.read_text(encoding="utf-8")
    first, _, rest = original.partition("\n")
    module.write_text(f'"""Something else."""\n# A comment.\n{rest}  # and another\n', encoding="utf-8")
    assert first.endswith('"""') and project.planned("features") == {}
    module.write_text(original + "\nADDED = 1\n", encoding="utf-8")
    assert {"index_part", "extract_ids", "embed_ids_mine"} <= project.planned("features").keys()
    module.write_text(original, encoding="utf-8")

    table.write_text("utterance,a,b\nnobody,1,2\n")
    output = project.snakemake("features", check=False)
    assert "vectors.csv: row 0: 'nobody' is not an utterance of the config's corpora" in output
