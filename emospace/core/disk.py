"""What to tell a user whose disk is full, or whose files cannot be opened."""

from pathlib import Path

from emospace.core.errors import InputError, full


def told(error: OSError) -> InputError:
    """The same in one line, with a remedy."""
    if full(error):
        return InputError(Path.cwd(), "the disk is full", "free some space, then start the workflow again")
    return InputError(error.filename or Path.cwd(), error.strerror or str(error), "mend its permissions, or remove it")
