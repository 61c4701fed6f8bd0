"""An unusable option is refused with its name, its value, its source and what is allowed."""

from __future__ import annotations

import pytest

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import Size
from sora_ready.domain.options import OPTIONS, PRESETS, SIZE, Models, Option
from sora_ready.domain.request import VideoRequest, apply_preset, merge_options, parse_request

CATALOG = load_catalog()
DEFAULTS = {"size": "auto", "model": "sora-2", "seconds": "4", "prompt": "gentle motion"}

ALLOWED = {
    "size": [
        "1280x720",
        "720x1280",
        "landscape_720p",
        "portrait_720p",
        "youtube",
        "tiktok",
        "reels",
        "shorts",
        "auto",
    ],
    "mode": ["cover", "pad", "blur", "stretch", "auto"],
    "focus": [
        "center",
        "top",
        "bottom",
        "left",
        "right",
        "top-left and the like",
        "two fractions (0.5 0.3)",
        "auto",
    ],
    "crop": [
        "left top right bottom as fractions of the picture, each from 0 to 1 (0.1 0 0.9 1)",
        'the same in JSON ({"left_fraction": 0.1})',
        "whole",
    ],
    "background": ["black", "white", "six hex digits (336699)", "auto"],
    "format": ["jpeg", "png", "webp", "jpg"],
    "quality": ["whole numbers from 1 to 100"],
    "preset": ["portrait", "landscape", "product", "art", "screenshot"],
    "model": ["sora-2", "sora-2-pro"],
    "seconds": ["4", "8", "12", "16", "20"],
    "prompt": ["1 to 32000 characters"],
}
UNUSABLE = {
    "size": ["1280x721", "0x0", "1x0", "large", "1792x1024", "99999x99999", "landscape_1080p", "_", "-", "_720p", "p"],
    "mode": ["zoom", "cover pad", "crop"],
    "focus": ["middle", "topleft", "0.5", "1.5 0", "auto auto"],
    "crop": ["all", "0.1", "0.9 0 0.1 1", "0 0 0 0", "10% 0 90% 1"],
    "background": ["reddish", "33669", "3366990", "##336699", "#black", "0x336699", "３３６６９９"],
    "format": ["gif", "image/jpeg", "jpeg2000"],
    "quality": ["0", "101", "-1", "+5", "95.0", "1e2", "95%", "high", "١", "²", "1000"],
    "preset": ["auto", "painting", "art product"],
    "model": ["sora-3", "sora"],
    "seconds": ["15", "4.0", "four", "04", "4s", "٤"],
    "prompt": ["a" * 32_001],
}


def read(tags: dict[str, str] | None = None, metadata: dict[str, str] | None = None) -> VideoRequest:
    options = merge_options([("tag", tags or {}), ("metadata", metadata or {}), ("default", DEFAULTS)])
    return parse_request(apply_preset(options), CATALOG)


def refuse(**tags: str) -> RequestRejected:
    with pytest.raises(RequestRejected) as refusal:
        read(tags)
    return refusal.value


def test_every_option_has_a_refusal_below() -> None:
    assert set(ALLOWED) == set(UNUSABLE) == set(OPTIONS)


@pytest.mark.parametrize(
    ("field", "value"),
    [pytest.param(field, value, id=f"{field}={value[:20]}") for field, values in UNUSABLE.items() for value in values],
)
def test_a_refusal_names_option_value_source_and_what_is_allowed(field: str, value: str) -> None:
    refusal = refuse(**{field: value})

    shown = value if len(value) <= 80 else value[:79] + "…"
    assert refusal.code == f"invalid_{field}"
    assert refusal.facts == {"field": field, "value": shown, "source": "tag", "allowed": ALLOWED[field]}
    assert all(word in refusal.message for word in [field, shown, "tag", *ALLOWED[field]])


@pytest.mark.parametrize("source", ["tag", "metadata", "body", "default"])
def test_a_refusal_names_the_values_source(source: str) -> None:
    options = merge_options([(source, DEFAULTS | {"mode": "zoom"})])

    with pytest.raises(RequestRejected) as refusal:
        parse_request(options, CATALOG)
    assert refusal.value.facts["source"] == source
    assert f"({source})" in refusal.value.message


def test_unusable_metadata_is_ignored_if_a_tag_takes_precedence() -> None:
    assert read({"quality": "80"}, {"quality": "high"}).frame_options.quality == 80


def test_a_refused_size_names_the_model_and_one_that_takes_it() -> None:
    assert "Model sora-2 takes no such size" in refuse(size="1792x1024").message
    assert read({"size": "1792x1024", "model": "sora-2-pro"}).sizes == (Size(1792, 1024),)


def test_a_refused_length_names_the_model() -> None:
    assert "Model sora-2 makes no such length" in refuse(seconds="5").message


def test_a_refused_prompt_is_shortened_in_the_message() -> None:
    refusal = refuse(prompt="a" * 32_001)

    assert len(str(refusal.facts["value"])) == 80
    assert len(refusal.message) < 300


# ---------------------------------------------------------------- what a refusal lists as allowed is accepted


@pytest.mark.parametrize("field", ["mode", "format", "preset", "model", "seconds"])
def test_each_word_that_a_refusal_lists_is_accepted(field: str) -> None:
    for word in ALLOWED[field]:
        read({field: word})


@pytest.mark.parametrize("size", ["1280x720", "64x48", "48x64", "9x9", "1024x1024", "8192x8192"])
def test_each_size_that_a_refusal_lists_is_accepted(size: str) -> None:
    model = load_catalog(f'{{"m": {{"seconds": [1], "usd_per_second": {{"{size}": null}}}}}}')["m"]
    with pytest.raises(RequestRejected) as refusal:
        SIZE.read(Option("none of them", "tag"), Models(chosen=model))

    allowed = refusal.value.facts["allowed"]
    assert isinstance(allowed, list)
    assert allowed
    for word in allowed:
        assert SIZE.read(Option(word, "tag"), Models(chosen=model)) == model.sizes


def test_a_refusal_lists_no_platform_that_the_model_has_no_size_for() -> None:
    model = load_catalog('{"m": {"seconds": [1], "usd_per_second": {"64x48": null}}}')["m"]
    with pytest.raises(RequestRejected) as refusal:
        SIZE.read(Option("tiktok", "tag"), Models(chosen=model))

    assert refusal.value.facts["allowed"] == ["64x48", "landscape_48p", "youtube", "auto"]


def test_a_refusal_lists_every_preset() -> None:
    assert ALLOWED["preset"] == list(PRESETS)
