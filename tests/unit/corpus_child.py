"""Makes every frame of a picture in a separate process, which a picture may crash or bloat without harm to the tests.

Run as `-m tests.unit.corpus_child`. It reads one line of JSON for each picture: `path`, and `upright`, the expected
upright size or `-`. It writes one line of JSON: `outcomes` (mode, size, and `frame`, `rejection` or what is wrong),
`decodes` (whether the HEIC decoder reads it) and `peak_mb` (this process's peak memory so far).
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
from sora_ready.domain.imaging import normalize_image
from sora_ready.domain.imaging.decoding import FORMATS
from tests.unit.pictures import psnr

# Every mode at every small size, and one mode at a real size.
SMALL = [Size(256, 144), Size(72, 128), Size(96, 96), Size(131, 75)]
FRAMES = [(mode, size) for size in SMALL for mode in Mode] + [(Mode.COVER, Size(1280, 720))]
CODES = {"empty", "not_an_image", "too_many_pixels", "shape_too_extreme", "corrupt", "blank"}

# The frame that is compared with a reference decoding: stretched, so that all of the picture is visible.
COMPARED = (Mode.STRETCH, SMALL[0])
MIN_PSNR = 30.0  # dB
# Decoding a larger picture twice would decide the peak memory.
MAX_COMPARED_PIXELS = 5_000_000


def peak_mb() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # elsewhere the peak includes the parent process
        return int(status.read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 * 1024)


def decode_with_pillow(path: str) -> Image.Image | None:
    """The upright picture as Pillow alone decodes it; None if it cannot, or only with much memory."""
    try:
        with Image.open(path, formats=[*FORMATS, "HEIF"]) as picture:
            if picture.width * picture.height > MAX_COMPARED_PIXELS:
                return None
            tags = getattr(picture, "tag_v2", {})
            if tags.get(284) == 2 and 16 in tags.get(258, ()):
                # Pillow reads 16-bit planes as 8-bit ones.
                return None
            picture.load()
            return ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001 - broken pictures raise anything
        return None


def is_flat(picture: Image.Image) -> bool:
    bands = (picture.convert("RGBA") if picture.mode == "P" else picture).split()
    return all(low == high for low, high in (band.getextrema() for band in bands))


def is_srgb(picture: Image.Image) -> bool:
    """Whether its samples need no color conversion."""
    return picture.mode in {"RGB", "L"} and not picture.info.keys() & {"icc_profile", "transparency"}


def find_fault(path: str, mode: Mode, size: Size, upright: str, reference: Image.Image | None) -> str:
    """`frame`, `rejection`, or what is wrong."""
    try:
        ready = normalize_image(path, size=size, mode=mode)
    except ImageRejected as rejection:
        return "rejection" if rejection.code in CODES else f"rejected with {rejection.code!r}"
    except Exception as error:  # noqa: BLE001 - any other exception is the failure
        return f"raised {error!r}"
    if upright != "-" and str(ready.source_size) != upright:
        return f"has size {ready.source_size}, not {upright}"
    with Image.open(io.BytesIO(ready.data)) as frame:
        frame.load()
    if (frame.format, frame.mode, frame.size) != ("JPEG", "RGB", size) or frame.getexif():
        return f"became {frame!r}"
    return compare(frame, reference) if reference and (mode, size) == COMPARED else "frame"


def compare(frame: Image.Image, reference: Image.Image) -> str:
    """`frame` if it shows the same as the reference decoding, or what is wrong."""
    if is_flat(frame) and not is_flat(reference):
        return "became blank"
    if is_srgb(reference):
        similarity = psnr(frame, resize_exactly(reference.convert("RGB"), frame.size))
        if similarity < MIN_PSNR:
            return f"differs from the reference ({similarity:.1f} dB)"
    return "frame"


def resize_exactly(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A Lanczos filter in floating point: in integers, overshoot is clipped between its two passes."""
    factors = max(1, picture.width // (3 * size[0])), max(1, picture.height // (3 * size[1]))
    channels = [
        channel.convert("F").resize(size, Image.Resampling.LANCZOS).point(lambda value: value * 1 + 0.5).convert("L")
        for channel in picture.reduce(factors).split()
    ]
    return Image.merge(picture.mode, channels)


def decodes_heif(path: str) -> bool:
    try:
        # Not through Pillow, whose plugin accepts fewer brands than the decoder.
        pi_heif.open_heif(path).to_pillow()
    except Exception:  # noqa: BLE001 - broken pictures raise anything
        return False
    return True


def make_frames(path: str, upright: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = decode_with_pillow(path)
        decodes = decodes_heif(path)
    outcomes = [(mode, str(size), find_fault(path, mode, size, upright, reference)) for mode, size in FRAMES]
    return {"outcomes": outcomes, "decodes": decodes, "peak_mb": peak_mb()}


if __name__ == "__main__":
    pi_heif.register_heif_opener()
    for line in sys.stdin:
        print(json.dumps(make_frames(**json.loads(line))), flush=True)
