"""Black borders are cropped if the whole film has them; nothing else is."""

import io
from pathlib import Path

import numpy as np
import pytest
from _films import film, row
from PIL import Image

from emospace.media.borders import trimmed
from emospace.media.decoders import EXTRACTORS
from emospace.media.pictures import Frames
from emospace.media.video import probe
from emospace.views.frames import extract

WHOLE, LEFT, RIGHT = (0, 0, 128, 64), (0, 0, 64, 64), (64, 0, 128, 64)
PATTERN = "geq=lum='60+mod(3*X+5*Y+4*N,170)':cb=100:cr=150"
BARS = f"{PATTERN},drawbox=0:0:128:16:black:fill,drawbox=0:48:128:16:black:fill"
PILLARS = f"{PATTERN},drawbox=0:0:20:64:black:fill,drawbox=108:0:20:64:black:fill"
FEW_KEYS, MANY_KEYS = ["-c:v", "mpeg4", "-q:v", "10", "-g", "300"], ["-c:v", "mpeg4", "-q:v", "10", "-g", "5"]
H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "28"]


@pytest.mark.parametrize("codec", [FEW_KEYS, MANY_KEYS, H264], ids=["few keys", "many keys", "h264"])
def test_a_letterbox_is_cropped_for_each_speaker(tmp_path, codec):
    boxes = trimmed(probe(film(tmp_path / "a.mkv", *codec, picture=BARS)), [WHOLE, LEFT, RIGHT])
    assert boxes == {WHOLE: (0, 16, 128, 48), LEFT: (0, 16, 64, 48), RIGHT: (64, 16, 128, 48)}


def test_a_pillarbox_is_cropped_on_the_outer_sides(tmp_path):
    boxes = trimmed(probe(film(tmp_path / "a.mkv", *MANY_KEYS, picture=PILLARS)), [WHOLE, LEFT, RIGHT])
    expected = {WHOLE: (20, 0, 108, 64), LEFT: (20, 0, 64, 64), RIGHT: (64, 0, 108, 64)}
    assert boxes.keys() == expected.keys()
    assert all(np.abs(np.subtract(boxes[box], expected[box])).max() <= 2 for box in expected)  # the edge is blurred


def test_a_letterbox_of_one_speaker_leaves_the_other_alone(tmp_path):
    one = f"{PATTERN},drawbox=0:0:64:16:black:fill,drawbox=0:48:64:16:black:fill"
    boxes = trimmed(probe(film(tmp_path / "a.mkv", *MANY_KEYS, picture=one)), [LEFT, RIGHT])
    assert boxes == {LEFT: (0, 16, 64, 48), RIGHT: RIGHT}


def test_a_fade_and_a_dark_scene_do_not_hide_a_letterbox(tmp_path):
    """A third of the film is black, then the lower half is bright, then everything."""
    lum = "'if(lt(N,40),16,if(lt(N,60)*lt(Y,30),16,60+mod(3*X+5*Y,170)))'"
    faded = BARS.replace("'60+mod(3*X+5*Y+4*N,170)'", lum)
    boxes = trimmed(probe(film(tmp_path / "a.mkv", *MANY_KEYS, picture=faded)), [WHOLE])
    assert boxes == {WHOLE: (0, 16, 128, 48)}


# Frames of films without borders.
PLAIN = {
    "bright": PATTERN,
    "black": "geq=lum=16:cb=128:cr=128",
    "a lit face in the dark": "geq=lum='if(lt(hypot(X-64,Y-34),20),190,16)':cb=128:cr=128",
    "a light that moves": "geq=lum='if(lt(hypot(X-10-N,Y-30),14),190,17)':cb=128:cr=128",
    "a dark stage": "geq=lum='if(lt(Y,40),20+mod(X+Y+N,6),if(lt(mod(X+N,64),12),120,24))':cb=128:cr=128",
    "dark above for a while": f"{PATTERN},drawbox=0:0:128:20:black:fill:enable='lt(n,80)'",
    "thin edges": f"{PATTERN},drawbox=0:0:2:64:black:fill,drawbox=126:0:2:64:black:fill",
}


@pytest.mark.parametrize("content", PLAIN)
@pytest.mark.parametrize("codec", [FEW_KEYS, MANY_KEYS], ids=["few keys", "many keys"])
def test_films_without_borders_are_not_cropped(tmp_path, content, codec):
    path = film(tmp_path / "a.avi", *codec, picture=PLAIN[content])
    assert trimmed(probe(path), [WHOLE, LEFT, RIGHT]) == {box: box for box in (WHOLE, LEFT, RIGHT)}


def jpegs(root: Path, crop: tuple, **options) -> list[bytes]:
    rows = [row("a.avi", 0.0, 2.0, crop=" ".join(map(str, crop)))]
    assert extract(rows, root, root / "p.zip", frames=4, size=None, **options)[0] == []
    with Frames(root / "p.zip") as frames:
        return frames.row("d_1")


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_extracted_frames_have_no_borders(tmp_path, extractor):
    film(tmp_path / "a.avi", *FEW_KEYS, picture=BARS)
    kept = jpegs(tmp_path, RIGHT, extractor=extractor, borders="keep")
    cropped = jpegs(tmp_path, RIGHT, extractor=extractor)
    for before, after in zip(kept, cropped, strict=True):
        whole, inner = (np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), int) for jpeg in (before, after))
        assert whole.shape == (64, 64) and inner.shape == (32, 64)
        assert abs(whole[18:46] - inner[2:30]).mean() < 3
    film(tmp_path / "a.avi", *FEW_KEYS, picture=PATTERN)
    assert jpegs(tmp_path, RIGHT, extractor=extractor) == jpegs(tmp_path, RIGHT, extractor=extractor, borders="keep")
