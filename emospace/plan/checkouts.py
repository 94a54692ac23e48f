"""Detect artifacts that were replaced without Snakemake's knowledge, as by `git checkout` and `dvc checkout`.

Snakemake's records show that it ran a job with the current recipe, not that the files on disk come from that job.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from emospace.core.provenance import canonical, name_of, sha256
from emospace.plan.snakemake_api import Records
from emospace.plan.staleness import read_sidecar

# Paths of sidecars. Raw files may be many; only the list of generated ones is read.
OF_CORPUS = ["data/raw/{0}/{0}.json", "data/manifest/{0}.json"]
OF_CORPUS += [f"data/{folder}/{{0}}/**/*.json" for folder in ("manifest", "views", "features", "augmented/*")]
OF_CONFIG = ["weights/*/weights.json", "data/quality/{0}/*.json", "results/{0}/**/*.json"]


def forget_exchanged(name: str, corpora: Iterable[str], recipes: Path) -> None:
    """Delete Snakemake's records of artifacts whose sidecar names another recipe or other inputs; it rebuilds those.

    name, corpora: those of the config; artifacts of other configs and corpora are ignored. recipes: folder of recipes.
    """
    records, digest = Records(), cache(sha256)
    for path, sidecar in _sidecars(name, corpora):
        if records.inputs(path):
            recipe = records.input_below(path, recipes)
            other = recipe and not recipe.stem.endswith(f"-{name_of(canonical(sidecar['recipe']))}")
            if other or any(Path(p).exists() and digest(p) != then for p, then in sidecar["inputs"].items()):
                records.forget(path)


def _sidecars(name: str, corpora: Iterable[str]) -> Iterator[tuple[Path, dict]]:
    for pattern in [*(p.format(name) for p in OF_CONFIG), *(p.format(c) for p in OF_CORPUS for c in corpora)]:
        for path in sorted(Path().glob(pattern)):
            if sidecar := read_sidecar(path):
                yield path, sidecar
