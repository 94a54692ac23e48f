"""While a model computes, freed memory stays in the process: a call touches few fresh pages."""

import subprocess
import sys

import pytest
from conftest import ROOT

FAULTS = """
import resource, sys
from emospace.core.allocator import keep_freed_memory
if "keep" in sys.argv and not keep_freed_memory():
    sys.exit(77)
def step():
    return len(b"x" * (40 << 20))
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*arguments: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip("the C library is not glibc")
    return int(done.stdout)


def test_freed_memory_is_used_again():
    assert 10 * faults("keep") < faults()
