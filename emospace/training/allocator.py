"""Keep freed memory in the process while a model is trained."""

import ctypes
import sys

# Parameters of glibc's mallopt (malloc.h) and their values
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
NEVER = 2**31 - 1
PAD = 64 << 20


def keep_freed_memory() -> bool:
    """Have glibc reuse freed memory instead of returning it to the system; return whether it agreed.

    A training step on the CPU allocates and frees tensors of many megabytes. By default, those above 32 MB are fresh
    pages each time, which the system has to clear. Other C libraries are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl, for one
        return False
    return all([mallopt(MMAP_MAX, 0), mallopt(TRIM_THRESHOLD, NEVER), mallopt(TOP_PAD, PAD)])
