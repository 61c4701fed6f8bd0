"""A truncated download raises no error by itself: the boxes show whether the MP4 is complete."""

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
    """A box with a 64-bit length, as boxes of more than 4 GB have."""
    return (1).to_bytes(4, "big") + kind + (16 + len(content)).to_bytes(8, "big") + content


def last_box(kind: bytes, content: bytes = b"") -> bytes:
    """A box of size 0: it extends to the end of the file."""
    return bytes(4) + kind + content


FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
MOOV = box(b"moov", box(b"mvhd", bytes(100)))
MDAT = box(b"mdat", b"\x5a" * 300)
COMPLETE = FTYP + MOOV + MDAT


def refuse(data: bytes) -> VideoCorruptError:
    with pytest.raises(VideoCorruptError) as refusal:
        check_mp4(io.BytesIO(data))
    return refusal.value


@pytest.mark.parametrize(
    "data",
    [
        COMPLETE,
        FTYP + MDAT + MOOV,
        FTYP + box(b"free") + MOOV + MDAT,
        FTYP + MOOV + box(b"moof") + MDAT + box(b"moof") + MDAT,
        FTYP + MOOV + long_box(b"mdat", b"\x5a" * 300),
        FTYP + long_box(b"mdat", b"\x5a" * 300) + MOOV,
        FTYP + MOOV + last_box(b"mdat", b"\x5a" * 300),
    ],
    ids=["usual", "index last", "with free space", "in fragments", "64-bit", "64-bit before the index", "open end"],
)
def test_the_length_of_a_complete_mp4_is_returned(data: bytes) -> None:
    assert check_mp4(io.BytesIO(data)) == len(data)


def test_the_position_in_the_file_does_not_matter() -> None:
    file = io.BytesIO(COMPLETE)
    file.seek(100)

    assert check_mp4(file) == len(COMPLETE)


@settings(max_examples=60)
@given(st.integers(len(FTYP), len(COMPLETE) - 1))
def test_an_mp4_truncated_anywhere_is_refused(length: int) -> None:
    refusal = refuse(COMPLETE[:length])

    assert refusal.code == "video_cut_short"
    assert refusal.facts == {"bytes": length}


@pytest.mark.parametrize("missing", [1, 100, 299])
def test_a_truncated_64_bit_box_is_refused(missing: int) -> None:
    complete = FTYP + MOOV + long_box(b"mdat", b"\x5a" * 300)

    assert refuse(complete[:-missing]).code == "video_cut_short"


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
def test_a_file_that_does_not_begin_as_an_mp4_is_refused(data: bytes) -> None:
    refusal = refuse(data)

    assert refusal.code == "not_an_mp4"
    assert refusal.facts == {"bytes": len(data)}


@pytest.mark.parametrize(
    "data",
    [FTYP, FTYP + MDAT, FTYP + MOOV, FTYP + box(b"free") + last_box(b"mdat", MOOV)],
    ids=["a beginning", "no index", "no frames", "an index inside the frames"],
)
def test_an_mp4_without_its_index_or_its_frames_is_refused(data: bytes) -> None:
    assert refuse(data).code == "video_cut_short"


@pytest.mark.parametrize("data", [b"", b"\0", FTYP[:7]])
def test_an_empty_file_is_refused(data: bytes) -> None:
    assert refuse(data).code == "video_cut_short"


@pytest.mark.parametrize("trailing", [b"\0", bytes(7), b"trailing text", box(b"free")[:-1]])
def test_stray_bytes_after_the_last_box_are_refused(trailing: bytes) -> None:
    assert refuse(COMPLETE + trailing).code == "video_cut_short"


@pytest.mark.parametrize("size", [2, 7])
def test_a_box_smaller_than_its_own_header_is_refused(size: int) -> None:
    assert refuse(FTYP + size.to_bytes(4, "big") + b"free" + MOOV + MDAT).code == "video_cut_short"
