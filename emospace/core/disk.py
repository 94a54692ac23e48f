"""Turn an OSError, such as a full disk or a file that cannot be opened, into a message with a remedy."""

from pathlib import Path

from emospace.core.errors import InputError, full


def as_input_error(error: OSError) -> InputError:
    """Return an InputError for an OSError."""
    if full(error):
        return InputError(Path.cwd(), "the disk is full", "free some space, then start the workflow again")
    return InputError(error.filename or Path.cwd(), error.strerror or str(error), "fix its permissions, or remove it")
