"""A contact sheet: one row for each photo, with all modes side by side, to choose from by eye."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageDraw, ImageFont

from local.photos import Photo, Refusal, make_printable
from sora_ready.domain.frame import AUTO, CENTER, Format, FrameOptions, Mode, Size
from sora_ready.domain.imaging import ReadyImage, make_ready_image
from sora_ready.domain.imaging.geometry import plan_frame, scale_box

# All lengths are in pixels.
TILE_SIDE = 320
"""The longer side of a tile."""
GAP = 16
LINE_HEIGHT = 40
FONT_SIZE = 26
MAX_PHOTOS = 50
# No line has space for more, and measuring a long text takes time.
MAX_LETTERS = 400
FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}

BACKGROUND, TEXT_COLOR, NOTE_COLOR, REFUSED_COLOR = (232, 232, 232), (32, 32, 32), (96, 96, 96), (150, 150, 150)


def list_variants(frame_options: FrameOptions) -> dict[str, FrameOptions]:
    """Return the options of each column, by its title.

    Crop and background are those of `frame_options`, and the first cover has its focus. Its format and quality are not
    used, because they would not be visible.
    """
    focus = CENTER if frame_options.focus == AUTO else frame_options.focus
    base = replace(frame_options, format=Format.JPEG, quality=95)
    cover = "cover" if focus == CENTER else f"cover, focus {focus}"
    return {
        cover: replace(base, mode=Mode.COVER, focus=focus),
        "cover, focus auto": replace(base, mode=Mode.COVER, focus=AUTO),
        **{str(mode): replace(base, mode=mode, focus=CENTER) for mode in (Mode.PAD, Mode.BLUR, Mode.STRETCH)},
    }


def draw_row(photo: Photo, sizes: Sequence[Size], frame_options: FrameOptions) -> Image.Image:
    """Return a photo's row: its name, the photo itself, and its frames. Raises as `make_ready_image` does."""
    frames = [make_ready_image(photo.path, sizes, variant) for variant in list_variants(frame_options).values()]
    first = frames[0]
    tile = tile_size(first.size)
    # The photo is drawn by the same code, so that it is upright and its colors are right.
    whole = FrameOptions(Mode.STRETCH, background=frame_options.background)
    source = make_ready_image(photo.path, [_fit(first.source_size, tile)], whole)
    tiles = [_decode(source), *(_decode(frame).resize(tile, Image.Resampling.LANCZOS) for frame in frames)]
    content = scale_box(frame_options.crop, *first.source_size)
    auto_mode = plan_frame(content, first.size, Mode.AUTO, CENTER).mode
    row = _new_row(photo.name, tile.height, f"{first.source_size} to {first.size}; mode auto takes {auto_mode}")
    for column, picture in enumerate(tiles):
        x = _column_x(column) + (TILE_SIDE - picture.width) // 2
        row.paste(picture, (x, LINE_HEIGHT + (tile.height - picture.height) // 2))
    return row


def draw_refused_row(refusal: Refusal) -> Image.Image:
    """Return the row of a photo that cannot be shown: a gray tile with the refusal's code."""
    height = TILE_SIDE * 9 // 16
    row = _new_row(refusal.name, height, "refused")
    draw = ImageDraw.Draw(row)
    left = _column_x(0)
    draw.rectangle((left, LINE_HEIGHT, left + TILE_SIDE - 1, LINE_HEIGHT + height - 1), fill=REFUSED_COLOR)
    _draw_text(draw, (left + GAP, LINE_HEIGHT + (height - FONT_SIZE) // 2), refusal.code, TILE_SIDE - 2 * GAP)
    return row


def join_rows(rows: Sequence[Image.Image], frame_options: FrameOptions) -> Image.Image:
    """Return the sheet: the titles of the columns, and the rows below them."""
    titles = ["source", *list_variants(frame_options)]
    top = GAP + LINE_HEIGHT
    sheet = Image.new("RGB", (_column_x(len(titles)), top + sum(row.height for row in rows)), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        _draw_text(draw, (_column_x(column), GAP), title, TILE_SIDE)
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def encode_sheet(sheet: Image.Image, suffix: str) -> bytes:
    """Return the sheet in the format of a file with that suffix."""
    buffer = io.BytesIO()
    sheet.save(buffer, FORMATS[suffix.lower()], quality=80, optimize=True)
    return buffer.getvalue()


def tile_size(frame: Size) -> Size:
    """Return the size at which a frame is shown."""
    return _fit(frame, Size(TILE_SIDE, TILE_SIDE))


def _fit(size: Size, box: Size) -> Size:
    scale = min(box.width / size.width, box.height / size.height)
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def _decode(frame: ReadyImage) -> Image.Image:
    return Image.open(io.BytesIO(frame.data))


def _column_x(number: int) -> int:
    return GAP + number * (TILE_SIDE + GAP)


def _new_row(name: str, height: int, note: str) -> Image.Image:
    width = _column_x(1 + len(list_variants(FrameOptions())))
    row = Image.new("RGB", (width, LINE_HEIGHT + height + GAP), BACKGROUND)
    draw = ImageDraw.Draw(row)
    end = _draw_text(draw, (GAP, 0), name, width - 4 * GAP - _font().getlength(note))
    _draw_text(draw, (end + 2 * GAP, 0), note, width, color=NOTE_COLOR)
    return row


def _draw_text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    max_width: float,
    color: tuple[int, int, int] = TEXT_COLOR,
) -> float:
    """Draw one line, shortened in its middle if it is too wide; return the x of its end."""
    shown = _shorten(make_printable(text), max_width)
    draw.text(at, shown, fill=color, font=_font())
    return at[0] + _font().getlength(shown)


def _shorten(text: str, max_width: float) -> str:
    if len(text) <= MAX_LETTERS and _font().getlength(text) <= max_width:
        return text
    for kept in range(min(len(text), MAX_LETTERS), 1, -1):
        shown = f"{text[: kept // 2]}…{text[-(kept - kept // 2) :]}"
        if _font().getlength(shown) <= max_width:
            return shown
    return "…"


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(FONT_SIZE)
