"""Batches hold items of similar length, are prepared in order, and are computed in a supported number format."""

import threading
from types import SimpleNamespace

import pytest

from emospace.core.batching import ahead, by_length, precision
from emospace.core.errors import InputError


def test_batches_hold_each_item_once_longest_first():
    batches = by_length([3, 9, 1, 9, 4], 2)
    assert batches == [[1, 3], [4, 0], [2]]
    assert by_length([], 2) == []


def test_results_come_in_order_and_the_next_is_prepared_meanwhile():
    second = threading.Event()

    def make(item: int) -> int:
        if item == 1:
            second.set()
        return item * 10

    results = ahead(make, iter([0, 1, 2]))
    assert next(results) == 0 and second.wait(5)  # while the caller uses the first result
    assert [*results] == [10, 20] and [*ahead(make, [])] == []


def test_an_error_in_a_batch_reaches_the_caller_in_its_place():
    results = ahead(lambda item: 1 // item, [1, 0])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_the_number_format_is_the_option_or_the_fast_one_of_the_device(monkeypatch):
    import torch

    cpu, cuda = SimpleNamespace(type="cpu"), SimpleNamespace(type="cuda")
    assert precision("fp32", cuda) == "fp32" and precision("bf16", cpu) == "bf16"
    for fast, chosen in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda fast=fast: fast)
        assert precision("auto", cuda) == chosen
    for able in ((False, False), (True, False), (False, True)):  # by AMX, by AVX-512
        for name, there in zip(("_is_amx_tile_supported", "_is_avx512_bf16_supported"), able, strict=True):
            monkeypatch.setattr(torch.cpu, name, lambda there=there: there, raising=False)
        assert precision("auto", cpu) == ("bf16" if any(able) else "fp32")
    with pytest.raises(InputError, match=r"'fp16' is not a number format. use one of fp32, bf16, auto"):
        precision("fp16", cpu)
