"""The network of the unified space: two paths into it and a decoder per modality, their sum, and prediction heads.

The first K axes of the space are the classes: the coordinates of a point on them are its scores of the K emotions. Each
input has a learnt path (`encoder.py`) and a linear one (`linear_path.py`); the point of an utterance is the weighted
sum over the paths of the inputs that it has (`pool.py`), its embedding the direction of that point.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from emospace.models.unified.encoder import SequenceEncoder, Shape
from emospace.models.unified.linear_path import LinearPaths
from emospace.models.unified.pool import fit_weights, rows_of_subset, subsets
from emospace.models.unified.resident import Batch, DeviceRows, autocast

MAX_SCALE = 100.0  # of similarities, i.e. 1 / temperature, as in CLIP


@dataclass
class Output:
    """What the learnt paths give for B rows.

    points: input -> (B, E), whose first K columns are the scores of the emotions. embeddings: their directions. fused:
    direction of their mean over the inputs used. gender, vad: logits and predictions, decoded: reconstructions, all
    from that mean. used: masks of the inputs used.
    """

    points: dict[str, torch.Tensor]
    embeddings: dict[str, torch.Tensor]
    fused: torch.Tensor
    gender: torch.Tensor
    vad: torch.Tensor
    decoded: dict[str, torch.Tensor]
    used: dict[str, torch.Tensor]


def _rated(vad: torch.Tensor) -> Iterator[tuple[torch.Tensor, list[int]]]:
    """Group the dimensions of ratings (N, 3) by which rows are rated: yield (mask (N,), dimensions)."""
    masks = (~vad.isnan()).unbind(1)
    for k, known in enumerate(masks):
        alike = [j for j, other in enumerate(masks) if torch.equal(known, other)]
        if alike[0] == k:
            yield known, alike


class Space(nn.Module):
    """The unified emotion space. shapes: input -> (dimensions, form, layers), see `Shape`.

    weights: for each of the subsets of inputs (`pool.subsets`), of the learnt paths of all inputs, then of the linear
    ones, see `path_names`. gender_weights: likewise, of the gender head, then of the linear paths to gender.
    """

    def __init__(self, shapes: dict, classes: int, width: int, embedding: int, recurrent: int, dropout: float):
        super().__init__()
        # The weights of the paths are in this order, and JSON has no other.
        shapes = {name: Shape(*shape) for name, shape in sorted(shapes.items())}
        self.names, self.classes, self.size = list(shapes), classes, embedding
        encoders = {n: SequenceEncoder(s, width, embedding, recurrent, dropout) for n, s in shapes.items()}
        self.encoders = nn.ModuleDict({self.key(n): m for n, m in encoders.items()})
        self.decoders = nn.ModuleDict({self.key(n): nn.Linear(embedding, 2 * s.dims) for n, s in shapes.items()})
        self.linear, self.linear_gender = (self._linear(shapes, columns) for columns in (classes, 2))
        self.nothing = nn.Parameter(torch.zeros(embedding))  # replaces the mean of an utterance without any input
        self.fuse = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(embedding, embedding))
        self.gender, self.vad = (nn.Linear(embedding, n) for n in (2, 3))
        self.dropout = nn.Dropout(dropout)
        self.log_scale = nn.Parameter(torch.log(torch.tensor([10.0, 10.0])))  # of the two contrastive losses
        linear = [layer for n in self.names for layer in self._layers(n)]
        self.path_names = [f"{n} learnt" for n in self.names] + linear
        self.register_buffer("subsets", torch.from_numpy(subsets(len(self.names))), persistent=False)
        self.register_buffer("weights", torch.ones(len(self.subsets), len(self.path_names)))
        self.register_buffer("gender_weights", torch.tensor([1.0] + [0.0] * len(linear)).repeat(len(self.subsets), 1))
        self.register_buffer("vad_mean", torch.zeros(3))
        self.register_buffer("vad_scale", torch.ones(3))

    def _linear(self, shapes: dict[str, Shape], columns: int) -> nn.ModuleDict:
        """The linear paths of each input to `columns` scores."""
        paths = {n: LinearPaths(s.dims, s.layers, s.statistics, columns) for n, s in shapes.items()}
        return nn.ModuleDict({self.key(n): path for n, path in paths.items()})

    @staticmethod
    def key(name: str) -> str:
        """Key of an input in a ModuleDict, which allows no dots."""
        return name.replace(".", "/")

    def _layers(self, name: str) -> list[str]:
        """Names of the linear paths of an input."""
        count = len(self.linear[self.key(name)])
        return [f"{name} linear {i + 1}" for i in range(count)] if count > 1 else [f"{name} linear"]

    @torch.no_grad()
    def fit_scales(self, rows: DeviceRows) -> None:
        """Set the means and standard deviations for standardisation, from train rows."""
        for name in self.names:
            values = rows.inputs[name][0]
            encoder = self.encoders[self.key(name)]
            encoder.mean.copy_(values.mean(0))
            encoder.scale.copy_(values.std(0, correction=0).clamp(min=1e-4))
        for known, dimensions in _rated(rows.vad):
            if known.sum() > 1:
                values = rows.vad[known][:, dimensions]
                self.vad_mean[dimensions] = values.mean(0)
                self.vad_scale[dimensions] = values.std(0).clamp(min=1e-4)

    def standardise(self, batch: Batch) -> Batch:
        """Standardise each input by the statistics of the train rows; padding stays zero."""
        return {n: (self.encoders[self.key(n)].standardise(v, length), length) for n, (v, length) in batch.items()}

    def forward(self, batch: Batch, used: dict[str, torch.Tensor]) -> Output:
        """batch: standardised; used: input -> mask (B,) of the rows for which the network may use it."""
        points = {n: self._centred(self.encoders[self.key(n)](*batch[n])) for n in used}
        stack, present = torch.stack(list(points.values()), 1), torch.stack(list(used.values()), 1)
        count = present.sum(1, keepdim=True)
        mean = (stack * present[..., None]).sum(1) / count.clamp(min=1)
        mean = torch.where(count > 0, mean, self.nothing.to(mean.dtype))
        features = self.dropout(F.gelu(self.fuse(mean)))
        decoded = {n: self.decoders[self.key(n)](features) for n in used}
        embeddings = {n: F.normalize(point.float(), dim=1) for n, point in points.items()}
        fused = F.normalize(mean.float(), dim=1)
        return Output(points, embeddings, fused, self.gender(features), self.vad(features), decoded, used)

    def _centred(self, point: torch.Tensor) -> torch.Tensor:
        """The point without the mean of its class scores, which no probability depends on."""
        scores, rest = point[:, : self.classes], point[:, self.classes :]
        return torch.cat([scores - scores.mean(1, keepdim=True), rest], 1)

    def statistics(self, rows: DeviceRows, name: str) -> torch.Tensor:
        """Standardised statistics of an input for all rows, (N, S, D), see `statistics.py`; NaN where it is missing."""
        encoder = self.encoders[self.key(name)]
        return encoder.standardise_statistics(rows.statistics(name, encoder.shape.statistics))

    def paths(self, points: dict[str, torch.Tensor], statistics: dict, present: torch.Tensor) -> torch.Tensor:
        """Points of all paths, (B, paths, E), in the order of `weights`; zeros where the input is missing.

        points: of the learnt paths. statistics: input -> (B, S, D), standardised. present: (B, inputs).
        """
        learnt = torch.stack([points[n].float() for n in self.names], 1) * present[..., None]
        linear = F.pad(self._scores(self.linear, statistics, present), (0, self.size - self.classes))
        return torch.cat([learnt, linear], 1)

    def gender_paths(self, logits: torch.Tensor, statistics: dict, present: torch.Tensor) -> torch.Tensor:
        """Scores of gender, (B, 1 + linear paths, 2), in the order of `gender_weights`. logits: of the head."""
        logits = logits.float() - logits.float().mean(1, keepdim=True)
        return torch.cat([logits[:, None], self._scores(self.linear_gender, statistics, present)], 1)

    def _scores(self, linear: nn.ModuleDict, statistics: dict, present: torch.Tensor) -> torch.Tensor:
        """Scores (B, linear paths, K) of the linear paths of all inputs; zeros where the input is missing."""
        scores = [linear[self.key(n)](statistics[n].nan_to_num()) for n in self.names]
        return torch.cat([part * mask[:, None, None] for part, mask in zip(scores, present.unbind(1), strict=True)], 1)

    def of_subset(self, weights: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Rows of `weights` (S, P) for the inputs that rows have, (B, P). present: (B, inputs).

        A subset without weights of its own gets the sum of those of its single inputs.
        """
        matches = (present[:, None] == self.subsets).all(2)
        singles = present.float() @ weights[: len(self.names)]
        return torch.where(matches.any(1, keepdim=True), weights[matches.int().argmax(1)], singles)

    def layer_weights(self) -> dict[str, list[float]]:
        """Input -> weights of its layers in the learnt path, for the inputs of several layers."""
        encoders = ((n, self.encoders[self.key(n)]) for n in self.names)
        return {n: e.mixture.weights.tolist() for n, e in encoders if e.shape.layers > 1}

    @property
    def scales(self) -> torch.Tensor:
        """Learnt 1 / temperature of the supervised contrastive and the cross-modal loss, at most MAX_SCALE."""
        return self.log_scale.exp().clamp(max=MAX_SCALE)


@dataclass(frozen=True)
class Predictions:
    """float32 predictions for N rows: emotion (N, K), gender (N, 2), embedding (N, E), vad in corpus units (N, 3).

    scores, gender_scores: of the emotions and of gender by each path, (N, P, K) and (N, G, 2), not weighted.
    """

    emotion: np.ndarray
    gender: np.ndarray
    embedding: np.ndarray
    vad: np.ndarray
    scores: np.ndarray
    gender_scores: np.ndarray


@torch.no_grad()
def predict(network: Space, rows: DeviceRows, size: int, keep: Collection[str] | None = None) -> Predictions:
    """Predict all rows of a split, `size` per batch, from the inputs in `keep` (default: all).

    The network must be in evaluation mode.
    """
    blocks: list[tuple[torch.Tensor, ...]] = []
    tables = {n: network.statistics(rows, n) for n in network.names}
    for numbers in torch.arange(rows.size).split(size) if rows.size else ():
        batch = network.standardise(_kept(rows.batch(numbers, network.names), keep))
        used = {n: length > 0 for n, (_, length) in batch.items()}
        with autocast(rows.device):
            out = network(batch, used)
        statistics, present = {n: table[numbers] for n, table in tables.items()}, torch.stack(list(used.values()), 1)
        paths = network.paths(out.points, statistics, present)
        point = (paths * network.of_subset(network.weights, present)[..., None]).sum(1)
        point = torch.where(present.any(1, keepdim=True), point, network.nothing)
        emotion = point[:, : network.classes].softmax(1)
        vad = out.vad.float() * network.vad_scale + network.vad_mean
        genders = network.gender_paths(out.gender, statistics, present)
        gender = (genders * network.of_subset(network.gender_weights, present)[..., None]).sum(1).softmax(1)
        blocks.append((emotion, gender, F.normalize(point, dim=1), vad, paths[..., : network.classes], genders))
    if not blocks:
        widths = (network.classes,), (2,), (network.size,), (3,), (len(network.path_names), network.classes)
        widths += ((network.gender_weights.shape[1], 2),)
        return Predictions(*(np.empty((0, *width), np.float32) for width in widths))
    return Predictions(*(torch.cat(column).cpu().numpy() for column in zip(*blocks, strict=True)))


def _kept(batch: Batch, keep: Collection[str] | None) -> Batch:
    """The batch as if the other inputs were missing."""
    if keep is None:
        return batch
    return {n: (values, length if n in keep else torch.zeros_like(length)) for n, (values, length) in batch.items()}


def fit_pool(network: Space, rows: DeviceRows, size: int, gender: bool) -> None:
    """Fit the weights of the paths of every subset of inputs to dev rows. gender: those of gender, too."""
    present = np.stack([rows.host_lengths[n].numpy() > 0 for n in network.names], 1)
    for number, subset in enumerate(network.subsets.cpu().numpy()):
        kept = [name for name, inside in zip(network.names, subset, strict=True) if inside]
        predicted, fitted = predict(network, rows, size, kept), rows_of_subset(present, subset)
        sides = [(network.weights, predicted.scores, rows.host_label)]
        sides += [(network.gender_weights, predicted.gender_scores, rows.host_gender)] if gender else []
        for weights, scores, label in sides:
            weights[number] = torch.from_numpy(fit_weights(scores[fitted], label.numpy()[fitted]))


def fit_linear(network: Space, train: DeviceRows, dev: DeviceRows) -> dict[str, float | None]:
    """Fit the linear paths to the train rows that have their input; path -> shrinkage, chosen on dev."""
    chosen = []
    for name in network.names:
        tables, present = zip(*(_statistics(network, name, rows) for rows in (train, dev)), strict=True)
        for paths, labels in ((network.linear_gender, "host_gender"), (network.linear, "host_label")):
            known = [getattr(rows, labels).numpy()[mask] for rows, mask in zip((train, dev), present, strict=True)]
            fitted = paths[network.key(name)].fit(*zip(tables, known, strict=True))
        chosen += fitted
    return dict(zip(network.path_names[len(network.names) :], chosen, strict=True))


def _statistics(network: Space, name: str, rows: DeviceRows) -> tuple[np.ndarray, np.ndarray]:
    """Statistics (N, S, D) of the rows that have the input, and a mask of these rows."""
    present = (rows.host_lengths[name] > 0).numpy()
    return network.statistics(rows, name).cpu().numpy()[present], present
