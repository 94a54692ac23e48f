"""What the unified space learns from: distorted batches of train rows, their augmented children, and the losses."""

from itertools import combinations

import numpy as np
import torch

from emospace.models.unified.encoder import SequenceEncoder, inside_of
from emospace.models.unified.resident import Batch, DeviceRows
from emospace.models.unified.unit_space import Output, Space
from emospace.models.unified.vocal_tract import vocal_tract
from emospace.training.losses import (
    cross_modal,
    known_cross_entropy,
    masked_mean_square,
    supervised_contrastive,
    true_pairs,
)

VOICES = 33  # vocal tracts to draw from


def summary(values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """Mean and deviation over real steps, (B, 2 D): what decoders reconstruct. NaN where the input is missing."""
    inside = inside_of(values, length)[..., None]
    count = length[:, None].clamp(min=1)
    mean = (values * inside).sum(1) / count
    spread = (((values - mean[:, None]) * inside).square().sum(1) / count + 1e-6).sqrt()
    return torch.cat([mean, spread], 1).masked_fill(length[:, None] == 0, torch.nan)


def distort(values: torch.Tensor, length: torch.Tensor, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Augment standardised sequences (B, T, D): tempo +-10 %, level, colour, one masked stretch of time and of bands.

    In the manner of SpecAugment (Park et al. 2019), before any channel is derived; nothing is written into padding.
    """
    size, steps, dims = values.shape
    device = values.device

    def uniform(*shape) -> torch.Tensor:
        return torch.rand(*shape, device=device)

    tempo = 1 + 0.1 * strength * (2 * uniform(size) - 1)
    fresh = (length * tempo).long().clamp(max=steps).maximum(length.clamp(max=1))
    last = (length - 1).clamp(min=0)[:, None].float()
    place = (torch.arange(steps, device=device) / tempo[:, None]).minimum(last)
    low = place.floor()
    share = (place - low)[..., None]
    before, after = (i.long()[..., None].expand(-1, -1, dims) for i in (low, (low + 1).minimum(last)))
    out = values.gather(1, before) * (1 - share) + values.gather(1, after) * share
    out[..., 0] += 0.3 * strength * torch.randn(size, 1, device=device)
    out = out + 0.1 * strength * torch.randn(size, 1, dims, device=device)
    for axis, extent, widest in ((1, fresh, fresh / 6), (2, torch.full_like(fresh, dims), 0.15 * dims)):
        width = (uniform(size) * widest * strength).long()
        start = (uniform(size) * (extent - width)).long()
        index = torch.arange(out.shape[axis], device=device)
        hidden = (index >= start[:, None]) & (index < (start + width)[:, None])
        out = out.masked_fill(hidden[..., None] if axis == 1 else hidden[:, None], 0.0)
    return out * inside_of(out, fresh)[..., None], fresh


def cepstral(about: dict[str, dict]) -> dict[str, int]:
    """Input -> rate of its sound, Hz, of those that hold MFCC. about: as in `data.Fold`."""
    return {name: told["rate"] for name, told in about.items() if told["holds"] == "cepstral" and told["rate"]}


class VocalTractWarp:
    """Changes the vocal tract length of each row of standardised MFCC (B, T, D), by up to `extent` (0.1: 10 %)."""

    def __init__(self, encoder: SequenceEncoder, extent: float, rate: int):
        reach = np.log1p(extent)
        matrices = vocal_tract(len(encoder.mean), np.exp(np.linspace(-reach, reach, VOICES)), rate=rate)
        self.matrices = torch.from_numpy(matrices).to(encoder.mean.device)
        self.encoder = encoder

    def __call__(self, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        drawn = self.matrices[torch.randint(VOICES, (len(values),), device=values.device)]
        plain = values * self.encoder.scale + self.encoder.mean
        return self.encoder.standardise(plain @ drawn.transpose(1, 2), length)


class Children:
    """The augmented children of original rows, of which one is drawn at random. parent (N,) as in `data.Rows`."""

    def __init__(self, parent: torch.Tensor):
        children = (parent >= 0).nonzero().squeeze(1)
        self.rows = children[parent[children].argsort(stable=True)]
        self.count = torch.bincount(parent[children], minlength=len(parent))
        self.start = self.count.cumsum(0) - self.count

    def draw(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A child of every one of these rows that has any, and where in `rows` its parent stands."""
        place = (self.count[rows] > 0).nonzero().squeeze(1)
        parents = rows[place]
        which = (torch.rand(len(parents), device=rows.device) * self.count[parents]).long()
        return self.rows[self.start[parents] + which], place


class Objective:
    """Losses of a batch of train rows, already weighted: called with numbers of original rows.

    Each brings one of its augmented children along, as a further labelled row and as a positive of its parent.
    rates: those of `cepstral`, whose vocal tracts `voices` changes.
    """

    def __init__(
        self,
        network: Space,
        rows: DeviceRows,
        weights: dict,
        smoothing: float,
        drop: float,
        augment: float,
        voices: float = 0.0,
        rates: dict[str, int] | None = None,
    ):
        self.network, self.rows = network, rows
        self.smoothing, self.drop, self.augment = smoothing, drop, augment
        self.children = Children(rows.parent)
        self.weights = weights | ({} if len(self.children.rows) else {"children": 0.0})
        told = {n: rate for n, rate in (rates or {}).items() if voices and n in network.names}
        self.voices = {n: VocalTractWarp(network.encoders[Space.key(n)], voices, rate) for n, rate in told.items()}
        counts = torch.bincount(rows.label[rows.label >= 0], minlength=network.emotion.out_features).float()
        # Rare classes weigh more, but at most twice: a class of three rows must not steer the rest.
        self.balance = (counts.sum() / len(counts) / counts.clamp(min=1)).clamp(max=2.0)

    def __call__(self, numbers: torch.Tensor) -> dict[str, torch.Tensor]:
        numbers = numbers.to(self.rows.device)
        children, parents = self.children.draw(numbers)
        numbers = torch.cat([numbers, children])
        batch = self.network.standardise(self.rows.batch(numbers, self.network.names))
        targets = {n: summary(*pair) for n, pair in batch.items()}
        used = self._used(batch)
        with torch.autocast(self.rows.device.type, torch.bfloat16, enabled=self.rows.device.type == "cuda"):
            output = self.network({n: self._noisy(n, *pair) for n, pair in batch.items()}, used)
        copies = torch.arange(len(numbers) - len(children), len(numbers), device=numbers.device)
        return self._losses(output, numbers, targets, (parents, copies))

    def _used(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Hide each modality of a row at random, but never the last one."""
        there = torch.stack([length > 0 for _, length in batch.values()], 1)
        kept = there & (torch.rand(there.shape, device=there.device) >= self.drop)
        kept = torch.where(kept.any(1, keepdim=True), kept, there)
        return dict(zip(batch, kept.unbind(1), strict=True))

    def _noisy(self, name: str, values: torch.Tensor, length: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if name in self.voices:
            values = self.voices[name](values, length)
        if not self.augment:
            return values, length
        if self.network.encoders[Space.key(name)].long:
            return distort(values, length, self.augment)
        noise = 0.1 * self.augment * torch.randn_like(values)
        return values + noise * inside_of(values, length)[..., None], length

    def _aligned(self, output: Output, numbers: torch.Tensor) -> torch.Tensor:
        """Mean InfoNCE of all pairs of modalities, each over the rows that show both."""
        found = []
        for a, b in combinations(output.embeddings, 2):
            both = output.used[a] & output.used[b]
            paired = true_pairs(*(self.rows.contents[n][numbers[both]] for n in (a, b)))
            sides = output.embeddings[a][both], output.embeddings[b][both]
            found.append(cross_modal(*sides, self.network.scales[1], paired))
        return sum(found) / len(found) if found else output.fused.sum() * 0

    def _near(self, output: Output, numbers: torch.Tensor, related: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """InfoNCE of parents with their children. What two of them show alike is alike: nothing tells them apart."""
        shown = [torch.where(output.used[n], self.rows.contents[n][numbers], -1) for n in output.used]
        paired = true_pairs(*(torch.stack(shown, 1)[rows] for rows in related))
        return cross_modal(*(output.fused[rows] for rows in related), self.network.scales[1], paired)

    def _losses(
        self, output: Output, numbers: torch.Tensor, targets: dict, related: tuple[torch.Tensor, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """related: places of parents in the batch, and of their children."""
        rows, label = self.rows, self.rows.label[numbers]
        vad = (rows.vad[numbers] - self.network.vad_mean) / self.network.vad_scale
        known = label >= 0
        views = [(output.fused, known), *((e, known & output.used[n]) for n, e in output.embeddings.items())]
        together = torch.cat([e[mask] for e, mask in views])
        labels = torch.cat([label[mask] for _, mask in views])
        decoded = [masked_mean_square(output.decoded[n], targets[n]) for n in output.decoded]
        losses = {
            "gender": known_cross_entropy(output.gender, rows.gender[numbers]),
            "dimensions": masked_mean_square(output.vad, vad),
            "reconstruction": sum(decoded) / len(decoded),
            "contrastive": supervised_contrastive(together, labels, self.network.scales[0]),
            "alignment": self._aligned(output, numbers),
            "children": self._near(output, numbers, related),
        }
        options = {"weight": self.balance, "label_smoothing": self.smoothing}
        weighted = {name: self.weights[name] * loss for name, loss in losses.items() if self.weights[name]}
        return {"emotion": known_cross_entropy(output.emotion, label, **options)} | weighted
