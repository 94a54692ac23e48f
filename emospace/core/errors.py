"""The one exception that a user is meant to read."""

import errno
import shutil

LITTLE = 64 * 2**20  # bytes free: a disk that is as good as full


class InputError(Exception):
    """Input that cannot be used: names the file, the reason and the remedy, in that order.

    Raise it wherever a user can mend the cause; scripts print it as one line, without a traceback.
    """

    def __init__(self, file, reason: str, remedy: str = ""):
        self.file, self.reason, self.remedy = str(file), reason, remedy
        super().__init__(f"{self.file}: {reason}." + (f" {remedy}." if remedy else ""))


def full(error: Exception) -> bool:
    """Did a disk have no room? numpy raises an OSError without a number then."""
    if not isinstance(error, OSError):
        return False
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or (error.errno is None and shutil.disk_usage(".").free < LITTLE)
