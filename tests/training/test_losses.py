"""The losses compared with values computed by hand or by another formula."""

import math

import pytest
import torch
import torch.nn.functional as F

from emospace.training.losses import (
    cross_modal,
    known_cross_entropy,
    margin_contrastive,
    masked_mean_square,
    supervised_contrastive,
    true_pairs,
)

ONE = torch.tensor(1.0)


def unit(*rows):
    return F.normalize(torch.tensor(rows, dtype=torch.float32), dim=1)


def test_supervised_contrastive_by_hand():
    # Two equal rows of one class, one orthogonal of another: each of the two sees similarities 1 (its own) and 0.
    found = supervised_contrastive(unit([1, 0], [1, 0], [0, 1]), torch.tensor([0, 0, 1]), ONE)
    assert found.item() == pytest.approx(-math.log(math.e / (math.e + 1)), abs=1e-6)


def test_supervised_contrastive_prefers_classes_together():
    rows, scale = unit([1, 0.1], [1, -0.1], [-1, 0.1], [-1, -0.1]), torch.tensor(10.0)
    together = supervised_contrastive(rows, torch.tensor([0, 0, 1, 1]), scale)
    apart = supervised_contrastive(rows, torch.tensor([0, 1, 0, 1]), scale)
    assert together < 0.8 < apart


def test_supervised_contrastive_without_pairs_is_zero_and_has_a_gradient():
    rows = unit([1, 0], [0, 1]).requires_grad_()
    loss = supervised_contrastive(rows, torch.tensor([0, 1]), ONE)
    loss.backward()
    assert loss.item() == 0 and torch.isfinite(rows.grad).all()


def test_cross_modal_matches_its_definition():
    torch.manual_seed(0)
    a, b = (F.normalize(torch.randn(5, 3), dim=1) for _ in range(2))
    similarity = 7 * a @ b.T
    rows = -similarity.log_softmax(1).diagonal().mean()
    columns = -similarity.log_softmax(0).diagonal().mean()
    assert cross_modal(a, b, torch.tensor(7.0)).item() == pytest.approx(((rows + columns) / 2).item(), rel=1e-5)
    assert cross_modal(a[:1], b[:1], ONE).item() == 0


def test_cross_modal_of_two_rows_by_hand():
    same, swapped = unit([1, 0], [0, 1]), unit([0, 1], [1, 0])
    assert cross_modal(same, same, ONE).item() == pytest.approx(math.log(1 + 1 / math.e), abs=1e-6)
    assert cross_modal(same, swapped, ONE).item() == pytest.approx(math.log(1 + math.e), abs=1e-6)


def test_masked_mean_square_averages_over_known_entries():
    target = torch.tensor([[3.0, math.nan], [math.nan, math.nan]])
    assert masked_mean_square(torch.tensor([[5.0, 9.0], [9.0, 9.0]]), target).item() == 4
    assert masked_mean_square(torch.ones(2, 2), torch.full((2, 2), math.nan)).item() == 0


def test_known_cross_entropy_passes_options_on():
    logits, label = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    expected = F.cross_entropy(logits, label, label_smoothing=0.3).item()
    assert known_cross_entropy(logits, label, label_smoothing=0.3).item() == pytest.approx(expected)


def test_masked_mean_square_ignores_nan_and_detaches_its_target():
    found = torch.tensor([[1.0, 2.0], [5.0, 5.0]], requires_grad=True)
    target = torch.tensor([[0.0, 0.0], [math.nan, math.nan]], requires_grad=True)
    loss = masked_mean_square(found, target)
    loss.backward()
    assert loss.item() == pytest.approx(2.5)
    assert target.grad is None
    assert found.grad[1].abs().sum() == 0


def test_known_cross_entropy_excludes_unknown_labels():
    logits = torch.tensor([[2.0, 0.0], [0.0, 9.0]])
    known = known_cross_entropy(logits, torch.tensor([0, -1]))
    assert known.item() == pytest.approx(F.cross_entropy(logits[:1], torch.tensor([0])).item())
    assert known_cross_entropy(logits, torch.tensor([-1, -1])).item() == 0


def test_a_single_row_has_no_positives():
    rows = unit([1, 0]).requires_grad_()
    loss = supervised_contrastive(rows, torch.tensor([0]), ONE)
    loss.backward()
    assert loss.item() == 0 and (rows.grad == 0).all()
    assert supervised_contrastive(rows[:0], torch.tensor([]), ONE).item() == 0


def test_supervised_contrastive_averages_over_positives():
    """A row with three positives weighs as much as one with a single one: the mean of -log p, not its sum."""
    torch.manual_seed(0)
    rows, label = F.normalize(torch.randn(6, 3), dim=1), [0, 0, 0, 0, 1, 1]
    expected = []
    for i in range(6):
        others = [j for j in range(6) if j != i]
        total = sum(math.exp(5 * float(rows[i] @ rows[j])) for j in others)
        shares = [math.exp(5 * float(rows[i] @ rows[j])) / total for j in others if label[j] == label[i]]
        expected.append(-sum(map(math.log, shares)) / len(shares))
    found = supervised_contrastive(rows, torch.tensor(label), torch.tensor(5.0))
    assert found.item() == pytest.approx(sum(expected) / 6, rel=1e-5)


def test_pairs_of_equal_content_are_true_in_any_position():
    audio, text = torch.tensor([0, 1, 2, 2]), torch.tensor([7, 7, 8, 9])
    expected = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert true_pairs(audio, text).int().tolist() == expected
    chain = true_pairs(torch.tensor([0, 1, 0]), torch.tensor([5, 6, 6]))  # the last row pairs the first row's 0 with 6
    assert chain.int().tolist() == [[1, 1, 1], [0, 1, 1], [1, 1, 1]]
    both = torch.stack([audio, text], 1)  # two numbers identify each content
    assert true_pairs(both, both).equal(torch.eye(4, dtype=torch.bool))


@pytest.mark.parametrize(
    ("first", "second"), [([0, 1, 2], [5, 5, 6]), ([0, 0, 1], [5, 6, 7])], ids=["second side", "first side"]
)
def test_pairs_that_share_a_side_are_no_negatives(first, second):
    """Rows 0 and 1 share a side: neither is a negative of the other; row 2 is a negative of both."""
    torch.manual_seed(0)
    a, b = (F.normalize(torch.randn(3, 4), dim=1) for _ in range(2))
    paired = true_pairs(torch.tensor(first), torch.tensor(second))
    found = cross_modal(a, b, torch.tensor(7.0), paired)
    similarity = 7 * a @ b.T
    pairs = [[0, 2], [1, 2], [2, 0, 1]]  # each row, then its negatives
    rows = [-similarity[i, j].log_softmax(0)[0] for i, j in enumerate(pairs)]
    columns = [-similarity[j, i].log_softmax(0)[0] for i, j in enumerate(pairs)]
    assert found.item() == pytest.approx((sum(rows) + sum(columns)).item() / 6, rel=1e-5)
    rest = a[:2].clone().requires_grad_()
    alike = cross_modal(rest, b[:2], torch.tensor(7.0), paired[:2, :2])
    assert alike.item() == 0 and torch.autograd.grad(alike, rest)[0].abs().sum() == 0


def test_distinct_contents_change_no_bit():
    torch.manual_seed(0)
    a, b = (F.normalize(torch.randn(9, 4), dim=1) for _ in range(2))
    paired = true_pairs(torch.arange(9), torch.arange(9).flip(0))
    assert cross_modal(a, b, torch.tensor(9.0), paired).equal(cross_modal(a, b, torch.tensor(9.0)))


KNOWN = torch.tensor([True, False, True, True, False, True])


def test_masked_rows_have_no_part_in_contrastive_losses():
    """A mask gives the loss of the rows that it keeps, and no gradient to the others."""
    torch.manual_seed(0)
    first, second = (F.normalize(torch.randn(6, 4), dim=1).requires_grad_() for _ in range(2))
    labels = torch.tensor([0, 0, 1, 0, 1, 1])
    paired = torch.eye(6) > 0
    paired[0, 2] = paired[1, 3] = True
    for masked, selected in (
        (supervised_contrastive(first, labels, ONE, KNOWN), supervised_contrastive(first[KNOWN], labels[KNOWN], ONE)),
        (
            cross_modal(first, second, ONE, paired, KNOWN),
            cross_modal(first[KNOWN], second[KNOWN], ONE, paired[KNOWN][:, KNOWN]),
        ),
    ):
        assert masked.item() == pytest.approx(selected.item(), rel=1e-5)
        gradient = torch.autograd.grad(masked, first, retain_graph=True)[0]
        assert not gradient[~KNOWN].any() and gradient[KNOWN].abs().sum() > 0
    nobody = torch.zeros(6, dtype=torch.bool)
    assert (
        supervised_contrastive(first, labels, ONE, nobody).item() == cross_modal(first, second, ONE, None, nobody) == 0
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_known_cross_entropy_equals_that_of_the_known_rows(smoothing):
    torch.manual_seed(0)
    logits, labels, weight = torch.randn(6, 3), torch.tensor([0, 1, 2, 1, 0, 2]), torch.tensor([0.5, 1.0, 2.0])
    found = known_cross_entropy(logits, labels.masked_fill(~KNOWN, -1), weight, smoothing)
    expected = F.cross_entropy(logits[KNOWN], labels[KNOWN], weight=weight, label_smoothing=smoothing)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_margin_contrastive_by_hand():
    rows = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.06]], requires_grad=True)
    loss = margin_contrastive(rows, torch.tensor([0, 0, 1]), 0.1)
    # 5^2 within the class, twice; 0.06 apart is 0.04 within the margin; the third pair is farther apart than that
    assert loss.item() == pytest.approx(2 * (25 + 0.04**2) / 6, rel=1e-5)
    loss.backward()
    assert torch.isfinite(rows.grad).all() and rows.grad.any()


def test_margin_contrastive_of_equal_rows_of_one_row_and_of_unknown_labels():
    equal = torch.ones(2, 3, requires_grad=True)
    loss = margin_contrastive(equal, torch.tensor([0, 1]), 0.1)
    loss.backward()
    assert loss.item() == pytest.approx(0.01) and torch.isfinite(equal.grad).all()
    assert margin_contrastive(torch.ones(1, 3), torch.tensor([0]), 0.1) == 0
    assert margin_contrastive(torch.tensor([[0.0], [5.0]]), torch.tensor([-1, -1]), 0.1) == 0
