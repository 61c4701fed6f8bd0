"""If the chosen model doesn't support a stack default, the model's own default is used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.errors import RequestRejected
from sora_ready.domain.frame import Size
from sora_ready.domain.options import Option
from sora_ready.domain.request import apply_model_defaults, merge_options, parse_request

CATALOG = load_catalog('{"other": {"seconds": [5, 10], "usd_per_second": {"640x480": null, "480x640": null}}}')
DEFAULTS = {
    "size": "1280x720",
    "mode": "cover",
    "background": "black",
    "model": "sora-2",
    "seconds": "4",
    "prompt": "gentle motion",
}


def complete_from(source: str, values: dict[str, str], **defaults: str) -> dict[str, Option]:
    return apply_model_defaults(merge_options([(source, values), ("default", DEFAULTS | defaults)]), CATALOG)


def complete(tags: dict[str, str], **defaults: str) -> dict[str, Option]:
    return complete_from("tag", tags, **defaults)


@pytest.mark.parametrize("source", ["tag", "metadata"])
def test_defaults_that_the_chosen_model_does_not_support_are_replaced(source: str) -> None:
    options = complete_from(source, {"model": "other"})

    assert options["model"] == Option("other", source)
    assert options["size"] == Option("auto", "model")
    assert options["seconds"] == Option("5", "model")


def test_replaced_defaults_are_parsed() -> None:
    request = parse_request(complete({"model": "other"}), CATALOG)

    assert (request.sizes, request.seconds) == ((Size(640, 480), Size(480, 640)), 5)


@pytest.mark.parametrize(
    "size", ["640x480", "480x640", "auto", "AUTO", "landscape", "480p", "Portrait_480p", "youtube", "tiktok"]
)
@pytest.mark.parametrize("seconds", ["5", "10"])
def test_defaults_that_the_chosen_model_supports_are_kept(size: str, seconds: str) -> None:
    options = complete({"model": "other"}, size=size, seconds=seconds)

    assert (options["size"], options["seconds"]) == (Option(size, "default"), Option(seconds, "default"))


@pytest.mark.parametrize("size", ["1280x720", "landscape_720p", "1080p", "square", "large"])
def test_a_default_size_that_the_model_does_not_support_is_replaced_however_it_is_written(size: str) -> None:
    assert complete({"model": "other"}, size=size)["size"] == Option("auto", "model")


@pytest.mark.parametrize("source", ["tag", "metadata"])
@pytest.mark.parametrize(
    ("field", "value"), [("size", "1280x720"), ("size", "720p"), ("size", "square"), ("seconds", "4")]
)
def test_a_given_option_that_the_model_does_not_support_is_kept_and_refused(
    source: str, field: str, value: str
) -> None:
    options = complete_from(source, {"model": "other", field: value})

    assert options[field].value == value
    with pytest.raises(RequestRejected) as refusal:
        parse_request(options, CATALOG)
    assert refusal.value.code == f"invalid_{field}"


def test_each_default_is_replaced_on_its_own() -> None:
    options = complete({"model": "other", "size": "480x640"})

    assert (options["size"], options["seconds"]) == (Option("480x640", "tag"), Option("5", "model"))


def test_the_defaults_are_also_replaced_for_the_stacks_default_model() -> None:
    options = complete({}, model="other")

    assert (options["size"], options["seconds"]) == (Option("auto", "model"), Option("5", "model"))
    assert parse_request(options, CATALOG).seconds == 5


def test_an_unknown_model_changes_no_default() -> None:
    options = complete({"model": "sora-3"})

    assert (options["size"], options["seconds"]) == (Option("1280x720", "default"), Option("4", "default"))
    with pytest.raises(RequestRejected, match="sora-3"):
        parse_request(options, CATALOG)


def test_the_given_options_are_not_changed() -> None:
    options = merge_options([("tag", {"model": "other"}), ("default", DEFAULTS)])
    before = dict(options)

    apply_model_defaults(options, CATALOG)

    assert options == before


@pytest.mark.parametrize("written", ["OTHER", "Other"])
def test_defaults_are_replaced_for_a_model_in_any_case(written: str) -> None:
    assert parse_request(complete({"model": written}), CATALOG).seconds == 5


@pytest.mark.parametrize("size", ["640X480", "640×480", "640 x 480"])
def test_a_supported_default_size_is_kept_however_it_is_written(size: str) -> None:
    assert parse_request(complete({"model": "other"}, size=size), CATALOG).sizes == (Size(640, 480),)


@given(
    st.sampled_from(["sora-2", "sora-2-pro", "other"]),
    st.sampled_from(["auto", "1280x720", "640x480", "1x1", "large", "720p", "portrait_480p", "square", "reels"]),
    st.integers(1, 20).map(str),
)
def test_no_default_size_or_length_is_refused_for_any_model(model: str, size: str, seconds: str) -> None:
    request = parse_request(complete({"model": model}, size=size, seconds=seconds), CATALOG)

    assert request.model == model
    assert request.sizes
    assert set(request.sizes) <= set(CATALOG[model].sizes)
    assert request.seconds in CATALOG[model].seconds
