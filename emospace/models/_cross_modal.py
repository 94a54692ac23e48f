"""Network, copies and loss terms of cross_modal."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from emospace.models.unified.resident import DeviceRows
from emospace.training.losses import margin_contrastive

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


class CrossModal(nn.Module):
    """Vectors of all inputs, concatenated, then two layers to the embedding, which five heads read.

    shapes: input -> (dimensions, is it a sequence?). A sequence contributes the mean over time of the states of a
    bidirectional LSTM with `recurrent` units per direction; any other input contributes its values unchanged.
    """

    def __init__(self, shapes: dict, classes: int, recurrent: int, hidden: int, embedding: int, dropout: float):
        super().__init__()
        shapes = dict(sorted(shapes.items()))  # the columns of the first layer are in this order
        options = {"batch_first": True, "bidirectional": True}
        lstms = {key(n): nn.LSTM(d, recurrent, **options) for n, (d, sequence) in shapes.items() if sequence}
        self.lstms = nn.ModuleDict(lstms)
        self.sizes = {n: 2 * recurrent if sequence else d for n, (d, sequence) in shapes.items()}
        self.first, self.second = nn.Linear(sum(self.sizes.values()), hidden), nn.Linear(hidden, embedding)
        self.emotion, self.gender = nn.Linear(embedding, classes), nn.Linear(embedding, 2)
        self.decoders = nn.ModuleDict({key(n): nn.Linear(embedding, size) for n, size in self.sizes.items()})
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: Batch) -> Output:
        vectors = {name: self._vector(name, *batch[name]) for name in self.sizes}
        embedding = torch.cat(list(vectors.values()), 1)
        for layer in (self.first, self.second):
            embedding = self.dropout(F.leaky_relu(layer(embedding)))
        decoded = {name: self.decoders[key(name)](embedding) for name in vectors}
        present = {name: (batch[name][1] > 0).to(embedding.device, non_blocking=True) for name in vectors}
        return Output(self.emotion(embedding), self.gender(embedding), embedding, vectors, decoded, present)

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


def mean_states(lstm: nn.LSTM, values: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    """Mean over time of the states of an LSTM (B, H). values: padded (B, T, D); length: (B,) on the CPU, from 1.

    The sequences are packed in order of their lengths, so that padding costs no computation.
    """
    packed = nn.utils.rnn.pack_padded_sequence(values, length, batch_first=True, enforce_sorted=False)
    states = lstm(packed)[0]
    # `states.data` lists the rows of step 0, then those of step 1, ..., each time in descending order of length.
    starts = torch.cat([states.batch_sizes.new_zeros(1), states.batch_sizes.cumsum(0)[:-1]])
    place = torch.arange(len(states.data)) - starts.repeat_interleave(states.batch_sizes)
    order = states.sorted_indices.cpu()[place].to(values.device)
    sums = values.new_zeros(len(values), states.data.shape[1]).index_add(0, order, states.data)
    return sums / length[:, None].to(values.device)


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
            contents, lengths = rows.contents[name].cpu(), rows.host_lengths[name]
            changed = children[(contents[children] != contents[parent[children]]) & (lengths[children] > 0)]
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
        """(numbers, outputs) of these originals and, if there are copies, the same of those that have one."""
        sides = [(numbers, network(batch_of(self.rows, dict.fromkeys(self.names, numbers))))]
        if self.copied:
            having = numbers[self.copies.exists[numbers]]
            batch = batch_of(self.rows, {name: self.copies.source[name][having] for name in self.names})
            sides.append((having, network(batch)))
        return sides

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
