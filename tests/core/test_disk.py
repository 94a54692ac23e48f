"""Errors of the operating system become messages with a remedy.

Covers: core/errors.
"""

import errno

from emospace.core.disk import as_input_error


def test_a_full_disk_and_a_denied_write_are_reported_in_one_line():
    full = as_input_error(OSError(errno.ENOSPC, "No space left on device", "x"))
    assert "the disk is full. free some space" in str(full)
    denied = as_input_error(PermissionError(13, "Permission denied", ".emospace"))
    assert str(denied).startswith(".emospace: Permission denied")
