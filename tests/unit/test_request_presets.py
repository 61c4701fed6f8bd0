"""A preset says several things by one name: the picture's own words go before it, and it goes before the defaults."""

from __future__ import annotations

import pytest

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import WHOLE, Color, Focus, Format, FrameOptions, Mode
from sora_ready.domain.options import OPTIONS, PRESETS, Option
from sora_ready.domain.request import apply_preset, merge_options, parse_frame_options, parse_request

CATALOG = load_catalog()
DEFAULTS = {
    "size": "auto",
    "mode": "stretch",
    "focus": "bottom",
    "background": "336699",
    "format": "webp",
    "quality": "70",
    "model": "sora-2",
    "seconds": "4",
    "prompt": "gentle motion",
}
# What a stack's own defaults look like where no preset says otherwise.
PLAIN = FrameOptions(Mode.STRETCH, Focus(0.5, 1.0), WHOLE, Color(0x33, 0x66, 0x99), Format.WEBP, 70)


def gather(
    tags: dict[str, str], metadata: dict[str, str] | None = None, body: dict[str, object] | None = None
) -> dict[str, Option]:
    sources = [("tag", tags), ("metadata", metadata or {}), ("body", body or {}), ("default", DEFAULTS)]
    return apply_preset(merge_options(sources))


def look(tags: dict[str, str]) -> FrameOptions:
    return parse_request(gather(tags), CATALOG).frame_options


@pytest.mark.parametrize(
    ("preset", "says"),
    [
        ("portrait", {"mode": Mode.COVER, "focus": Focus(0.5, 0.3)}),
        ("landscape", {"mode": Mode.COVER, "focus": "auto"}),
        ("product", {"mode": Mode.PAD, "background": "auto"}),
        ("art", {"mode": Mode.BLUR}),
        ("screenshot", {"mode": Mode.PAD, "background": "auto", "format": Format.PNG}),
    ],
)
def test_a_preset_says_so_much_and_the_defaults_the_rest(preset: str, says: dict[str, object]) -> None:
    chosen = look({"preset": preset})

    for field in FrameOptions.__dataclass_fields__:
        assert getattr(chosen, field) == says.get(field, getattr(PLAIN, field)), field


def test_every_preset_is_told_above() -> None:
    assert set(PRESETS) == {"portrait", "landscape", "product", "art", "screenshot"}


def test_without_a_preset_the_defaults_hold() -> None:
    assert look({}) == PLAIN
    assert gather({}) == merge_options([("default", DEFAULTS)])


@pytest.mark.parametrize("source", ["tag", "metadata", "body"])
@pytest.mark.parametrize("asked_in", ["tag", "metadata", "body"])
def test_what_a_picture_says_itself_goes_before_its_preset_whichever_door_either_came_by(
    source: str, asked_in: str
) -> None:
    said: dict[str, dict[str, str]] = {"tag": {}, "metadata": {}, "body": {}}
    said[asked_in] |= {"preset": "screenshot"}
    said[source] |= {"mode": "cover"}

    options = gather(said["tag"], said["metadata"], dict(said["body"]))

    assert options["preset"] == Option("screenshot", asked_in)
    assert options["mode"] == Option("cover", source)
    assert options["background"] == Option("auto", "preset")
    assert options["format"] == Option("png", "preset")
    assert options["quality"] == Option("70", "default")


def test_even_the_word_that_is_the_default_goes_before_a_preset_where_the_picture_says_it() -> None:
    assert look({"preset": "art", "mode": DEFAULTS["mode"]}).mode is Mode.STRETCH


def test_a_preset_says_what_has_no_default() -> None:
    assert apply_preset({"preset": Option("portrait", "tag")})["focus"] == Option("0.5 0.3", "preset")


def test_the_first_preset_that_is_asked_for_holds() -> None:
    assert gather({"preset": "art"}, {"preset": "product"})["mode"] == Option("blur", "preset")


@pytest.mark.parametrize("written", ["art", "ART", "Art", " art "])
def test_a_preset_is_read_without_regard_to_case(written: str) -> None:
    assert look({"preset": written}).mode is Mode.BLUR


@pytest.mark.parametrize("unknown", ["painting", "auto", "art,product", "art product"])
def test_a_preset_that_nobody_knows_is_refused_with_those_there_are(unknown: str) -> None:
    with pytest.raises(RequestRejected) as refusal:
        gather({}, {"preset": unknown})

    assert refusal.value.facts == {
        "field": "preset",
        "value": unknown,
        "source": "metadata",
        "allowed": ["portrait", "landscape", "product", "art", "screenshot"],
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_whatever_a_preset_says_can_be_read(preset: str) -> None:
    assert set(PRESETS[preset]) <= set(OPTIONS)
    parse_frame_options({field: Option(value, "preset") for field, value in PRESETS[preset].items()})


def test_the_given_wishes_stay_as_they_were() -> None:
    options = merge_options([("tag", {"preset": "art"}), ("default", DEFAULTS)])
    before = dict(options)

    apply_preset(options)

    assert options == before
