"""Artifacts that were exchanged under Snakemake's feet, as `git checkout` and `dvc checkout` do.

Snakemake knows that it ran a job with today's recipe, not whether what lies there now is what that job made.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from emospace.core.provenance import canonical, name_of, sha256
from emospace.plan.adoption import read_sidecar
from emospace.plan.snakemake_api import Records

# Where sidecars are. Of raw files, which may be many, only the list of generated ones is looked at.
OF_CORPUS = ["data/raw/{0}/{0}.json", "data/manifest/{0}.json"]
OF_CORPUS += [f"data/{kind}/{{0}}/**/*.json" for kind in ("manifest", "views", "features", "augmented/*")]
OF_CONFIG = ["weights/*/weights.json", "data/quality/{0}/*.json", "results/{0}/**/*.json"]


def forget_exchanged(name: str, corpora: Iterable[str], recipes: Path) -> None:
    """Make Snakemake forget how it made what another recipe or other inputs made than it remembers.

    Then it makes that again. name, corpora: those of the config; what belongs to others is left alone. recipes: their
    folder.
    """
    records, digest = Records(), cache(sha256)
    for path, says in _sidecars(name, corpora):
        if records.inputs(path):
            recipe = records.input_below(path, recipes)
            other = recipe and not recipe.stem.endswith(f"-{name_of(canonical(says['recipe']))}")
            if other or any(Path(p).exists() and digest(p) != then for p, then in says["inputs"].items()):
                records.forget(path)


def _sidecars(name: str, corpora: Iterable[str]) -> Iterator[tuple[Path, dict]]:
    for pattern in [*(p.format(name) for p in OF_CONFIG), *(p.format(c) for p in OF_CORPUS for c in corpora)]:
        for path in sorted(Path().glob(pattern)):
            if says := read_sidecar(path):
                yield path, says
