"""The text_bt view: what was said, translated through other languages and back, one line per row of its parent view."""

from emospace.views._chains import check_augment
from emospace.views._gate_text_bt import COLUMNS, score
from emospace.views._translated import PACKAGES, augment

PARENT = "text"
SIDES = ("Text", "Back-translation")
PROBE = False
ENVIRONMENT = "encode"
GPU = True

__all__ = ["COLUMNS", "PACKAGES", "augment", "check_augment", "score"]
