"""The text_bt view: back-translations of the text view, through other languages, one line per row."""

from emospace.views._chains import check_augment
from emospace.views._gate_text_bt import COLUMNS, score
from emospace.views._translated import PACKAGES, augment

PARENT = "text"
SIDES = ("Text", "Back-translation")
PROBE = False
ENVIRONMENT = "encode"
GPU = True

__all__ = ["COLUMNS", "PACKAGES", "augment", "check_augment", "score"]
