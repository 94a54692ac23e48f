"""Keep freed memory in the process while a model computes."""

import ctypes
import sys

# Parameters of glibc's mallopt (malloc.h) and their values
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
NEVER = 2**31 - 1
PAD = 64 << 20


def keep_freed_memory() -> bool:
    """Have glibc reuse freed memory instead of returning it to the system; return whether it agreed.

    A model on the CPU allocates and frees tensors of many megabytes in every call. By default, those above 32 MB are
    fresh pages each time, which the system has to clear: more than a quarter of the CPU time of Whisper, whose
    attention fills 54 MB per utterance and layer. Other C libraries are left as they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl, for one
        return False
    return all([mallopt(MMAP_MAX, 0), mallopt(TRIM_THRESHOLD, NEVER), mallopt(TOP_PAD, PAD)])
