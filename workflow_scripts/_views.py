"""The views there are: three that are taken from the corpus, and augmented copies of them, row by row."""

VIEWS = ("audio", "frames", "text")
# Augmented view -> its parent, whose rows and kind of rows it has. Never read but for train rows of a fold.
AUGMENTED = {"text_bt": "text", "audio_tts": "audio", "frames_aug": "frames"}

# Keys of a view, a feature, a protocol and a run; all others are options of the plug-in.
VIEW_KEYS = {"leaky"}
FEATURE_KEYS = {"encoder", "weights", "select", "by", "leaky"}
PROTOCOL_KEYS = {"corpus", "train", "test", "split", "labels", "folds", "rows", "without", "leaky"}
RUN_KEYS = {"model", "protocol", "inputs", "weights", "crossfit", "augment", "versus", "seeds", "leaky"}


def kind(view: str) -> str:
    """What the rows of a view are: "audio", "frames" or "text"."""
    return AUGMENTED.get(view, view)


def in_parent(name: str) -> str:
    """The parent of an augmented view or feature: text_bt -> text, text_bt.sbert -> text.sbert; others as they are."""
    view, dot, encoder = name.partition(".")
    return kind(view) + dot + encoder


def in_child(name: str, view: str) -> str:
    """What an augmented view puts in the place of an input: text.sbert in text_bt -> text_bt.sbert."""
    return name.replace(AUGMENTED[view], view, 1)
