"""Each option comes from the object's tags, else its metadata, else a JSON body, else the stack's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.frame import Color, Crop, Focus, Format, FrameOptions, Mode, Size
from sora_ready.domain.options import OPTIONS, Option
from sora_ready.domain.request import VideoRequest, decode_metadata, merge_options, parse_request

CATALOG = load_catalog()
# A value of each option in each source, in the order of precedence.
SOURCES: dict[str, dict[str, str]] = {
    "tag": {
        "size": "720x1280",
        "mode": "pad",
        "focus": "top",
        "crop": "0 0 1 0.5",
        "background": "white",
        "format": "png",
        "quality": "80",
        "preset": "art",
        "model": "sora-2-pro",
        "seconds": "8",
        "prompt": "by tag",
    },
    "metadata": {
        "size": "1280x720",
        "mode": "stretch",
        "focus": "left",
        "crop": "0 0 0.5 1",
        "background": "336699",
        "format": "webp",
        "quality": "70",
        "preset": "product",
        "model": "sora-2-pro",
        "seconds": "12",
        "prompt": "by metadata",
    },
    "body": {
        "size": "1792x1024",
        "mode": "blur",
        "focus": "right",
        "crop": "0.5 0 1 1",
        "background": "auto",
        "format": "webp",
        "quality": "60",
        "preset": "portrait",
        "model": "sora-2-pro",
        "seconds": "16",
        "prompt": "by body",
    },
    "default": {
        "size": "auto",
        "mode": "cover",
        "focus": "center",
        "crop": "whole",
        "background": "black",
        "format": "jpeg",
        "quality": "95",
        "preset": "landscape",
        "model": "sora-2",
        "seconds": "4",
        "prompt": "gentle motion",
    },
}


def merge(tags: Mapping[str, Any] | None = None, metadata: Mapping[str, Any] | None = None) -> dict[str, Option]:
    return merge_options([("tag", tags or {}), ("metadata", metadata or {}), ("default", SOURCES["default"])])


def read(tags: dict[str, str] | None = None, metadata: dict[str, str] | None = None) -> VideoRequest:
    return parse_request(merge(tags, metadata), CATALOG)


# ---------------------------------------------------------------- which source is used


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("field", OPTIONS)
def test_an_option_comes_from_the_first_source_that_has_it(field: str, source: str) -> None:
    first = list(SOURCES).index(source)
    sources = [(name, {} if i < first else values) for i, (name, values) in enumerate(SOURCES.items())]

    assert merge_options(sources)[field] == Option(SOURCES[source][field], source)


def test_each_option_is_merged_on_its_own() -> None:
    options = merge({"mode": "pad"}, {"mode": "stretch", "seconds": "8"})

    assert {field: options[field].source for field in ("mode", "seconds", "size")} == {
        "mode": "tag",
        "seconds": "metadata",
        "size": "default",
    }


def test_an_option_that_no_source_has_is_left_out() -> None:
    assert merge_options([("tag", {"mode": "pad"}), ("metadata", {})]) == {"mode": Option("pad", "tag")}


def test_merged_options_are_parsed() -> None:
    assert read(SOURCES["tag"]) == VideoRequest(
        model="sora-2-pro",
        sizes=(Size(720, 1280),),
        frame_options=FrameOptions(
            mode=Mode.PAD,
            focus=Focus(0.5, 0.0),
            crop=Crop(0.0, 0.0, 1.0, 0.5),
            background=Color(255, 255, 255),
            format=Format.PNG,
            quality=80,
        ),
        seconds=8,
        prompt="by tag",
    )


def test_frame_options_that_are_not_given_have_their_defaults() -> None:
    given = {
        name: Option(value, "default") for name, value in {"model": "sora-2", "size": "auto", "seconds": "4"}.items()
    }

    assert parse_request(given | {"prompt": Option("calm", "tag")}, CATALOG).frame_options == FrameOptions()


def test_auto_means_all_sizes_of_the_model() -> None:
    assert read({"size": "Auto"}).sizes == (Size(1280, 720), Size(720, 1280))


# ---------------------------------------------------------------- spellings


def test_tags_that_are_not_options_are_ignored() -> None:
    assert merge({"owner": "marketing", "Sizes": "XL", "aws:cloudformation:stack-name": "x"}) == merge()


@pytest.mark.parametrize("name", ["mode", "Mode", "MODE", " mode "])
def test_a_name_matches_in_any_case(name: str) -> None:
    assert merge({name: "pad"})["mode"] == Option("pad", "tag")


def test_an_exact_name_takes_precedence_over_one_in_another_case() -> None:
    assert merge({"Mode": "stretch", "mode": "pad", "MODE": "cover"})["mode"].value == "pad"


def test_crop_bounds_is_another_name_of_crop_which_takes_precedence_in_one_source() -> None:
    assert merge({"Crop_Bounds": "0 0 1 0.5"})["crop"] == Option("0 0 1 0.5", "tag")
    assert merge({"crop_bounds": "0 0 1 0.5", "crop": "0 0 0.5 1"})["crop"] == Option("0 0 0.5 1", "tag")
    assert merge({"crop_bounds": "0 0 1 0.5"}, {"crop": "0 0 0.5 1"})["crop"] == Option("0 0 1 0.5", "tag")


@pytest.mark.parametrize("empty", ["", " ", "\t", None])
def test_an_empty_value_counts_as_not_given(empty: str | None) -> None:
    assert merge({"mode": empty}, {"mode": "pad"})["mode"] == Option("pad", "metadata")
    assert merge({"mode": empty, "Mode": "pad"})["mode"] == Option("pad", "tag")


@pytest.mark.parametrize("written", ["1280x720", "1280X720", "1280×720", " 1280x720 ", "1280 x 720"])
def test_a_size_is_accepted_in_every_usual_spelling(written: str) -> None:
    assert read({"size": written}).sizes == (Size(1280, 720),)


@pytest.mark.parametrize(
    ("written", "color"),
    [
        ("black", Color(0, 0, 0)),
        ("White", Color(255, 255, 255)),
        ("336699", Color(0x33, 0x66, 0x99)),
        ("#AbCdEf", Color(0xAB, 0xCD, 0xEF)),
        ("auto", "auto"),
        ("AUTO", "auto"),
    ],
)
def test_a_background_is_a_name_or_six_hex_digits_or_auto(written: str, color: Color | str) -> None:
    assert read({"background": written}).frame_options.background == color


@pytest.mark.parametrize("mode", Mode)
def test_a_mode_is_accepted_in_any_case(mode: Mode) -> None:
    assert {read({"mode": written}).frame_options.mode for written in (mode.lower(), mode.upper(), mode.title())} == {
        mode
    }


@pytest.mark.parametrize(
    ("written", "format"),
    [("jpeg", Format.JPEG), ("JPG", Format.JPEG), ("Png", Format.PNG), ("webp", Format.WEBP)],
)
def test_a_format_is_accepted_by_its_usual_names(written: str, format: Format) -> None:  # noqa: A002
    assert read({"format": written}).frame_options.format is format


@pytest.mark.parametrize(("written", "quality"), [("1", 1), ("80", 80), ("095", 95), ("100", 100)])
def test_a_quality_is_a_whole_number_from_1_to_100(written: str, quality: int) -> None:
    assert read({"quality": written}).frame_options.quality == quality


@pytest.mark.parametrize("written", ["Wan/Wan2.2-T2V", "wan/wan2.2-t2v", "WAN/WAN2.2-T2V"])
def test_a_model_is_accepted_in_any_case(written: str) -> None:
    catalog = load_catalog('{"Wan/Wan2.2-T2V": {"seconds": [4], "usd_per_second": {"64x64": null}}}')

    assert parse_request(merge({"model": written, "size": "auto"}), catalog).model == "Wan/Wan2.2-T2V"


def test_models_that_differ_only_in_case_are_distinguished_by_their_exact_names() -> None:
    entry = '{"seconds": [4], "usd_per_second": {"64x64": null}}'
    catalog = load_catalog(f'{{"Tiny": {entry}, "tiny": {entry}}}')

    assert [parse_request(merge({"model": name}), catalog).model for name in ("Tiny", "tiny")] == ["Tiny", "tiny"]


def test_a_prompt_may_have_32000_characters() -> None:
    assert len(read({}, {"prompt": "字" * 32_000}).prompt) == 32_000


# ---------------------------------------------------------------- metadata, which is ASCII on the wire


@pytest.mark.parametrize(
    "meant",
    ["slow, calm, and warm", 'she says "now"', "一只猫在下雨", "a rocket 🚀 rises", "50% slower, 100% sharp"],
)
def test_percent_encoded_metadata_is_decoded(meant: str) -> None:
    assert decode_metadata(quote(meant)) == meant


@given(st.text())
def test_any_text_survives_percent_encoding(meant: str) -> None:
    assert decode_metadata(quote(meant)) == meant


@pytest.mark.parametrize("plain", ["100% sharp", "a calm sea", "1+1=2", "%", "50%", "ends in %e", ""])
def test_plain_metadata_is_unchanged(plain: str) -> None:
    assert decode_metadata(plain) == plain


@pytest.mark.parametrize("broken", ["%ff%fe", "caf%e9", "%C3", "%E4%B8", "%ED%A0%80"])
def test_percent_encoded_metadata_that_is_not_utf8_is_unchanged(broken: str) -> None:
    assert decode_metadata(broken) == broken
