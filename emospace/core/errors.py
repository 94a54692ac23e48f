"""The exception for errors that a user can fix."""

import errno
import shutil

LITTLE = 64 * 2**20  # bytes: with less free space, a disk counts as full


class InputError(Exception):
    """An input that cannot be used; the message gives the file, the reason and the remedy, in that order.

    Raise it wherever a user can fix the cause; scripts print it as one line, without a traceback.
    """

    def __init__(self, file, reason: str, remedy: str = ""):
        self.file, self.reason, self.remedy = str(file), reason, remedy
        super().__init__(f"{self.file}: {reason}." + (f" {remedy}." if remedy else ""))


def full(error: Exception) -> bool:
    """Was the error caused by a full disk? numpy raises an OSError without errno in that case."""
    if not isinstance(error, OSError):
        return False
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or (error.errno is None and shutil.disk_usage(".").free < LITTLE)
