"""Pretrained weights as jobs open them: compared with their record, and read for that only if they may have changed."""

from pathlib import Path

from emospace.weights.record import Weights, open_weights

VERIFIED = Path(".emospace/verified")  # outside of artifacts: time stamps and inodes are this machine's


def opened(record: Path) -> Weights:
    """The weights of a weights.json. Raises InputError where they are not those that were fetched."""
    return open_weights(record.parent, VERIFIED / f"{record.parent.name}.json")
