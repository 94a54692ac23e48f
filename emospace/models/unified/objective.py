"""Training objective of the unified space: augmentation of batches, sampling of children, and the weighted losses."""

from itertools import combinations

import numpy as np
import torch

from emospace.models.unified.encoder import SequenceEncoder, inside_of
from emospace.models.unified.resident import Batch, DeviceRows, autocast, precise
from emospace.models.unified.statistics import BASIC
from emospace.models.unified.unit_space import Output, Space
from emospace.models.unified.vocal_tract import warp_matrices
from emospace.training.losses import (
    cross_modal,
    known_cross_entropy,
    masked_mean_square,
    supervised_contrastive,
    true_pairs,
)

WARPS = 33  # vocal tract lengths to draw from, on a logarithmic grid
COLUMNS = {"vad": "dimensions"}  # loss -> its column in history.csv, if the two differ


def distort(values: torch.Tensor, length: torch.Tensor, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Augment standardised sequences (B, T, D): tempo +-10 %, level, colour, one time mask and one band mask.

    After SpecAugment (Park et al. 2019), applied before derived channels are computed. Padding stays zero. Returns the
    values and the new lengths.
    """
    size, steps, dims = values.shape
    device = values.device

    def uniform(*shape) -> torch.Tensor:
        return torch.rand(*shape, device=device)

    tempo = 1 + 0.1 * strength * (2 * uniform(size) - 1)
    new_length = (length * tempo).long().clamp(max=steps).maximum(length.clamp(max=1))
    last = (length - 1).clamp(min=0)[:, None].float()
    place = (torch.arange(steps, device=device) / tempo[:, None]).minimum(last)
    low = place.floor()
    share = (place - low)[..., None]
    before, after = (i.long()[..., None].expand(-1, -1, dims) for i in (low, (low + 1).minimum(last)))
    out = values.gather(1, before) * (1 - share) + values.gather(1, after) * share
    out[..., 0] += 0.3 * strength * torch.randn(size, 1, device=device)
    out = out + 0.1 * strength * torch.randn(size, 1, dims, device=device)
    bands = torch.full_like(new_length, dims)
    for axis, extent, widest in ((1, new_length, new_length / 6), (2, bands, 0.15 * dims)):
        width = (uniform(size) * widest * strength).long()
        start = (uniform(size) * (extent - width)).long()
        index = torch.arange(out.shape[axis], device=device)
        hidden = (index >= start[:, None]) & (index < (start + width)[:, None])
        out = out.masked_fill(hidden[..., None] if axis == 1 else hidden[:, None], 0.0)
    return out * inside_of(out, new_length)[..., None], new_length


def cepstral_rates(about: dict[str, dict]) -> dict[str, int]:
    """Map each MFCC input to the sampling rate (Hz) of its audio. about: see `data.Fold`."""
    return {name: facts["rate"] for name, facts in about.items() if facts["holds"] == "cepstral" and facts["rate"]}


class VocalTractWarp:
    """Random vocal tract length perturbation of standardised MFCC (B, T, D), by up to `extent` (0.1: 10 %) per row."""

    def __init__(self, encoder: SequenceEncoder, extent: float, rate: int):
        limit = np.log1p(extent)
        matrices = warp_matrices(len(encoder.mean), np.exp(np.linspace(-limit, limit, WARPS)), rate=rate)
        self.matrices = torch.from_numpy(matrices).to(encoder.mean.device)
        self.encoder = encoder

    def __call__(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        matrices = self.matrices[torch.randint(WARPS, (len(values),), device=values.device)]
        mfcc = values * self.encoder.scale + self.encoder.mean
        with precise(values.device):
            return self.encoder.standardise(mfcc @ matrices.transpose(1, 2), length)


class Children:
    """Sampler of augmented children of original rows. parent: (N,), see `data.Rows`. All of it is on the CPU."""

    def __init__(self, parent: torch.Tensor):
        children = (parent >= 0).nonzero().squeeze(1)
        self.rows = children[parent[children].argsort(stable=True)]
        self.count = torch.bincount(parent[children], minlength=len(parent))
        self.start = self.count.cumsum(0) - self.count

    def draw(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw a child of each row that has any; returns the children and the positions in `rows` of their parents."""
        position = (self.count[rows] > 0).nonzero().squeeze(1)
        parents = rows[position]
        which = (torch.rand(len(parents)) * self.count[parents]).long()
        return self.rows[self.start[parents] + which], position


class Objective:
    """Weighted losses of a batch of train rows, called with the row numbers of originals.

    One augmented child of each original that has any joins the batch, as another labelled row and as a positive of its
    parent. weights: loss -> its weight. label_smoothing, modality_dropout, distortion, vocal_tract: the options of
    `train`. rates: see `cepstral_rates`; only these inputs are warped.
    """

    def __init__(
        self,
        network: Space,
        rows: DeviceRows,
        weights: dict,
        label_smoothing: float,
        modality_dropout: float,
        distortion: float,
        vocal_tract: float = 0.0,
        rates: dict[str, int] | None = None,
    ):
        self.network, self.rows = network, rows
        self.label_smoothing, self.modality_dropout, self.distortion = label_smoothing, modality_dropout, distortion
        self.children = Children(rows.host_parent)
        self.weights = weights | ({} if len(self.children.rows) else {"children": 0.0})
        rates = {n: rate for n, rate in (rates or {}).items() if vocal_tract and n in network.names}
        encoders = {n: network.encoders[Space.key(n)] for n in rates}
        self.vocal_tract = {n: VocalTractWarp(encoders[n], vocal_tract, rate) for n, rate in rates.items()}
        counts = torch.bincount(rows.host_label[rows.host_label >= 0], minlength=network.classes).float()
        self.targets = {n: network.statistics(rows, n)[:, :BASIC].flatten(1) for n in network.names}
        # Rare classes get at most twice the weight, so that a class of three rows does not dominate the gradient.
        self.class_weights = (counts.sum() / len(counts) / counts.clamp(min=1)).clamp(max=2.0).to(rows.device)

    def __call__(self, numbers: torch.Tensor) -> dict[str, torch.Tensor]:
        children, parents = self.children.draw(numbers)
        numbers = torch.cat([numbers, children])
        batch = self.network.standardise(self.rows.batch(numbers, self.network.names))
        used = self._used(batch)
        with autocast(self.rows.device):
            output = self.network({n: self._augmented(n, *pair) for n, pair in batch.items()}, used)
        positions = torch.arange(len(numbers) - len(children), len(numbers))
        numbers, *related = (part.to(self.rows.device, non_blocking=True) for part in (numbers, parents, positions))
        targets = {n: table[numbers] for n, table in self.targets.items()}
        return self._losses(output, numbers, targets, tuple(related))

    def _used(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Drop modalities of each row at random; a row that would lose all keeps all."""
        present = torch.stack([length > 0 for _, length in batch.values()], 1)
        kept = present & (torch.rand(present.shape, device=present.device) >= self.modality_dropout)
        kept = torch.where(kept.any(1, keepdim=True), kept, present)
        return dict(zip(batch, kept.unbind(1), strict=True))

    def _augmented(self, name: str, values: torch.Tensor, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if name in self.vocal_tract:
            values = self.vocal_tract[name](values, length)
        if not self.distortion:
            return values, length
        if self.network.encoders[Space.key(name)].shape.form == "cepstral":
            return distort(values, length, self.distortion)
        size, _, dims = values.shape
        noise = 0.1 * self.distortion * torch.randn(size, 1, dims, device=values.device)  # of the whole utterance
        return values.add_(noise), length  # on padding too, which these encoders mask

    def _alignment(self, output: Output, numbers: torch.Tensor) -> torch.Tensor:
        """Mean InfoNCE over all pairs of modalities, each over the rows that use both."""
        losses = []
        for a, b in combinations(output.embeddings, 2):
            both = output.used[a] & output.used[b]
            paired = true_pairs(*(torch.where(both, self.rows.contents[n][numbers], -1) for n in (a, b)))
            sides = output.embeddings[a], output.embeddings[b]
            losses.append(cross_modal(*sides, self.network.scales[1], paired, both))
        return sum(losses) / len(losses) if losses else output.fused.sum() * 0

    def _kinship(
        self, output: Output, numbers: torch.Tensor, related: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        """InfoNCE of parents with their children. Rows whose used inputs are identical are no negatives."""
        contents = [torch.where(output.used[n], self.rows.contents[n][numbers], -1) for n in output.used]
        paired = true_pairs(*(torch.stack(contents, 1)[rows] for rows in related))
        return cross_modal(*(output.fused[rows] for rows in related), self.network.scales[1], paired)

    def _losses(
        self, output: Output, numbers: torch.Tensor, targets: dict, related: tuple[torch.Tensor, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """related: positions in the batch of the parents and of their children."""
        rows, label = self.rows, self.rows.label[numbers]
        vad = (rows.vad[numbers] - self.network.vad_mean) / self.network.vad_scale
        known = label >= 0
        masks = [known, *(known & output.used[n] for n in output.embeddings)]
        embeddings = torch.cat([output.fused, *output.embeddings.values()])
        shown = torch.cat(masks)
        decoded = [masked_mean_square(output.decoded[n], targets[n]) for n in output.decoded]
        losses = {
            "gender": known_cross_entropy(output.gender, rows.gender[numbers]),
            "vad": masked_mean_square(output.vad, vad),
            "reconstruction": sum(decoded) / len(decoded),
            "contrastive": supervised_contrastive(embeddings, label.repeat(len(masks)), self.network.scales[0], shown),
            "alignment": self._alignment(output, numbers),
            "children": self._kinship(output, numbers, related),
        }
        weighted = {
            COLUMNS.get(name, name): self.weights[name] * loss for name, loss in losses.items() if self.weights[name]
        }
        return {"emotion": self._emotion(output, label)} | weighted

    def _emotion(self, output: Output, label: torch.Tensor) -> torch.Tensor:
        """Sum over the inputs of the cross entropy of their own scores.

        The loss of a sum would starve an input as soon as another one knows the train rows by heart.
        """
        options = {"weight": self.class_weights, "label_smoothing": self.label_smoothing}
        losses = [
            known_cross_entropy(point[:, : self.network.classes], label.masked_fill(~output.used[n], -1), **options)
            for n, point in output.points.items()
        ]
        return sum(losses)
