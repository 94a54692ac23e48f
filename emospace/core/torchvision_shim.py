"""Make `import torchvision` work beside a CPU build of torch.

torchvision's usual wheel is a CUDA build. Beside a CPU torch its C++ part cannot be loaded, and its Python part then
fails because it registers shape functions for operators that nobody has declared. That takes open_clip, timm,
transformers and sentence_transformers down too. Declaring the two operators (not defining them: calling one still
raises torchvision's own clear error) is all that is missing; pictures are transformed without them.
"""

import importlib.util
from pathlib import Path

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def ensure() -> list[str]:
    """Declare what torchvision misses, before anything imports it; returns the operators declared.

    Declares nothing with a CUDA or ROCm torch, with a torchvision whose C++ part loads, or a second time.
    """
    import torch

    found = importlib.util.find_spec("torchvision")
    if found is None or torch.version.cuda or getattr(torch.version, "hip", None):
        return []
    for library in Path(found.submodule_search_locations[0]).glob("_C*.so"):
        try:
            torch.ops.load_library(library)
        except OSError:
            continue
    missing = [name for name in OPERATORS if not hasattr(torch.ops.torchvision, name)]
    for name in missing:
        torch.library.define(f"torchvision::{name}", SCHEMA)
    return missing
