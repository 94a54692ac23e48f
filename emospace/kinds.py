"""What the value of an option may be, for the signatures of plug-ins; `plugin.check_values` holds a config to it."""

import math
from typing import Annotated, Literal, NamedTuple


class Between(NamedTuple):
    """Limits of a number; both belong to what it may be."""

    least: float
    most: float = math.inf

    def __str__(self) -> str:
        return f"of at least {self.least:g}" if self.most == math.inf else f"from {self.least:g} to {self.most:g}"


Natural = Annotated[int, Between(0)]
Count = Annotated[int, Between(1)]
Quality = Annotated[int, Between(1, 95)]  # of a JPEG
NotNegative = Annotated[float, Between(0)]
Positive = Annotated[float, Between(1e-12)]
Share = Annotated[float, Between(0, 1)]
Cosine = Annotated[float, Between(-1, 1)]
Precision = Literal["fp32", "bf16", "auto"]
