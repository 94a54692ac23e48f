"""The frames_aug view: one transform of albumentations changes all pictures of an utterance in the same way.

The draw for an utterance depends only on the seed, its id and the list of transforms, not on its neighbours or its
pictures. It is the same on any machine and in any order.
"""

import hashlib
import os
import warnings
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emospace.core.errors import InputError
from emospace.core.manifest import Problem, Utterance
from emospace.core.option_types import Quality, Several
from emospace.core.plugin import check_values, fault, settings, suggest
from emospace.core.provenance import atomic
from emospace.media.pictures import Frames, add, decode, encode
from emospace.views._gate_frames_aug import COLUMNS, score

PARENT = "frames"
SIDES = ("Picture", "Changed picture")
PROBE = False
PACKAGES = ("albumentations", "opencv-python-headless", "pillow", "numpy")

__all__ = ["COLUMNS", "augment", "score"]

# One of these per utterance, all equally likely. Limits are +-: fractions for brightness, contrast, shift and scale;
# degrees for rotation; steps for hue (of 180), saturation and value (of 256); pixels for the kernel and its sigma. As
# in albumentations 1, a rotation fills corners with the mirrored picture (border_mode 4).
DEFAULT = [
    {"name": "HorizontalFlip"},
    {"name": "RandomBrightnessContrast", "options": {"brightness_limit": 0.2, "contrast_limit": 0.2}},
    {
        "name": "ShiftScaleRotate",
        "options": {"shift_limit": 0.0625, "scale_limit": 0.1, "rotate_limit": 20, "border_mode": 4},
    },
    {
        "name": "HueSaturationValue",
        "options": {"hue_shift_limit": 20, "sat_shift_limit": 30, "val_shift_limit": 20},
    },
    {"name": "GaussianBlur", "options": {"blur_limit": [3, 7], "sigma_limit": [0.8, 1.4]}},
    {"name": "ToGray"},
]
# Classes that keep size and channels and whose draw does not depend on the picture, with the options that do not change
# this (not p, fit_output, num_output_channels, ensure_safe_range). A literal, as importing the library takes seconds.
FILL = ("interpolation", "mask_interpolation", "rotate_method", "border_mode", "fill", "fill_mask")
ALLOWED = {
    "HorizontalFlip": (),
    "RandomBrightnessContrast": ("brightness_limit", "contrast_limit", "brightness_by_max"),
    "ShiftScaleRotate": ("shift_limit", "scale_limit", "rotate_limit", "shift_limit_x", "shift_limit_y", *FILL),
    "HueSaturationValue": ("hue_shift_limit", "sat_shift_limit", "val_shift_limit"),
    "GaussianBlur": ("blur_limit", "sigma_limit"),
    "ToGray": ("method",),
    "Affine": (
        *("scale", "translate_percent", "translate_px", "rotate", "shear", "keep_ratio", "balanced_scale"),
        *FILL,
    ),
    "CLAHE": ("clip_limit", "tile_grid_size"),
    "ColorJitter": ("brightness", "contrast", "saturation", "hue"),
    "ImageCompression": ("compression_type", "quality_range"),
    "MotionBlur": ("blur_limit", "allow_shifted", "angle_range", "direction_range"),
    "RandomGamma": ("gamma_limit",),
    "Sharpen": ("alpha", "lightness", "method", "kernel_size", "sigma"),
}


def augment(
    rows: Sequence[Utterance],
    parent: Path,
    out: Path,
    *,
    seed: int,
    transforms: Several[dict] = DEFAULT,
    quality: Quality = 90,
) -> tuple[list[Problem], dict]:
    """Write the zip `out`, the augmented copy of the frames view `parent`; return problems and facts for the sidecar.

    Rows without pictures stay empty. seed: of all draws. transforms: a list of {"name": class of ALLOWED, "options":
    {...}}. quality: of the JPEGs, 1 to 95. A picture that cannot be decoded is a Problem; the others of its utterance
    are numbered without gaps, as in the frames view. facts: rows, missing, frames, and for each transform the number of
    utterances that drew it. Raises InputError for an invalid list or zip.
    """
    from tqdm import tqdm

    built = build(transforms)
    problems, counts, drawn = [], [], Counter({entry["name"]: 0 for entry in transforms})
    with Frames(parent) as before, atomic(out) as tmp, zipfile.ZipFile(tmp, "w") as archive:
        for utterance in tqdm([row.utterance for row in rows], "frames_aug", disable=None, unit="row"):
            pictures, unreadable = _pictures(before, utterance)
            problems += unreadable
            counts.append(len(pictures))
            index, number = draw(seed, utterance, len(built))
            drawn[transforms[index]["name"]] += bool(pictures)
            for k, picture in enumerate(pictures):
                add(archive, utterance, k, encode(apply(built[index], number, picture), quality))
    facts = {"rows": len(counts), "missing": counts.count(0), "frames": sum(counts)}
    return problems, facts | {"transforms": dict(drawn)}


def check_augment(*, transforms: Sequence[dict], where: str, **_) -> None:
    """Raise InputError for unknown names; only the job, which can import albumentations, checks the values."""
    for entry in transforms:
        check(entry, f"{where}: transforms")


def draw(seed: int, utterance: str, choices: int) -> tuple[int, int]:
    """(index of the transform, seed of its draws) of an utterance, from a digest of the seed and its id."""
    digest = hashlib.sha256(f"{seed} {utterance}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % choices, int.from_bytes(digest[8:12], "big")


def apply(transform, number: int, picture: np.ndarray) -> np.ndarray:
    """Transform a picture, uint8 (H, W, 3), with draws seeded by `number`."""
    transform.set_random_seed(number)
    return transform(image=picture)["image"]


def build(transforms: Sequence[dict], where: str = "views: frames_aug: transforms") -> list:
    """Build transforms of albumentations, which always apply, from their names and options.

    where: the place in the config, for messages. Raises InputError for an unknown or invalid name or option.
    """
    if wrong := fault(transforms, Several[dict]):
        raise InputError(where, f"it is {transforms!r}", f"{wrong}: {{name: ..., options: {{...}}}}")
    for entry in transforms:
        check(entry, where)
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # otherwise the import looks for a newer version on the network
    import albumentations
    import cv2

    cv2.setNumThreads(1)  # pictures are too small for threads, and jobs run in parallel
    return [_transform(getattr(albumentations, e["name"]), e.get("options") or {}, where) for e in transforms]


def check(entry: dict, where: str) -> None:
    """Raise InputError for an entry whose name or options are not allowed; values are not checked."""
    settings([_entry], entry, where, "a transform")
    if (name := entry["name"]) not in ALLOWED:
        raise InputError(where, f"there is no transform {name!r}", suggest(name, ALLOWED))
    check_values(dict.fromkeys(ALLOWED[name], Any), entry.get("options") or {}, where, name)


def _entry(*, name: str, options: dict | None = None) -> None:
    """Declares the keys of an entry as options."""


def _transform(transform: type, options: dict, where: str):
    """An instance that always applies, after a trial run."""
    try:
        with warnings.catch_warnings(), np.errstate(divide="raise", invalid="raise"):
            warnings.filterwarnings("ignore", "ShiftScaleRotate is a special case", UserWarning)
            instance = transform(**options, p=1.0)
            apply(instance, 0, np.zeros((32, 48, 3), np.uint8))
    except Exception as error:  # pydantic, OpenCV and numpy raise different exceptions
        detail = " ".join(str(error).split())
        reason = f"{transform.__name__} rejects its options ({detail})"
        raise InputError(where, reason, "correct their values") from error
    return instance


def _pictures(parent: Frames, utterance: str) -> tuple[list[np.ndarray], list[Problem]]:
    """Pictures of an utterance that can be decoded, uint8 (H, W, 3), and problems with the others."""
    pictures, problems = [], []
    for k in range(parent.counts.get(utterance, 0)):
        name = f"{utterance}/{k}.jpg"
        try:
            pictures.append(decode(parent.archive.read(name)))
        except (OSError, KeyError, SyntaxError, ValueError, zipfile.BadZipFile) as error:
            remedy = "delete the part's frames view and run the workflow again"
            problems.append(Problem(utterance, name, "unreadable", f"the picture cannot be decoded ({error})", remedy))
    return pictures, problems
