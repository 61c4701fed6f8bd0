"""A download that was cut raises nothing by itself: whether a whole MP4 came is told from its boxes."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sora_ready.domain.errors import VideoCorruptError
from sora_ready.domain.mp4 import check_mp4


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def long_box(kind: bytes, content: bytes = b"") -> bytes:
    """A box whose length stands in 64 bits, as it does for more than 4 GB."""
    return (1).to_bytes(4, "big") + kind + (16 + len(content)).to_bytes(8, "big") + content


def last_box(kind: bytes, content: bytes = b"") -> bytes:
    """A box of size 0, which reaches to the end of the file."""
    return bytes(4) + kind + content


FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
MOOV = box(b"moov", box(b"mvhd", bytes(100)))
MDAT = box(b"mdat", b"\x5a" * 300)
WHOLE = FTYP + MOOV + MDAT


def refuse(data: bytes) -> VideoCorruptError:
    with pytest.raises(VideoCorruptError) as refusal:
        check_mp4(io.BytesIO(data))
    return refusal.value


@pytest.mark.parametrize(
    "data",
    [
        WHOLE,
        FTYP + MDAT + MOOV,
        FTYP + box(b"free") + MOOV + MDAT,
        FTYP + MOOV + box(b"moof") + MDAT + box(b"moof") + MDAT,
        FTYP + MOOV + long_box(b"mdat", b"\x5a" * 300),
        FTYP + long_box(b"mdat", b"\x5a" * 300) + MOOV,
        FTYP + MOOV + last_box(b"mdat", b"\x5a" * 300),
    ],
    ids=["usual", "index last", "with free space", "in fragments", "64-bit", "64-bit before the index", "open end"],
)
def test_a_whole_mp4_has_its_length(data: bytes) -> None:
    assert check_mp4(io.BytesIO(data)) == len(data)


def test_where_the_file_was_left_does_not_matter() -> None:
    file = io.BytesIO(WHOLE)
    file.seek(100)

    assert check_mp4(file) == len(WHOLE)


@settings(max_examples=60)
@given(st.integers(len(FTYP), len(WHOLE) - 1))
def test_an_mp4_cut_anywhere_is_not_whole(length: int) -> None:
    refusal = refuse(WHOLE[:length])

    assert refusal.code == "video_cut_short"
    assert refusal.facts == {"bytes": length}


@pytest.mark.parametrize("missing", [1, 100, 299])
def test_a_64_bit_box_that_was_cut_is_not_whole(missing: int) -> None:
    whole = FTYP + MOOV + long_box(b"mdat", b"\x5a" * 300)

    assert refuse(whole[:-missing]).code == "video_cut_short"


@pytest.mark.parametrize(
    "data",
    [
        b'{"error": {"message": "The video has expired.", "code": "video_expired"}}',
        b"<html><body>502 Bad Gateway</body></html>",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        MOOV + FTYP + MDAT,
        bytes(500),
    ],
    ids=["JSON", "HTML", "a picture", "another box first", "zeros"],
)
def test_what_does_not_begin_as_an_mp4_is_none(data: bytes) -> None:
    refusal = refuse(data)

    assert refusal.code == "not_an_mp4"
    assert refusal.facts == {"bytes": len(data)}


@pytest.mark.parametrize(
    "data",
    [FTYP, FTYP + MDAT, FTYP + MOOV, FTYP + box(b"free") + last_box(b"mdat", MOOV)],
    ids=["a beginning", "no index", "no pictures", "an index inside the pictures"],
)
def test_an_mp4_without_its_index_or_its_pictures_is_not_whole(data: bytes) -> None:
    assert refuse(data).code == "video_cut_short"


@pytest.mark.parametrize("data", [b"", b"\0", FTYP[:7]])
def test_nothing_is_not_a_video(data: bytes) -> None:
    assert refuse(data).code == "video_cut_short"


@pytest.mark.parametrize("behind", [b"\0", bytes(7), b"trailing text", box(b"free")[:-1]])
def test_stray_bytes_behind_the_last_box_are_noticed(behind: bytes) -> None:
    assert refuse(WHOLE + behind).code == "video_cut_short"


@pytest.mark.parametrize("size", [2, 7])
def test_a_box_too_small_for_its_own_header_ends_the_search(size: int) -> None:
    assert refuse(FTYP + size.to_bytes(4, "big") + b"free" + MOOV + MDAT).code == "video_cut_short"
