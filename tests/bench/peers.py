"""The peers of the benchmark: each takes the path of a picture and a mode, and returns the frame as JPEG bytes."""

from __future__ import annotations

import io
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageOps

# Everything but Pillow is imported where it is used, so that no peer's memory includes another's libraries.
WIDTH, HEIGHT = 1280, 720
QUALITY = 95
MODES = ("cover", "pad")


class UnsupportedError(Exception):
    """The peer cannot read the picture. The message says why."""


def run_ours(path: Path, mode: str) -> bytes:
    """Return the frame that this project makes."""
    from sora_ready.domain.imaging import normalize_image

    return normalize_image(path, size=(WIDTH, HEIGHT), mode=mode, quality=QUALITY).data


def run_article(path: Path, mode: str) -> bytes:
    """Do what articles on Pillow teach: decode everything, resize with Lanczos, crop or pad to the frame."""
    return encode(fit_as_article(decode_whole(path), mode))


def decode_whole(path: Path) -> Image.Image:
    """Return the whole picture, upright, in RGB."""
    prepare_pillow(path)
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


def fit_as_article(upright: Image.Image, mode: str) -> Image.Image:
    """Scale with Lanczos to whole pixels, then crop or pad."""
    across, down = WIDTH / upright.width, HEIGHT / upright.height
    frame = Image.new("RGB", (WIDTH, HEIGHT))
    scale = max(across, down) if mode == "cover" else min(across, down)
    scaled = upright.resize((round(upright.width * scale), round(upright.height * scale)), Image.Resampling.LANCZOS)
    # Pasting at a negative position crops, so one line does both.
    frame.paste(scaled, ((WIDTH - scaled.width) // 2, (HEIGHT - scaled.height) // 2))
    return frame


def encode(frame: Image.Image, **options: str) -> bytes:
    """Return the frame as JPEG. Without `subsampling`, Pillow halves the resolution of the chroma."""
    buffer = io.BytesIO()
    frame.save(buffer, "JPEG", quality=QUALITY, **options)
    return buffer.getvalue()


def ffmpeg_command(path: Path, mode: str) -> list[str]:
    """Return the usual command for cover or pad. It writes the JPEG to its standard output."""
    import imageio_ffmpeg

    filters = {
        "cover": f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase,crop={WIDTH}:{HEIGHT}",
        "pad": f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=decrease,pad={WIDTH}:{HEIGHT}:(ow-iw)/2:(oh-ih)/2",
    }
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", str(path), "-vf", filters[mode]]
    return [*command, "-frames:v", "1", "-q:v", "2", "-f", "mjpeg", "-"]


def run_ffmpeg(path: Path, mode: str) -> bytes:
    """Run FFmpeg, including the start of its process, which every call needs."""
    done = subprocess.run(ffmpeg_command(path, mode), capture_output=True, check=False)
    if done.returncode or not done.stdout:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise UnsupportedError(lines[-1].strip() if lines else f"FFmpeg ended with {done.returncode}")
    return done.stdout


def run_libvips(path: Path, mode: str) -> bytes:
    """Run libvips' `thumbnail` in this process, with its default number of threads."""
    import pyvips

    # Its cache would return the result of the first run.
    pyvips.cache_set_max(0)
    try:
        if mode == "cover":
            frame = pyvips.Image.thumbnail(str(path), WIDTH, height=HEIGHT, crop="centre")
        else:
            fitted = pyvips.Image.thumbnail(str(path), WIDTH, height=HEIGHT)
            frame = fitted.gravity("centre", WIDTH, HEIGHT, extend="black")
        return frame.jpegsave_buffer(Q=QUALITY, subsample_mode="off")
    except pyvips.Error as error:
        raise UnsupportedError(str(error).splitlines()[-1].strip()) from None


def run_floor(path: Path, mode: str) -> bytes:
    """Do only what is unavoidable: decode at the smallest sufficient scale, and encode a prepared frame."""
    prepare_pillow(path)
    with Image.open(path) as picture:
        across, down = WIDTH / picture.width, HEIGHT / picture.height
        scale = max(across, down) if mode == "cover" else min(across, down)
        picture.draft(None, (round(picture.width * scale), round(picture.height * scale)))
        picture.load()
        if (path, mode) not in _frames:
            # In the warm-up run, which is not timed.
            _frames[path, mode] = fit_as_article(picture.convert("RGB"), mode)
    return encode(_frames[path, mode], subsampling="4:4:4")


_frames: dict[tuple[Path, str], Image.Image] = {}

PEERS: dict[str, Callable[[Path, str], bytes]] = {
    "ours": run_ours,
    "article": run_article,
    "ffmpeg": run_ffmpeg,
    "libvips": run_libvips,
    "floor": run_floor,
}


def prepare_pillow(path: Path) -> None:
    """Let Pillow read HEIC if the picture is one, and not warn of large pictures."""
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    if path.suffix == ".heic":
        import pi_heif

        pi_heif.register_heif_opener()
