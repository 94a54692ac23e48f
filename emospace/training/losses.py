"""Losses of the unified space, as plain functions of tensors. None of them reads a value from the device."""

import torch
import torch.nn.functional as F

NOTHING = -1e9  # similarity of an excluded pair: infinities would give NaN where all pairs of a row are excluded


def supervised_contrastive(
    embeddings: torch.Tensor, labels: torch.Tensor, scale: torch.Tensor, known: torch.Tensor | None = None
) -> torch.Tensor:
    """Supervised contrastive loss, the L_out form of Khosla et al. 2020 (arXiv 2004.11362).

    embeddings: (N, E) of unit norm, of any modalities; labels: (N,); scale: 1 / temperature; known: mask (N,) of the
    rows that take part. Rows of one label are positives of each other. Rows without a positive are excluded; 0 if none
    remains.
    """
    known = torch.ones_like(labels, dtype=torch.bool) if known is None else known
    others = ~torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device) & known[:, None] & known
    similarity = (embeddings @ embeddings.T * scale).float()
    log_probability = similarity - similarity.masked_fill(~others, NOTHING).logsumexp(1, keepdim=True)
    positive = (labels[:, None] == labels) & others
    count = positive.sum(1)
    per_row = -(log_probability * positive).sum(1) / count.clamp(min=1)
    return per_row.sum() / (count > 0).sum().clamp(min=1)


def margin_contrastive(embeddings: torch.Tensor, labels: torch.Tensor, margin: float) -> torch.Tensor:
    """Contrastive loss of all pairs (Hadsell et al. 2006): d^2 for equal labels, max(0, margin - d)^2 for others.

    embeddings: (N, E); labels: (N,), pairs with a negative one are left out. d: Euclidean distance. The sum over both
    orders of each pair is divided by N^2 - N; 0 for fewer than two rows.
    """
    distance = torch.cdist(embeddings, embeddings)
    same = labels[:, None] == labels
    loss = torch.where(same, distance.square(), (margin - distance).clamp(min=0).square())
    known = (labels >= 0)[:, None] & (labels >= 0)
    return (loss * known).sum() / max(1, len(labels) * (len(labels) - 1))


def true_pairs(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Mask (N, N) of the pairs (first_i, second_j) whose content equals that of a true pair (first_k, second_k).

    first, second: content numbers, (N,), or (N, K) if K numbers identify a content. Of two utterances of one sentence,
    both recordings form a true pair with that sentence.
    """
    same = [(side[:, None] == side)[..., None].flatten(2).all(2) for side in (first, second)]
    return (same[0].float() @ same[1].float()) > 0


def cross_modal(
    first: torch.Tensor,
    second: torch.Tensor,
    scale: torch.Tensor,
    paired: torch.Tensor | None = None,
    known: torch.Tensor | None = None,
) -> torch.Tensor:
    """Symmetric InfoNCE between two modalities of the same utterances, as in CLIP (Radford et al. 2021).

    first, second: (N, E) of unit norm, row i of both from one utterance; scale: 1 / temperature. paired: (N, N), from
    `true_pairs`; pairs with i != j are excluded from the negatives. known: mask (N,) of the utterances that take part.
    0 for fewer than two of them.
    """
    if not len(first):
        return first.sum() * 0
    own = torch.arange(len(first), device=first.device)
    known = torch.ones_like(own, dtype=torch.bool) if known is None else known
    excluded = ~known[:, None] | ~known
    if paired is not None:
        excluded = excluded | paired
    excluded = excluded & (own[:, None] != own)
    similarity = (first @ second.T * scale).float().masked_fill(excluded, NOTHING)
    target = torch.where(known, own, -1)
    sides = [F.cross_entropy(side, target, ignore_index=-1, reduction="sum") for side in (similarity, similarity.T)]
    return (sides[0] + sides[1]) / 2 / known.sum().clamp(min=1)


def masked_mean_square(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error over entries with a target other than NaN, detached; 0 if there are none."""
    known = ~target.isnan()
    error = torch.where(known, predicted - target.detach().nan_to_num(), 0.0)
    return error.float().square().sum() / known.sum().clamp(min=1)


def known_cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor | None = None, label_smoothing: float = 0.0
) -> torch.Tensor:
    """Cross entropy over the rows with a label >= 0, weighted by class; 0 if there are none."""
    known = labels >= 0
    options = {"weight": weight, "label_smoothing": label_smoothing, "ignore_index": -1, "reduction": "sum"}
    total = F.cross_entropy(logits.float(), labels.masked_fill(~known, -1), **options)
    weights = known if weight is None else weight[labels.clamp(min=0)] * known
    return total / weights.sum().clamp(min=1e-6)
