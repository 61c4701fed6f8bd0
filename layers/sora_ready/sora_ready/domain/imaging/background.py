"""What fills the frame behind a picture: a color, the color of the picture's own edge, or its own blurred copy."""

from __future__ import annotations

from typing import Literal, cast

from PIL import Image, ImageChops, ImageFilter, ImageStat

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.frame import AUTO, BLACK, WHITE, Color, Size
from sora_ready.domain.imaging.color import greatest_difference, to_opaque_srgb

# A pixel is invisible if its contrast ratio with the background (WCAG 2: 1 to 21) is below the first number and none of
# its channels (0 to 255) differs by as much as the second.
MIN_CONTRAST_RATIO, MIN_COLOR_DIFFERENCE = 1.8, 64
# Above this share of invisible pixels, a drawing gets the opposite background.
MAX_INVISIBLE_SHARE = 0.9
# Below this share of transparent pixels a picture is not a drawing: it has soft edges or round corners.
MIN_TRANSPARENT_SHARE = 0.1
# How deep an edge is: this share of the picture, and at least so many pixels, so that a line around the picture cannot
# decide the color.
EDGE_SHARE, MIN_EDGE_PIXELS = 0.02, 3
# The blurred background is rendered at this fraction of the frame's size; blurring hides the difference.
_BLUR_DOWNSCALE = 8
# The radius of the blur, as a share of the shorter side.
_BLUR_RADIUS_SHARE = 0.05


def flatten_alpha(
    rendered: Image.Image, profile: bytes | None, background: Color | Literal["auto"], frame: Size
) -> tuple[Image.Image, Color]:
    """Return the rendered picture as opaque sRGB, and the background color in effect.

    `auto` takes the color of the edges that meet bars in `frame`. A drawing that would be invisible on the background
    (black on transparent, on black) gets the opposite one. Raises `ImageRejected` (`blank`) if the picture is
    transparent everywhere.
    """
    if rendered.mode != "RGBa":
        opaque = to_opaque_srgb(rendered, profile, BLACK)
        return opaque, _edge_color(opaque, None, frame) if background == AUTO else background
    alpha = rendered.getchannel("a")
    if not cast("tuple[int, int]", alpha.getextrema())[1]:
        raise ImageRejected(
            "blank",
            "The visible part of the picture is completely transparent. Choose mode=pad, or a focus or crop that holds "
            "the subject. If the whole picture is empty, export it again.",
        )
    if background == AUTO:
        background = _edge_color(to_opaque_srgb(rendered, profile, WHITE), alpha, frame)
    opaque = to_opaque_srgb(rendered, profile, background)
    counts = alpha.histogram()
    is_drawing = sum(counts[:128]) >= MIN_TRANSPARENT_SHARE * sum(counts)
    if is_drawing and _invisible_share(opaque, alpha, background) > MAX_INVISIBLE_SHARE:
        opposite = WHITE if _luminance(background) < 0.18 else BLACK
        other = to_opaque_srgb(rendered, profile, opposite)
        if _invisible_share(other, alpha, opposite) <= MAX_INVISIBLE_SHARE:
            return other, opposite
    return opaque, background


def blurred_background(picture: Image.Image, frame: Size) -> Image.Image:
    """Return the picture enlarged until it covers the frame, cropped to it, and blurred."""
    scale = min(picture.width / frame.width, picture.height / frame.height)
    # The product can exceed the side it was divided from by a rounding error.
    width, height = min(picture.width, frame.width * scale), min(picture.height, frame.height * scale)
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    small = Size(max(1, frame.width // _BLUR_DOWNSCALE), max(1, frame.height // _BLUR_DOWNSCALE))
    box = (left, top, left + width, top + height)
    covering = picture.resize(small, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    blurred = covering.filter(ImageFilter.GaussianBlur(min(small) * _BLUR_RADIUS_SHARE))
    return blurred.resize(frame, Image.Resampling.BICUBIC)


def _edge_color(picture: Image.Image, alpha: Image.Image | None, frame: Size) -> Color:
    """Return the median color of the edges that meet bars, or of all edges; white if they are mostly transparent."""
    width, height = picture.size
    deep_x, deep_y = (max(MIN_EDGE_PIXELS, round(side * EDGE_SHARE)) for side in picture.size)
    left_right = [(0, 0, deep_x, height), (width - deep_x, 0, width, height)]
    top_bottom = [(0, 0, width, deep_y), (0, height - deep_y, width, height)]
    edges = left_right if width < frame.width else top_bottom if height < frame.height else left_right + top_bottom
    mask = Image.new("L", picture.size)
    for edge in edges:
        mask.paste(255, edge)
    if alpha is not None:
        opaque = Image.new("L", picture.size)
        opaque.paste(mask, mask=alpha.point([255 * (value >= 250) for value in range(256)]))
        if 2 * opaque.histogram()[255] < mask.histogram()[255]:
            return WHITE
        mask = opaque
    return Color(*ImageStat.Stat(picture, mask).median)


def _invisible_share(picture: Image.Image, alpha: Image.Image, background: Color) -> float:
    """Return the share (0 to 1) of the drawn pixels that hardly differ from the background."""
    drawn = alpha.point([255 * (value >= 64) for value in range(256)])
    difference = greatest_difference(picture, Image.new("RGB", picture.size, tuple(background)))
    close = difference.point([255 * (value < MIN_COLOR_DIFFERENCE) for value in range(256)])
    invisible = 0
    for level, count in enumerate(picture.convert("L").histogram(ImageChops.multiply(drawn, close))):
        darker, lighter = sorted((_luminance(Color(level, level, level)), _luminance(background)))
        if (lighter + 0.05) / (darker + 0.05) < MIN_CONTRAST_RATIO:
            invisible += count
    return invisible / max(1, drawn.histogram()[255])


def _luminance(color: Color) -> float:
    """Return the relative luminance (0 to 1) as WCAG 2 defines it, without its linear segment near black."""
    red, green, blue = ((value / 255 + 0.055) / 1.055 for value in color)
    return float(0.2126 * red**2.4 + 0.7152 * green**2.4 + 0.0722 * blue**2.4)
