"""Makes every frame of a picture in a process of its own: a picture that kills or bloats it does so to no test.

Run as `-m tests.unit.corpus_child`. Reads a line of JSON for each picture (`path`, `upright`: the size it should be
taken for, or `-`) and answers with a line: `outcomes` (mode, size, and `frame`, `refusal` or what is wrong), `decodes`
(whether the HEIC decoder reads it) and `peak_mb` (the most memory that this process has held so far).
"""

from __future__ import annotations

import io
import json
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

import pi_heif
from PIL import Image, ImageOps

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import Mode, Size
from sora_ready.domain.imaging.decoding import FORMATS
from sora_ready.domain.imaging.normalize import normalize_image
from tests.unit.pictures import psnr

# Each mode at each of the small sizes, and one mode at a real one.
SMALL = [Size(256, 144), Size(72, 128), Size(96, 96), Size(131, 75)]
FRAMES = [(mode, size) for size in SMALL for mode in Mode] + [(Mode.COVER, Size(1280, 720))]
CODES = {"empty", "not_an_image", "too_many_pixels", "shape_too_extreme", "corrupt", "blank"}

# Where another decoding of the same picture is compared with: stretched, so that all of it is seen.
COMPARED = (Mode.STRETCH, SMALL[0])
ENOUGH_ALIKE = 30.0  # dB
# A second decoding of a larger picture would be what costs the most memory here.
COMPARABLE_PIXELS = 5_000_000


def peak_mb() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # elsewhere the peak counts the process that started this one
        return int(status.read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 * 1024)


def decode_plainly(path: str) -> Image.Image | None:
    """The upright picture as Pillow alone decodes it; None where it does not, or only at great cost."""
    try:
        with Image.open(path, formats=[*FORMATS, "HEIF"]) as picture:
            if picture.width * picture.height > COMPARABLE_PIXELS:
                return None
            tags = getattr(picture, "tag_v2", {})
            if tags.get(284) == 2 and 16 in tags.get(258, ()):
                # Pillow takes planes of 16 bits for planes of 8.
                return None
            picture.load()
            return ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001 - broken pictures raise anything
        return None


def is_flat(picture: Image.Image) -> bool:
    bands = (picture.convert("RGBA") if picture.mode == "P" else picture).split()
    return all(low == high for low, high in (band.getextrema() for band in bands))


def is_plain(picture: Image.Image) -> bool:
    """Whether its samples are sRGB as they are."""
    return picture.mode in {"RGB", "L"} and not picture.info.keys() & {"icc_profile", "transparency"}


def find_fault(path: str, mode: Mode, size: Size, upright: str, plain: Image.Image | None) -> str:
    """`frame`, `refusal`, or a sentence that says what is wrong."""
    try:
        ready = normalize_image(path, size=size, mode=mode)
    except ImageRejected as refusal:
        return "refusal" if refusal.code in CODES else f"refused with {refusal.code!r}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the failure
        return f"raised {error!r}"
    if upright != "-" and str(ready.source_size) != upright:
        return f"was taken for {ready.source_size}, is {upright}"
    with Image.open(io.BytesIO(ready.data)) as frame:
        frame.load()
    if (frame.format, frame.mode, frame.size) != ("JPEG", "RGB", size) or frame.getexif():
        return f"became {frame!r}"
    return compare(frame, plain) if plain and (mode, size) == COMPARED else "frame"


def compare(frame: Image.Image, plain: Image.Image) -> str:
    """`frame`, where it shows what a plain decoding does, or a sentence that says what is wrong."""
    if is_flat(frame) and not is_flat(plain):
        return "became blank"
    if is_plain(plain):
        alike = psnr(frame, resize_exactly(plain.convert("RGB"), frame.size))
        if alike < ENOUGH_ALIKE:
            return f"looks different ({alike:.1f} dB)"
    return "frame"


def resize_exactly(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Lanczos' filter in fractions: in whole numbers, what dots overshoot by is lost between its two passes."""
    factors = max(1, picture.width // (3 * size[0])), max(1, picture.height // (3 * size[1]))
    channels = [
        channel.convert("F").resize(size, Image.Resampling.LANCZOS).point(lambda value: value * 1 + 0.5).convert("L")
        for channel in picture.reduce(factors).split()
    ]
    return Image.merge(picture.mode, channels)


def decodes_heif(path: str) -> bool:
    try:
        # Not through Pillow, which knows fewer of HEIF's brands than the decoder does.
        pi_heif.open_heif(path).to_pillow()
    except Exception:  # noqa: BLE001 - broken pictures raise anything
        return False
    return True


def answer(path: str, upright: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = decode_plainly(path)
        decodes = decodes_heif(path)
    outcomes = [(mode, str(size), find_fault(path, mode, size, upright, plain)) for mode, size in FRAMES]
    return {"outcomes": outcomes, "decodes": decodes, "peak_mb": peak_mb()}


if __name__ == "__main__":
    pi_heif.register_heif_opener()
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)
