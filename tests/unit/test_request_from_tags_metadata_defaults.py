"""What is asked of a picture: an object's tag, else its metadata, else the stack's default; and what is refused."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import Colour, Mode, Size
from sora_ready.domain.request import FIELDS, VideoRequest, Wish, decode_metadata, gather_wishes, read_request

CATALOG = load_catalog()
DEFAULTS = {
    "size": "auto",
    "mode": "cover",
    "background": "black",
    "model": "sora-2",
    "seconds": "4",
    "prompt": "gentle motion",
}
TAGS = {
    "size": "720x1280",
    "mode": "pad",
    "background": "white",
    "model": "sora-2-pro",
    "seconds": "8",
    "prompt": "by tag",
}
METADATA = {
    "size": "1280x720",
    "mode": "stretch",
    "background": "336699",
    "model": "sora-2-pro",
    "seconds": "12",
    "prompt": "by metadata",
}


def gather(tags: dict[str, str] | None = None, metadata: dict[str, str] | None = None) -> dict[str, Wish]:
    return gather_wishes([("tag", tags or {}), ("metadata", metadata or {}), ("default", DEFAULTS)])


def read(tags: dict[str, str] | None = None, metadata: dict[str, str] | None = None) -> VideoRequest:
    return read_request(gather(tags, metadata), CATALOG)


def refuse(**tags: str) -> RequestRejected:
    with pytest.raises(RequestRejected) as refusal:
        read(tags)
    return refusal.value


# ---------------------------------------------------------------- which of them holds


@pytest.mark.parametrize("field", FIELDS)
def test_a_tag_wins_over_metadata(field: str) -> None:
    assert gather(TAGS, METADATA)[field] == Wish(TAGS[field], "tag")


@pytest.mark.parametrize("field", FIELDS)
def test_metadata_wins_over_the_default(field: str) -> None:
    assert gather({}, METADATA)[field] == Wish(METADATA[field], "metadata")


@pytest.mark.parametrize("field", FIELDS)
def test_the_default_holds_where_nothing_is_said(field: str) -> None:
    assert gather()[field] == Wish(DEFAULTS[field], "default")


def test_each_field_is_looked_for_on_its_own() -> None:
    wishes = gather({"mode": "pad"}, {"mode": "stretch", "seconds": "8"})

    assert {field: wishes[field].origin for field in ("mode", "seconds", "size")} == {
        "mode": "tag",
        "seconds": "metadata",
        "size": "default",
    }


def test_what_was_gathered_is_understood() -> None:
    request = read(TAGS)

    assert request == VideoRequest(
        model="sora-2-pro",
        size=Size(720, 1280),
        sizes=CATALOG["sora-2-pro"].sizes,
        seconds=8,
        mode=Mode.PAD,
        background=Colour(255, 255, 255),
        prompt="by tag",
    )


def test_auto_leaves_the_size_open_among_the_models_own() -> None:
    request = read({"size": "Auto"})

    assert request.size is None
    assert request.sizes == (Size(1280, 720), Size(720, 1280))


# ---------------------------------------------------------------- what people really write


def test_tags_that_are_no_field_are_ignored() -> None:
    assert gather({"owner": "marketing", "Sizes": "XL", "aws:cloudformation:stack-name": "x"}) == gather()


@pytest.mark.parametrize("name", ["mode", "Mode", "MODE", " mode "])
def test_a_name_is_read_without_regard_to_case(name: str) -> None:
    assert gather({name: "pad"})["mode"] == Wish("pad", "tag")


def test_a_name_as_it_stands_goes_before_one_in_capitals() -> None:
    assert gather({"Mode": "stretch", "mode": "pad", "MODE": "cover"})["mode"].value == "pad"


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_an_empty_value_counts_as_not_given(empty: str) -> None:
    assert gather({"mode": empty}, {"mode": "pad"})["mode"] == Wish("pad", "metadata")


@pytest.mark.parametrize("written", ["1280x720", "1280X720", "1280×720", " 1280x720 ", "1280 x 720"])
def test_a_size_is_read_in_every_usual_spelling(written: str) -> None:
    assert read({"size": written}).size == Size(1280, 720)


@pytest.mark.parametrize(
    ("written", "colour"),
    [
        ("black", Colour(0, 0, 0)),
        ("White", Colour(255, 255, 255)),
        ("336699", Colour(0x33, 0x66, 0x99)),
        ("#AbCdEf", Colour(0xAB, 0xCD, 0xEF)),
    ],
)
def test_a_background_is_a_name_or_six_hex_digits(written: str, colour: Colour) -> None:
    assert read({"background": written}).background == colour


@pytest.mark.parametrize("written", ["PAD", "Pad", "pad"])
def test_a_mode_is_read_without_regard_to_case(written: str) -> None:
    assert read({"mode": written}).mode is Mode.PAD


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
def test_plain_metadata_is_left_alone(plain: str) -> None:
    assert decode_metadata(plain) == plain


@pytest.mark.parametrize("broken", ["%ff%fe", "caf%e9", "%C3", "%E4%B8", "%ED%A0%80"])
def test_metadata_that_encodes_no_utf8_is_left_alone(broken: str) -> None:
    assert decode_metadata(broken) == broken


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("size", "1280x721", ["1280x720", "720x1280", "auto"]),
        ("size", "0x0", ["1280x720", "720x1280", "auto"]),
        ("size", "large", ["1280x720", "720x1280", "auto"]),
        ("size", "1792x1024", ["1280x720", "720x1280", "auto"]),
        ("mode", "zoom", ["cover", "pad", "stretch"]),
        ("seconds", "15", ["4", "8", "12", "16", "20"]),
        ("seconds", "4.0", ["4", "8", "12", "16", "20"]),
        ("seconds", "four", ["4", "8", "12", "16", "20"]),
        ("model", "sora-3", ["sora-2", "sora-2-pro"]),
        ("background", "reddish", ["black", "white", "six hex digits (336699)"]),
        ("background", "33669", ["black", "white", "six hex digits (336699)"]),
    ],
)
def test_a_refusal_names_field_value_origin_and_what_is_allowed(field: str, value: str, allowed: list[str]) -> None:
    refusal = refuse(**{field: value})

    assert refusal.code == f"invalid_{field}"
    assert refusal.facts == {"field": field, "value": value, "origin": "tag", "allowed": allowed}
    assert all(word in refusal.message for word in [field, value, "tag", *allowed])


def test_a_refusal_says_where_the_value_came_from() -> None:
    with pytest.raises(RequestRejected) as refusal:
        read({"seconds": "8"}, {"mode": "zoom"})

    assert refusal.value.facts["origin"] == "metadata"


def test_a_size_that_another_model_takes_is_refused_by_this_ones_name() -> None:
    assert "Model sora-2 takes no such size" in refuse(size="1792x1024").message
    assert read({"size": "1792x1024", "model": "sora-2-pro"}).size == Size(1792, 1024)


def test_an_overlong_prompt_is_refused_without_being_repeated_whole() -> None:
    refusal = refuse(prompt="a" * 32_001)

    assert refusal.code == "invalid_prompt"
    assert refusal.facts["allowed"] == ["1 to 32000 characters"]
    assert len(refusal.facts["value"]) == 80
    assert len(refusal.message) < 300


@given(st.sampled_from(FIELDS), st.text(min_size=1))
def test_any_value_is_understood_or_refused_by_its_field(field: str, value: str) -> None:
    try:
        read({field: value})
    except RequestRejected as refusal:
        assert refusal.facts["field"] == field  # noqa: PT017 - either outcome is right, no other is
