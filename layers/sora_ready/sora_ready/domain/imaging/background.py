"""What lies behind and around a picture: a color, the color of its own edge, or its own blurred self."""

from __future__ import annotations

from typing import Any, Literal, cast

from PIL import Image, ImageChops, ImageFilter, ImageStat

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import AUTO, BLACK, WHITE, Color, Size
from sora_ready.domain.imaging.color import finish_colors

# What has less contrast than this (as WCAG counts it, 1 to 21) with what it lies on, and whose color is nearer to it
# than this (of 255, in each channel), can hardly be seen.
FAINT, NEAR = 1.8, 64
# Where so much of a drawing is faint, little is left of it.
MOSTLY = 0.9
# A picture of which less shines through is no drawing, but one with soft edges or round corners.
DRAWING = 0.1
# An edge is this share of the picture, in from its rim, and at least so many pixels: a stray line at the rim is not the
# picture's color.
EDGE = 0.02
EDGE_PIXELS = 3
# The blurred background is made at an eighth of the frame's size; that it was small cannot be seen once it is blurred.
_SMALLER = 8
# How far colors run into each other there, as a share of the shorter side.
_SPREAD = 0.05


def flatten_alpha(
    shrunk: Image.Image, profile: bytes | None, wanted: Color | Literal["auto"], frame: Size
) -> tuple[Image.Image, Color]:
    """Return the shrunk picture as opaque sRGB, and the color it was laid on: `wanted`, or what it calls for itself.

    A picture that would vanish on that color (a black drawing on nothing, on black) is laid on the opposite. `frame`
    tells which edges meet bars. Raises `ImageRejected` (`blank`) where the picture is transparent all over.
    """
    opaque = shrunk.mode != "RGBa"
    if opaque:
        content = finish_colors(shrunk, profile, BLACK)
        return content, _find_edge_color(content, None, frame) if wanted == AUTO else wanted
    alpha = shrunk.getchannel("a")
    if not cast(tuple[int, int], alpha.getextrema())[1]:
        raise ImageRejected(
            "blank",
            "What would be shown of the picture is transparent all over. Choose mode=pad, or a focus or crop that "
            "holds the subject; a picture that is empty altogether has to be exported again.",
        )
    background = wanted
    if background == AUTO:
        background = _find_edge_color(finish_colors(shrunk, profile, WHITE), alpha, frame)
    content = finish_colors(shrunk, profile, background)
    opposite = WHITE if _luminance(background) < 0.18 else BLACK
    if _is_drawing(alpha) and _faint_share(content, alpha, background) > MOSTLY:
        other = finish_colors(shrunk, profile, opposite)
        if _faint_share(other, alpha, opposite) <= MOSTLY:
            return other, opposite
    return content, background


def blurred_background(content: Image.Image, frame: Size) -> Image.Image:
    """Return the frame filled by the content, enlarged until it covers it, and blurred."""
    scale = min(content.width / frame.width, content.height / frame.height)
    # No wider than the content: a quotient times its divisor may come out a hair above what was divided.
    width, height = min(content.width, frame.width * scale), min(content.height, frame.height * scale)
    left, top = (content.width - width) / 2, (content.height - height) / 2
    small = Size(max(1, frame.width // _SMALLER), max(1, frame.height // _SMALLER))
    seen = content.resize(
        small, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height), reducing_gap=2.0
    )
    return seen.filter(ImageFilter.GaussianBlur(min(small) * _SPREAD)).resize(frame, Image.Resampling.BICUBIC)


def _find_edge_color(content: Image.Image, alpha: Image.Image | None, frame: Size) -> Color:
    """Return the usual color of the edges that meet bars (all, where none does); white where they are transparent."""
    width, height = content.size
    deep_x, deep_y = max(EDGE_PIXELS, round(width * EDGE)), max(EDGE_PIXELS, round(height * EDGE))
    sides = [(0, 0, deep_x, height), (width - deep_x, 0, width, height)]
    ends = [(0, 0, width, deep_y), (0, height - deep_y, width, height)]
    edges = sides if width < frame.width else ends if height < frame.height else sides + ends
    rim = Image.new("L", content.size)
    for edge in edges:
        rim.paste(255, edge)
    if alpha is not None:
        solid = Image.new("L", content.size)
        solid.paste(rim, mask=alpha.point([255 * (value >= 250) for value in range(256)]))
        if 2 * solid.histogram()[255] < rim.histogram()[255]:
            return WHITE
        rim = solid
    return Color(*cast(list[int], cast(Any, ImageStat.Stat(content, rim)).median))


def _is_drawing(alpha: Image.Image) -> bool:
    """Tell whether enough shines through for the background to be what the rest is seen against."""
    counts = alpha.histogram()
    return sum(counts[:128]) >= DRAWING * sum(counts)


def _faint_share(content: Image.Image, alpha: Image.Image, background: Color) -> float:
    """Return how much of what is drawn (0 to 1) can hardly be told from the background."""
    drawn = alpha.point([255 * (value >= 64) for value in range(256)])
    red, green, blue = ImageChops.difference(content, Image.new("RGB", content.size, tuple(background))).split()
    apart = ImageChops.lighter(red, ImageChops.lighter(green, blue))
    near = ImageChops.multiply(drawn, apart.point([255 * (value < NEAR) for value in range(256)]))
    behind = _luminance(background)
    faint = sum(
        count
        for level, count in enumerate(content.convert("L").histogram(near))
        if _contrast(_luminance(Color(level, level, level)), behind) < FAINT
    )
    return faint / max(1, drawn.histogram()[255])


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def _luminance(color: Color) -> float:
    """Return how bright a color is, 0 to 1, as WCAG 2 defines relative luminance."""
    red, green, blue = ((value / 255 + 0.055) / 1.055 for value in color)
    return float(0.2126 * red**2.4 + 0.7152 * green**2.4 + 0.0722 * blue**2.4)
