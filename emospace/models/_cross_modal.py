"""Network, copies and loss terms of cross_modal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from emospace.models.unified.resident import DeviceRows, contents
from emospace.training.losses import margin_contrastive

OVERHEAD = 3.0  # cost of a step of an LSTM beside its rows, in rows: 384 units, between 2 (one thread) and 7 (two)
Batch = dict[str, tuple[torch.Tensor, torch.Tensor]]  # input -> padded values (B, T, D), lengths (B,) on the CPU


@dataclass
class Output:
    """Outputs for B rows. vectors: what each input contributes, (B, size); decoded: their reconstructions.

    present: input -> mask (B,) of the rows that have it. The vector of a missing input is zero.
    """

    emotion: torch.Tensor
    gender: torch.Tensor
    embedding: torch.Tensor
    vectors: dict[str, torch.Tensor]
    decoded: dict[str, torch.Tensor]
    present: dict[str, torch.Tensor]

    def rows(self, chosen: slice) -> "Output":
        """The outputs for these of the rows."""
        heads = (values[chosen] for values in (self.emotion, self.gender, self.embedding))
        inputs = (self.vectors, self.decoded, self.present)
        return Output(*heads, *({name: values[chosen] for name, values in each.items()} for each in inputs))


class CrossModal(nn.Module):
    """Vectors of all inputs, concatenated, then two layers to the embedding, which five heads read.

    shapes: input -> (dimensions, is it a sequence?). A sequence contributes the mean over time of the states of a
    bidirectional LSTM with `recurrent` units per direction; any other input contributes its values unchanged.
    precision: bf16 rounds the factors of matrix products; parameters and outputs are float32 in any case.
    """

    def __init__(
        self,
        shapes: dict,
        classes: int,
        recurrent: int,
        hidden: int,
        embedding: int,
        dropout: float,
        precision: str = "fp32",
    ):
        super().__init__()
        self.precision = precision
        shapes = dict(sorted(shapes.items()))  # the columns of the first layer are in this order
        sequences = {key(n): d for n, (d, sequence) in shapes.items() if sequence}
        self.lstms = nn.ModuleDict({name: directions(d, recurrent) for name, d in sequences.items()})
        self.sizes = {n: 2 * recurrent if sequence else d for n, (d, sequence) in shapes.items()}
        self.first, self.second = nn.Linear(sum(self.sizes.values()), hidden), nn.Linear(hidden, embedding)
        self.emotion, self.gender = nn.Linear(embedding, classes), nn.Linear(embedding, 2)
        self.decoders = nn.ModuleDict({key(n): nn.Linear(embedding, size) for n, size in self.sizes.items()})
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: Batch) -> Output:
        if self.precision == "fp32":
            return self._outputs(batch)
        with torch.autocast(self.first.weight.device.type, torch.bfloat16):
            return self._outputs(batch)

    def _outputs(self, batch: Batch) -> Output:
        vectors = {name: self._vector(name, *batch[name]) for name in self.sizes}
        embedding = torch.cat(list(vectors.values()), 1)
        for layer in (self.first, self.second):
            embedding = self.dropout(F.leaky_relu(layer(embedding)))
        embedding = embedding.float()  # as all outputs, on which the losses depend
        decoded = {name: self.decoders[key(name)](embedding).float() for name in vectors}
        present = {name: (batch[name][1] > 0).to(embedding.device, non_blocking=True) for name in vectors}
        emotion, gender = self.emotion(embedding).float(), self.gender(embedding).float()
        return Output(emotion, gender, embedding, vectors, decoded, present)

    def _vector(self, name: str, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Vector of an input (B, size), zero where it is missing."""
        vectors = values.new_zeros(len(values), self.sizes[name])
        rows = (length > 0).nonzero().squeeze(1)
        if not len(rows):
            return vectors
        place, length = rows.to(values.device), length[rows]
        if key(name) in self.lstms:
            means = mean_states(self.lstms[key(name)], values[place], length)
        else:
            means = values[place].sum(1) / length[:, None].to(values.device)
        return vectors.index_copy(0, place, means)


def directions(size: int, recurrent: int) -> nn.ModuleList:
    """The two directions of a bidirectional LSTM."""
    return nn.ModuleList([nn.LSTM(size, recurrent, batch_first=True) for _ in range(2)])


def mean_states(lstms: nn.ModuleList, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """Mean over time of the states of two LSTMs (B, 2 H). values: padded (B, T, D); length: (B,) on the CPU, from 1.

    The first LSTM reads forwards, the second backwards. Rows of similar length are computed together, so there is
    little padding. PyTorch's packed sequences have none, but are several times slower on a CPU.
    """
    order = length.argsort(descending=True, stable=True)
    means = []
    for rows in grouped(length[order].tolist()):
        chosen = order[rows]
        count = length[chosen].to(values.device)
        part = values[chosen.to(values.device), : int(length[chosen[0]])]
        steps = torch.arange(part.shape[1], device=values.device)
        inside = steps < count[:, None]
        reverse = torch.where(inside, count[:, None] - 1 - steps, steps)  # padding remains at the end
        readings = part, part.gather(1, reverse[..., None].expand_as(part))
        states = [lstm(reading)[0].float() for lstm, reading in zip(lstms, readings, strict=True)]
        means.append((torch.cat(states, 2) * inside[..., None]).sum(1) / count[:, None])
    place = order.to(values.device)
    return torch.empty_like(joined := torch.cat(means)).index_copy(0, place, joined)


def grouped(lengths: Sequence[int]) -> list[slice]:
    """Divide sequences of descending lengths into groups, to be padded to their longest, at the least total cost.

    A step of a group costs as much as its rows and OVERHEAD further ones.
    """
    lengths = np.asarray(lengths, float)
    best, start = np.zeros(len(lengths) + 1), np.zeros(len(lengths) + 1, int)
    for end in range(1, len(best)):  # the last group begins where the total cost up to `end` is least
        costs = best[:end] + lengths[:end] * (OVERHEAD + end - np.arange(end))
        start[end] = costs.argmin()
        best[end] = costs[start[end]]
    groups, end = [], len(lengths)
    while end:
        groups.append(slice(int(start[end]), end))
        end = int(start[end])
    return groups[::-1]


def key(name: str) -> str:
    """Key of an input in a ModuleDict, which allows no dots."""
    return name.replace(".", "/")


class Copies:
    """One augmented copy per original row: its inputs, each from the augmented view that changed it.

    Every child of an original replaces one input. exists: mask (N,) of the originals with a child; source: input -> row
    from which the copy takes it (N,): the first child in which it differs, else the original itself. All on the CPU.
    """

    def __init__(self, rows: DeviceRows, names: list[str]):
        parent = rows.host_parent
        self.originals = int((parent < 0).sum())
        self.exists = torch.zeros(self.originals, dtype=torch.bool)
        self.source = {name: torch.arange(self.originals) for name in names}
        children = (parent >= 0).nonzero().squeeze(1).flip(0)  # of several changes of an input, the first one remains
        self.exists[parent[children]] = True
        for name in names if len(children) else ():
            same = torch.from_numpy(contents(rows.stores[name], rows.max_steps))
            made = (same[children] != same[parent[children]]) & (rows.host_lengths[name][children] > 0)
            changed = children[made]
            for child in changed.tolist():
                self.source[name][parent[child]] = child


@dataclass
class Terms:
    """Settings of the loss: weights of its terms, margin of the contrastive term, whether targets are detached."""

    weights: dict[str, float]
    margin: float
    detach: bool

    def of(self, output: Output, label: torch.Tensor, gender: torch.Tensor) -> dict[str, torch.Tensor]:
        """The five terms of B rows, summed over the rows: cross entropies, and mean squared errors of the inputs.

        label, gender: (B,), -1 if unknown, which gives no loss, like a missing input.
        """
        options = {"ignore_index": -1, "reduction": "sum"}
        terms = {"emotion": F.cross_entropy(output.emotion, label, **options)}
        terms["gender"] = F.cross_entropy(output.gender, gender, **options)
        for name, vector in output.vectors.items():
            target = vector.detach() if self.detach else vector
            error = (output.decoded[name] - target).square().mean(1)
            terms[f"reconstruction_{name}"] = (error * output.present[name]).sum()
        return {name: self.weights[name.partition("_")[0]] * value for name, value in terms.items()}


class Objective:
    """Loss terms of originals and their copies among the rows, called with the numbers of originals.

    Without any copy among the rows, there are no terms of copies.
    """

    def __init__(self, rows: DeviceRows, names: list[str], terms: Terms):
        self.rows, self.names, self.terms = rows, names, terms
        self.copies = Copies(rows, names)
        self.copied = bool(self.copies.exists.any()) and terms.weights["copies"] > 0

    def outputs(self, network: CrossModal, numbers: torch.Tensor) -> list[tuple[torch.Tensor, Output]]:
        """(numbers, outputs) of these originals and, if there are copies, the same of those that have one.

        A single pass computes both: the LSTMs then have larger groups of sequences of similar length.
        """
        if not self.copied:
            return [(numbers, network(batch_of(self.rows, dict.fromkeys(self.names, numbers))))]
        having = numbers[self.copies.exists[numbers]]
        both = {name: torch.cat([numbers, self.copies.source[name][having]]) for name in self.names}
        output, count = network(batch_of(self.rows, both)), len(numbers)
        return [(numbers, output.rows(slice(count))), (having, output.rows(slice(count, None)))]

    def losses(self, sides: list[tuple[torch.Tensor, Output]]) -> dict[str, torch.Tensor]:
        """All terms by name, those of the copies with the suffix `_copy`, and the contrastive term over both."""
        losses, labels = {}, []
        for suffix, (numbers, output) in zip(("", "_copy"), sides, strict=False):
            place = numbers.to(self.rows.device, non_blocking=True)
            labels.append(self.rows.label[place])
            weight = self.terms.weights["copies"] if suffix else 1.0
            terms = self.terms.of(output, labels[-1], self.rows.gender[place])
            losses |= {f"{name}{suffix}": weight * value for name, value in terms.items()}
        embeddings = torch.cat([output.embedding for _, output in sides])
        contrastive = margin_contrastive(embeddings, torch.cat(labels), self.terms.margin)
        return losses | {"contrastive": self.terms.weights["contrastive"] * contrastive}


def batch_of(rows: DeviceRows, numbers: dict[str, torch.Tensor]) -> Batch:
    """A padded batch, with the rows of each input. numbers: input -> row numbers (B,) on the CPU."""
    batch = {}
    for name, chosen in numbers.items():
        if len(chosen):
            batch[name] = rows.batch(chosen, [name])[name][0], rows.host_lengths[name][chosen]
        else:
            batch[name] = rows.inputs[name][0].new_zeros(0, 1, 1), torch.zeros(0, dtype=torch.int64)
    return batch


def split(count: int, size: int) -> Iterator[torch.Tensor]:
    """Yield row numbers in batches of `size`."""
    return iter(torch.arange(count).split(size)) if count else iter(())
