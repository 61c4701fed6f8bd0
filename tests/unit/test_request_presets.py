"""A preset stands for several options. The picture's own options take precedence over it, and it over the defaults."""

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
# The frame options of the defaults alone.
PLAIN = FrameOptions(Mode.STRETCH, Focus(0.5, 1.0), WHOLE, Color(0x33, 0x66, 0x99), Format.WEBP, 70)


def merge(
    tags: dict[str, str], metadata: dict[str, str] | None = None, body: dict[str, str] | None = None
) -> dict[str, Option]:
    return apply_preset(
        merge_options([("tag", tags), ("metadata", metadata or {}), ("body", body or {}), ("default", DEFAULTS)])
    )


def parse(tags: dict[str, str]) -> FrameOptions:
    return parse_request(merge(tags), CATALOG).frame_options


@pytest.mark.parametrize(
    ("preset", "options"),
    [
        ("portrait", {"mode": Mode.COVER, "focus": Focus(0.5, 0.3)}),
        ("landscape", {"mode": Mode.COVER, "focus": "auto"}),
        ("product", {"mode": Mode.PAD, "background": "auto"}),
        ("art", {"mode": Mode.BLUR}),
        ("screenshot", {"mode": Mode.PAD, "background": "auto", "format": Format.PNG}),
    ],
)
def test_a_preset_sets_its_options_and_the_defaults_the_rest(preset: str, options: dict[str, object]) -> None:
    chosen = parse({"preset": preset})

    for field in FrameOptions.__dataclass_fields__:
        assert getattr(chosen, field) == options.get(field, getattr(PLAIN, field)), field


def test_every_preset_is_tested_above() -> None:
    assert set(PRESETS) == {"portrait", "landscape", "product", "art", "screenshot"}


def test_without_a_preset_the_defaults_are_used() -> None:
    assert parse({}) == PLAIN
    assert merge({}) == merge_options([("default", DEFAULTS)])


@pytest.mark.parametrize("source", ["tag", "metadata", "body"])
@pytest.mark.parametrize("preset_source", ["tag", "metadata", "body"])
def test_a_pictures_own_options_take_precedence_over_its_preset_whatever_the_source_of_either(
    source: str, preset_source: str
) -> None:
    values: dict[str, dict[str, str]] = {"tag": {}, "metadata": {}, "body": {}}
    values[preset_source] |= {"preset": "screenshot"}
    values[source] |= {"mode": "cover"}

    options = merge(values["tag"], values["metadata"], dict(values["body"]))

    assert options["preset"] == Option("screenshot", preset_source)
    assert options["mode"] == Option("cover", source)
    assert options["background"] == Option("auto", "preset")
    assert options["format"] == Option("png", "preset")
    assert options["quality"] == Option("70", "default")


def test_a_pictures_option_takes_precedence_over_its_preset_even_if_it_equals_the_default() -> None:
    assert parse({"preset": "art", "mode": DEFAULTS["mode"]}).mode is Mode.STRETCH


def test_a_preset_sets_an_option_that_has_no_default() -> None:
    assert apply_preset({"preset": Option("portrait", "tag")})["focus"] == Option("0.5 0.3", "preset")


def test_the_preset_of_the_first_source_is_used() -> None:
    assert merge({"preset": "art"}, {"preset": "product"})["mode"] == Option("blur", "preset")


@pytest.mark.parametrize("written", ["art", "ART", "Art", " art "])
def test_a_preset_is_accepted_in_any_case(written: str) -> None:
    assert parse({"preset": written}).mode is Mode.BLUR


@pytest.mark.parametrize("unknown", ["painting", "auto", "art,product", "art product"])
def test_an_unknown_preset_is_refused_with_the_known_ones(unknown: str) -> None:
    with pytest.raises(RequestRejected) as refusal:
        merge({}, {"preset": unknown})

    assert refusal.value.facts == {
        "field": "preset",
        "value": unknown,
        "source": "metadata",
        "allowed": ["portrait", "landscape", "product", "art", "screenshot"],
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_every_option_of_a_preset_can_be_parsed(preset: str) -> None:
    assert set(PRESETS[preset]) <= set(OPTIONS)
    parse_frame_options({field: Option(value, "preset") for field, value in PRESETS[preset].items()})


def test_the_given_options_are_not_changed() -> None:
    options = merge_options([("tag", {"preset": "art"}), ("default", DEFAULTS)])
    before = dict(options)

    apply_preset(options)

    assert options == before
