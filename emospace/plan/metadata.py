"""What Snakemake remembers of its jobs, below .snakemake."""

from pathlib import Path

from emospace.plan.triggers import Recorded


def recorded() -> Recorded:
    """Function of (output, folder): the input below `folder` from which an output was last made, if one is recorded."""
    from snakemake.io import IOFile
    from snakemake.persistence.file import FilePersistence

    records = FilePersistence(nolock=True)

    def find(output: Path, folder: Path) -> Path | None:
        record = records.metadata(IOFile(output))
        return next((Path(p) for p in (record and record.input) or () if Path(p).is_relative_to(folder)), None)

    return find
