"""A contact sheet: photos below one another, the modes side by side, so that eyes can choose."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageDraw, ImageFont

from local.photos import Photo, Refusal, make_printable
from sora_ready.domain.frame import AUTO, CENTER, Format, FrameOptions, Mode, Size
from sora_ready.domain.imaging import ReadyImage, make_ready_image
from sora_ready.domain.imaging.geometry import plan_frame, scale_box

TILE = 320
"""The longer side of a tile, in pixels."""
GAP = 16
LINE = 40
TEXT = 26
MAX_PHOTOS = 50
# No line has room for more, and measuring a long one takes time.
MAX_LETTERS = 400
SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}

PAPER, INK, GRAY = (232, 232, 232), (32, 32, 32), (150, 150, 150)


def list_variants(frame_options: FrameOptions) -> dict[str, FrameOptions]:
    """Return the looks that are laid side by side, by what is written above each.

    Crop and background are those of `frame_options`, and the first cover has its focus; how the frames are to be written is not,
    as nobody could see it.
    """
    focus = CENTER if frame_options.focus == AUTO else frame_options.focus
    seen = replace(frame_options, format=Format.JPEG, quality=95)
    cover = "cover" if focus == CENTER else f"cover, focus {focus}"
    return {
        cover: replace(seen, mode=Mode.COVER, focus=focus),
        "cover, focus auto": replace(seen, mode=Mode.COVER, focus=AUTO),
        **{str(mode): replace(seen, mode=mode, focus=CENTER) for mode in (Mode.PAD, Mode.BLUR, Mode.STRETCH)},
    }


def draw_row(photo: Photo, sizes: Sequence[Size], frame_options: FrameOptions) -> Image.Image:
    """Return a photo's row: its name, itself, and its frames. Raises as `make_ready_image` does."""
    frames = [_frame(photo, sizes, shown) for shown in list_variants(frame_options).values()]
    first = frames[0]
    tile = fit_tile(first.size)
    # Drawn by the same code, so that it is upright and its colors are right.
    source = _frame(
        photo, [_fit(first.source_size, tile)], FrameOptions(Mode.STRETCH, background=frame_options.background)
    )
    tiles = [_open(source), *(_open(frame).resize(tile, Image.Resampling.LANCZOS) for frame in frames)]
    content = scale_box(frame_options.crop, *first.source_size)
    chosen = plan_frame(content, first.size, Mode.AUTO, CENTER).mode
    row = _start_row(photo.name, tile.height, f"{first.source_size} to {first.size}; mode auto takes {chosen}")
    for column, picture in enumerate(tiles):
        x = _column(column) + (TILE - picture.width) // 2
        row.paste(picture, (x, LINE + (tile.height - picture.height) // 2))
    return row


def draw_refused_row(refusal: Refusal) -> Image.Image:
    """Return the row of a photo of which nothing can be shown: a gray tile with the code."""
    height = TILE * 9 // 16
    row = _start_row(refusal.name, height, "refused")
    draw = ImageDraw.Draw(row)
    left = _column(0)
    draw.rectangle((left, LINE, left + TILE - 1, LINE + height - 1), fill=GRAY)
    _write(draw, (left + GAP, LINE + (height - TEXT) // 2), refusal.code, TILE - 2 * GAP)
    return row


def stack_rows(rows: Sequence[Image.Image], frame_options: FrameOptions) -> Image.Image:
    """Return the sheet: the names of the columns, and the rows below."""
    names = ["source", *list_variants(frame_options)]
    sheet = Image.new("RGB", (_column(len(names)), GAP + LINE + sum(row.height for row in rows)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, name in enumerate(names):
        _write(draw, (_column(column), GAP), name, TILE)
    top = GAP + LINE
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def encode_sheet(sheet: Image.Image, suffix: str) -> bytes:
    """Return the sheet as a file with that suffix holds it."""
    buffer = io.BytesIO()
    sheet.save(buffer, SUFFIXES[suffix.lower()], quality=80, optimize=True)
    return buffer.getvalue()


def fit_tile(frame: Size) -> Size:
    """Return the size at which a frame is shown: its longer side is as long as a tile's."""
    return _fit(frame, Size(TILE, TILE))


def _fit(size: Size, box: Size) -> Size:
    scale = min(box.width / size.width, box.height / size.height)
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def _frame(photo: Photo, sizes: Sequence[Size], frame_options: FrameOptions) -> ReadyImage:
    return make_ready_image(photo.path, sizes, frame_options)


def _open(frame: ReadyImage) -> Image.Image:
    return Image.open(io.BytesIO(frame.data))


def _column(number: int) -> int:
    return GAP + number * (TILE + GAP)


def _start_row(name: str, height: int, remark: str) -> Image.Image:
    width = _column(1 + len(list_variants(FrameOptions())))
    row = Image.new("RGB", (width, LINE + height + GAP), PAPER)
    draw = ImageDraw.Draw(row)
    room = width - 4 * GAP - _font().getlength(remark)
    end = _write(draw, (GAP, 0), name, room)
    _write(draw, (end + 2 * GAP, 0), remark, width, fill=(96, 96, 96))
    return row


def _write(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, room: float, fill: tuple[int, int, int] = INK
) -> float:
    """Write one line, shortened in its middle where there is no room for it; return where it ends."""
    shown = _shorten(make_printable(text), room)
    draw.text(at, shown, fill=fill, font=_font())
    return at[0] + _font().getlength(shown)


def _shorten(text: str, room: float) -> str:
    if len(text) <= MAX_LETTERS and _font().getlength(text) <= room:
        return text
    for kept in range(min(len(text), MAX_LETTERS), 1, -1):
        shown = f"{text[: kept // 2]}…{text[-(kept - kept // 2) :]}"
        if _font().getlength(shown) <= room:
            return shown
    return "…"


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT)
