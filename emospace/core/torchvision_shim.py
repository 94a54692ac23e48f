"""Make `import torchvision` work with a CPU build of torch.

torchvision's usual wheel is a CUDA build. With a CPU torch, its C++ library cannot be loaded, and its Python code then
fails because it registers shape functions for undeclared operators. Imports of open_clip, timm, transformers and
sentence_transformers fail with it. Declaring the two operators is enough: image transforms do not use them, and calling
one still raises torchvision's own error because it remains undefined.
"""

import importlib.util
from pathlib import Path

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def ensure() -> list[str]:
    """Declare the operators that torchvision lacks, before anything imports it; return those declared.

    Declares nothing with a CUDA or ROCm torch, with a torchvision whose C++ library loads, or on a second call.
    """
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or torch.version.cuda or getattr(torch.version, "hip", None):
        return []
    for library in Path(spec.submodule_search_locations[0]).glob("_C*.so"):
        try:
            torch.ops.load_library(library)
        except OSError:
            continue
    missing = [name for name in OPERATORS if not hasattr(torch.ops.torchvision, name)]
    for name in missing:
        torch.library.define(f"torchvision::{name}", SCHEMA)
    return missing
