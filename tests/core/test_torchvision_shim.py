"""torchvision can be imported after the shim, which declares only what is missing and nothing for another torch."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT

from emospace.core import torchvision_shim

FRESH = """
import json
from emospace.core.torchvision_shim import OPERATORS, ensure
first = ensure()
import torch, torchvision
print(json.dumps([first, ensure(), [hasattr(torch.ops.torchvision, name) for name in OPERATORS]]))
"""


def test_torchvision_can_be_imported_in_a_fresh_process():
    done = subprocess.run([sys.executable, "-c", FRESH], cwd=ROOT, capture_output=True, text=True, check=True)
    first, second, declared = json.loads(done.stdout)
    assert set(first) <= {*torchvision_shim.OPERATORS} and second == [] and all(declared)


@pytest.mark.parametrize("absent", ["torchvision", "CPU build of torch"])
def test_nothing_is_declared_without_torchvision_or_for_a_torch_with_a_gpu(monkeypatch, absent):
    import torch

    monkeypatch.setattr(torchvision_shim, "OPERATORS", ("an operator that is missing",))
    if absent == "torchvision":
        monkeypatch.setattr(torchvision_shim.importlib.util, "find_spec", lambda name: None)
    else:
        monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert torchvision_shim.ensure() == []
