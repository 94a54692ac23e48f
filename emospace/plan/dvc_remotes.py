"""Does DVC know of any remote here? Answered from its config files, since to import DVC takes seconds."""

import os
import re
from pathlib import Path

import platformdirs

REMOTE = re.compile(r"""^\s*\[\s*['"]?remote\b""", re.MULTILINE)  # ['remote "lab"'], as DVC writes it


def config_files() -> list[Path]:
    """Every file that DVC reads its remotes from: of the project, the user and the machine (as in dvc.dirs)."""
    user = os.getenv("DVC_GLOBAL_CONFIG_DIR") or platformdirs.user_config_dir("dvc", "iterative")
    machine = os.getenv("DVC_SYSTEM_CONFIG_DIR") or platformdirs.site_config_dir("dvc", "iterative")
    return [Path(".dvc/config"), Path(".dvc/config.local"), Path(user, "config"), Path(machine, "config")]


def has_remote() -> bool:
    """Is there a remote, of whatever name, that `dvc push` could go to?"""
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in config_files() if path.is_file())
    return any(REMOTE.search(text) for text in texts)
