"""What is compared: each peer takes a picture's path and a mode and returns the frame's JPEG bytes."""

from __future__ import annotations

import io
import math
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps

# Everything but Pillow is imported where it is used, so that no peer's memory is burdened with another's libraries.
WIDTH, HEIGHT = 1280, 720
QUALITY = 95
MODES = ("cover", "pad")


class Unable(Exception):
    """This peer cannot read this picture; the message says why."""


def run_ours(path: Path, mode: str) -> bytes:
    """Return the frame that this project makes."""
    from sora_ready.domain.imaging import normalize_image

    return normalize_image(path, size=(WIDTH, HEIGHT), mode=mode, quality=QUALITY).data


def run_article(path: Path, mode: str, **options: str) -> bytes:
    """Do what articles on Pillow teach: decode everything, resize with Lanczos, cut or fill to the frame."""
    prepare_pillow(path)
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    across, down = WIDTH / upright.width, HEIGHT / upright.height
    frame = Image.new("RGB", (WIDTH, HEIGHT))
    scale, whole = (max(across, down), math.ceil) if mode == "cover" else (min(across, down), round)
    scaled = upright.resize((whole(upright.width * scale), whole(upright.height * scale)), Image.Resampling.LANCZOS)
    # Pasting at a negative place cuts what stands out, so one line does for both.
    frame.paste(scaled, ((WIDTH - scaled.width) // 2, (HEIGHT - scaled.height) // 2))
    buffer = io.BytesIO()
    frame.save(buffer, "JPEG", quality=QUALITY, **options)
    return buffer.getvalue()


def run_article_444(path: Path, mode: str) -> bytes:
    """Do as the articles, but keep the colours at full resolution: only so are pictures of equal make compared."""
    return run_article(path, mode, subsampling="4:4:4")


def ffmpeg_command(path: Path, mode: str) -> list[str]:
    """Return the command that answers give for cover and for pad; it writes the JPEG to its standard output."""
    import imageio_ffmpeg

    filters = {
        "cover": f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase,crop={WIDTH}:{HEIGHT}",
        "pad": f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=decrease,pad={WIDTH}:{HEIGHT}:(ow-iw)/2:(oh-ih)/2",
    }
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(path), "-vf", filters[mode]]
    return [*command, "-frames:v", "1", "-q:v", "2", "-f", "mjpeg", "-"]


def run_ffmpeg(path: Path, mode: str) -> bytes:
    """Run FFmpeg, the start of its process included: there is no other way to call it."""
    done = subprocess.run(ffmpeg_command(path, mode), capture_output=True, check=False)
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise Unable(lines[-1] if lines else f"FFmpeg ended with {done.returncode}")
    return done.stdout


def run_libvips(path: Path, mode: str) -> bytes:
    """Run libvips' `thumbnail` in this process, with as many threads as it chooses."""
    import pyvips

    # Its cache would hand out the first run's result again.
    pyvips.cache_set_max(0)
    try:
        if mode == "cover":
            frame = pyvips.Image.thumbnail(str(path), WIDTH, height=HEIGHT, crop="centre")
        else:
            fitted = pyvips.Image.thumbnail(str(path), WIDTH, height=HEIGHT)
            frame = fitted.gravity("centre", WIDTH, HEIGHT, extend="black")
        return frame.jpegsave_buffer(Q=QUALITY, subsample_mode="off")
    except pyvips.Error as error:
        raise Unable(str(error).strip().splitlines()[-1]) from None


def run_floor(path: Path, mode: str) -> bytes:
    """Do only what cannot be left out: decode, at the smallest scale that serves, and encode a frame that is ready."""
    prepare_pillow(path)
    with Image.open(path) as picture:
        across, down = WIDTH / picture.width, HEIGHT / picture.height
        scale = max(across, down) if mode == "cover" else min(across, down)
        picture.draft(None, (round(picture.width * scale), round(picture.height * scale)))
        picture.load()
    buffer = io.BytesIO()
    _ready_frame(path, mode).save(buffer, "JPEG", quality=QUALITY, subsampling="4:4:4")
    return buffer.getvalue()


PEERS: dict[str, Callable[[Path, str], bytes]] = {
    "ours": run_ours,
    "article": run_article,
    "ffmpeg": run_ffmpeg,
    "libvips": run_libvips,
    "floor": run_floor,
    "article444": run_article_444,
}
# What is timed; the last of all peers is there for its quality alone.
TIMED = ("ours", "article", "ffmpeg", "libvips", "floor")

_frames: dict[tuple[Path, str], Image.Image] = {}


def _ready_frame(path: Path, mode: str) -> Image.Image:
    """Return the finished frame; it is made in the warm-up, so the timed runs find it."""
    if (path, mode) not in _frames:
        _frames[path, mode] = Image.open(io.BytesIO(run_article(path, mode))).convert("RGB")
    return _frames[path, mode]


def prepare_pillow(path: Path) -> None:
    """Have Pillow read HEIC where that is wanted, and not warn of large pictures."""
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    if path.suffix == ".heic":
        import pi_heif

        pi_heif.register_heif_opener()
