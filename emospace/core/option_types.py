"""What the value of an option may be, for the signatures of plug-ins; `plugin.check_values` holds a config to it."""

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
Several = Annotated[tuple[T, ...], Len(1)]  # a list that is not empty
Scale = Annotated[tuple[float, ...], Len(2, 2)]  # its least and its greatest value


@dataclass(frozen=True)
class Names:
    """Marks an option whose value names entries of a block of the config; the plug-in gets what they stand for.

    Of "weights" it gets the Weights, of "views" the Path of that view's file; in both cases as many as were named.
    "files" is no block: the value is the path of a file or folder outside the workflow, and is given as it is.
    """

    block: Literal["weights", "views", "files"]


NamedWeights = Annotated[str, Names("weights")]
Chain = Annotated[tuple[str, ...], Names("weights")]  # translators, say, in order
NamedView = Annotated[str, Names("views")]
File = Annotated[str, Names("files")]
