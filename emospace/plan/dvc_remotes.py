"""Find out from DVC's config files whether a remote is configured; importing DVC would take seconds."""

import os
import re
from pathlib import Path

import platformdirs

REMOTE = re.compile(r"""^\s*\[\s*['"]?remote\b""", re.MULTILINE)  # ['remote "lab"'], as DVC writes it


def config_files() -> list[Path]:
    """Return every file from which DVC reads remotes: of the project, the user and the machine (as in dvc.dirs)."""
    user = os.getenv("DVC_GLOBAL_CONFIG_DIR") or platformdirs.user_config_dir("dvc", "iterative")
    machine = os.getenv("DVC_SYSTEM_CONFIG_DIR") or platformdirs.site_config_dir("dvc", "iterative")
    return [Path(".dvc/config"), Path(".dvc/config.local"), Path(user, "config"), Path(machine, "config")]


def has_remote() -> bool:
    """Is there any remote to which `dvc push` could push?"""
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in config_files() if path.is_file())
    return any(REMOTE.search(text) for text in texts)
