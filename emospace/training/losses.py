"""Losses of the unified space, as plain functions of tensors."""

import torch
import torch.nn.functional as F


def supervised_contrastive(embeddings: torch.Tensor, labels: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Supervised contrastive loss, the L_out form of Khosla et al. 2020 (arXiv 2004.11362).

    embeddings: (N, E) of unit norm, of any modalities; labels: (N,); scale: 1 / temperature. Rows of one label are
    positives of each other. Rows without a positive are excluded; 0 if none remains.
    """
    if len(embeddings) < 2:  # without another row the softmax below is 0 / 0
        return embeddings.sum() * 0
    others = ~torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device)
    similarity = (embeddings @ embeddings.T * scale).float()
    log_probability = similarity - similarity.masked_fill(~others, -torch.inf).logsumexp(1, keepdim=True)
    positive = (labels[:, None] == labels) & others
    count = positive.sum(1)
    per_row = -(log_probability * positive).sum(1) / count.clamp(min=1)
    return per_row.sum() / (count > 0).sum().clamp(min=1)


def true_pairs(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Mask (N, N) of the pairs (first_i, second_j) whose content equals that of a true pair (first_k, second_k).

    first, second: content numbers, (N,), or (N, K) if K numbers identify a content. Of two utterances of one sentence,
    both recordings form a true pair with that sentence.
    """
    same = [(side[:, None] == side)[..., None].flatten(2).all(2) for side in (first, second)]
    return (same[0].float() @ same[1].float()) > 0


def cross_modal(
    first: torch.Tensor, second: torch.Tensor, scale: torch.Tensor, paired: torch.Tensor | None = None
) -> torch.Tensor:
    """Symmetric InfoNCE between two modalities of the same utterances, as in CLIP (Radford et al. 2021).

    first, second: (N, E) of unit norm, row i of both from one utterance; scale: 1 / temperature. paired: (N, N), from
    `true_pairs`; pairs with i != j are excluded from the negatives. 0 for fewer than two rows.
    """
    if len(first) < 2:
        return first.sum() * 0
    similarity = (first @ second.T * scale).float()
    own = torch.arange(len(first), device=first.device)
    if paired is not None:
        similarity = similarity.masked_fill(paired & (own[:, None] != own), -torch.inf)
    return (F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)) / 2


def masked_mean_square(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean squared error over entries with a target other than NaN, detached; 0 if there are none."""
    known = ~target.isnan()
    error = torch.where(known, predicted - target.detach().nan_to_num(), 0.0)
    return error.float().square().sum() / known.sum().clamp(min=1)


def known_cross_entropy(logits: torch.Tensor, labels: torch.Tensor, **options) -> torch.Tensor:
    """Cross entropy over the rows with a label >= 0; 0 if there are none."""
    known = labels >= 0
    return F.cross_entropy(logits[known].float(), labels[known], **options) if known.any() else logits.sum() * 0
