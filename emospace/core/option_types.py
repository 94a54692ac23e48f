"""Types of option values, for the signatures of plug-ins; `plugin.check_values` checks a config against them."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from annotated_types import Ge, Gt, Le, Len

T = TypeVar("T")
Natural = Annotated[int, Ge(0)]
Count = Annotated[int, Ge(1)]
Quality = Annotated[int, Ge(1), Le(95)]  # of a JPEG
NotNegative = Annotated[float, Ge(0)]
Positive = Annotated[float, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
Cosine = Annotated[float, Ge(-1), Le(1)]
Precision = Literal["fp32", "bf16", "auto"]
Optimiser = Literal["adamw", "adam", "sgd"]
Decay = Literal["cosine", "linear", "step", "constant"]  # of the learning rate
Several = Annotated[tuple[T, ...], Len(1)]  # a list with at least one item
Scale = Annotated[tuple[float, ...], Len(2, 2)]  # least and greatest value


@dataclass(frozen=True)
class Names:
    """Marks an option whose value names entries of a block of the config; the plug-in receives those entries.

    For "weights" it receives Weights, for "views" the Path of the view's file, one for each name; an analysis receives
    the names of views, for Run.items, and of "runs", for Run.others. "files" is not a block: the value is the path of a
    file or folder outside the workflow and is passed unchanged.
    """

    block: Literal["weights", "views", "runs", "files"]


NamedWeights = Annotated[str, Names("weights")]
Chain = Annotated[tuple[str, ...], Names("weights")]  # translators, say, in order
NamedView = Annotated[str, Names("views")]
NamedRuns = Annotated[tuple[str, ...], Names("runs")]
File = Annotated[str, Names("files")]
