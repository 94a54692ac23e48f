"""What to tell a user whose disk is full, or whose files cannot be opened."""

import errno
import shutil
from pathlib import Path

from emospace.errors import InputError

LITTLE = 64 * 2**20  # bytes free: a disk that is as good as full


def full(error: Exception) -> bool:
    """Did a disk have no room? numpy raises an OSError without a number then."""
    if not isinstance(error, OSError):
        return False
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or (error.errno is None and shutil.disk_usage(".").free < LITTLE)


def told(error: OSError) -> InputError:
    """The same in one line, with a remedy."""
    if full(error):
        return InputError(Path.cwd(), "the disk is full", "free some space, then start the workflow again")
    return InputError(error.filename or Path.cwd(), error.strerror or str(error), "mend its permissions, or remove it")
