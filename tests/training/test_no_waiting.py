"""A training step reads nothing from the device: a GPU would have to finish all queued work first.

Tensors on the meta device have shapes and no values: `item`, `bool`, `nonzero` and masks as indices raise.
"""

import copy
from pathlib import Path

import pytest
import torch
from _small import CLASSES, split, with_children

from emospace.models import _cross_modal
from emospace.models.unified import batch_size
from emospace.models.unified.objective import Objective
from emospace.models.unified.resident import DeviceRows
from emospace.models.unified.unit_space import Space
from emospace.training import loop

META = torch.device("meta")
FORMS = {"audio.mfcc": ("cepstral", 1), "frames.clip": ("sequence", 5), "text.sbert": ("", 1)}  # and layers


def state_and_losses(rows, device: torch.device):
    """A network of every form of input with all losses and all augmentation on a device."""
    resident = DeviceRows(rows, device)
    shapes = {name: (store.values.shape[1], *FORMS[name]) for name, store in rows.inputs.items()}
    network = Space(shapes, len(CLASSES), 16, 16, 8, 0.1).to(device)
    weights = dict.fromkeys(("gender", "vad", "reconstruction", "contrastive", "alignment", "children"), 0.5)
    rest = {"label_smoothing": 0.1, "modality_dropout": 0.2, "distortion": 1.0, "vocal_tract": 0.1}
    losses = Objective(network, resident, weights, **rest, rates={"audio.mfcc": 16_000})
    schedule = loop.Schedule(2, 1, batch_size(None, 48), 1e-3, 0.01)
    state = loop.State(network, copy.deepcopy(network), loop._optimiser(network, schedule), schedule)
    return state, losses


def test_a_step_reads_no_value_from_the_device():
    state, losses = state_and_losses(with_children(split(1, 48), 12), META)
    values = dict(loop._step(state, torch.arange(16) + 30, 3, 0.5, losses))
    assert values.keys() > {"emotion", "loss", "children", "alignment", "contrastive"}
    assert all(value.device == META for value in values.values())


def test_a_step_of_the_published_space_reads_none_either():
    rows = with_children(split(1, 48), 12)
    resident = DeviceRows(rows, META)
    shapes = {name: (store.values.shape[1], FORMS[name] != "") for name, store in rows.inputs.items()}
    network = _cross_modal.CrossModal(shapes, len(CLASSES), 8, 16, 8, 0.1).to(META)
    weights = dict.fromkeys(("emotion", "gender", "reconstruction", "contrastive", "copies"), 1.0)
    objective = _cross_modal.Objective(resident, list(shapes), _cross_modal.Terms(weights, 0.1, False))
    numbers = torch.arange(16) + 30
    values = objective.losses(objective.outputs(network, numbers))
    sum(values.values()).backward()
    assert values.keys() > {"emotion", "emotion_copy", "contrastive"}
    assert all(value.device == META for value in values.values())


def test_reading_a_value_would_raise():
    """So the test above can fail."""
    for read in (float, bool, torch.nonzero, lambda value: value[value > 0]):
        with pytest.raises((RuntimeError, NotImplementedError)):
            read(torch.zeros((), device=META)[None])


def test_losses_are_read_once_an_epoch(monkeypatch, tmp_path: Path):
    state, losses = state_and_losses(split(1, 48), torch.device("cpu"))
    read, real = [], torch.Tensor.__float__
    monkeypatch.setattr(torch.Tensor, "__float__", lambda tensor: read.append(1) or real(tensor))
    totals = loop._epoch(state, 48, 3, losses, state.schedule)
    assert len(read) == len(totals) and all(isinstance(value, float) for value in totals.values())
