"""A Slurm cluster for a test module."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

SLURM = ["--profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "3"]
CLUSTER = str(ROOT / "tests/slurm/cluster.sh")
REFUSED = 77  # exit status of cluster.sh if this machine cannot run a cluster


class Cluster:
    """The Slurm cluster on this machine."""

    def __init__(self, folder: Path):
        self.folder = folder

    def jobs(self) -> list[dict[str, str]]:
        """Slurm's fields of every job so far, with the `CUDA_VISIBLE_DEVICES` that its tasks saw."""
        listed = subprocess.run(["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True, check=True)
        seen = dict(line.split() for line in (self.folder / "gpus").read_text().splitlines())
        jobs = [dict(re.findall(r"([\w/]+)=(\S*)", line)) for line in listed.stdout.splitlines()]
        return [job | {"CUDA_VISIBLE_DEVICES": seen.get(job["JobId"], "")} for job in jobs]

    def of(self, rule: str) -> list[dict[str, str]]:
        """Jobs of one rule or group, in order of submission."""
        jobs = [job for job in self.jobs() if job.get("Comment", "").startswith(f"rule_{rule}")]
        return sorted(jobs, key=lambda job: int(job["JobId"]))


def start(*accounting: str) -> Iterator[Cluster]:
    """Start a cluster and stop it afterwards; skip if this machine cannot run one, fail if it does not start."""
    with tempfile.TemporaryDirectory(prefix="slurm") as folder:
        try:
            started = subprocess.run(["bash", CLUSTER, "start", folder, *accounting], stderr=subprocess.PIPE, text=True)
            if started.returncode == REFUSED:
                pytest.skip(started.stderr.strip())
            if started.returncode:
                logs = [f"{log}:\n{log.read_text(errors='replace')[-2000:]}" for log in Path(folder).glob("*.log")]
                pytest.fail("\n".join([started.stderr, *logs]))
            yield Cluster(Path(folder))
        finally:
            subprocess.run(["bash", CLUSTER, "stop", folder], check=True)
