"""A large PNG is inflated on a second thread, with the same pixels and rejections as on one."""

from __future__ import annotations

import io
import random
import struct
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from sora_ready.domain.errors import ImageRejected
from sora_ready.domain.imaging import png_prefetch
from sora_ready.domain.imaging.decoding import load_picture, open_picture

SIZE = (1100, 700)


def noise(mode: str) -> Image.Image:
    bands = Image.new(mode, (1, 1)).getbands()
    return Image.merge(mode, [Image.effect_noise(SIZE, 60 + 10 * number) for number in range(len(bands))])


def png(picture: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_rows(rows: list[bytes]) -> bytes:
    """A color PNG of `SIZE` with these rows, each of which starts with its filter type."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"".join(rows), 1)) + chunk(b"IEND", b"")


def any_filters() -> bytes:
    rng = random.Random(3)
    return png_of_rows([bytes([rng.randrange(5)]) + rng.randbytes(3 * SIZE[0]) for _ in range(SIZE[1])])


def only_paeth() -> bytes:
    rng = random.Random(4)
    return png_of_rows([b"\x04" + rng.randbytes(3 * SIZE[0]) for _ in range(SIZE[1])])


PICTURES: dict[str, Callable[[], bytes]] = {
    "gray": lambda: png(noise("L")),
    "gray with alpha": lambda: png(noise("LA")),
    "color": lambda: png(noise("RGB")),
    "color with alpha": lambda: png(noise("RGBA")),
    "rows with any filter": any_filters,
    "rows that all depend on the one above": only_paeth,
    "not compressed": lambda: png(noise("RGB"), compress_level=0),
    "one bit": lambda: png(noise("L").convert("1")),
    "a palette": lambda: png(noise("RGB").quantize(16)),
    "16 bits": lambda: png(noise("L").convert("I;16")),
    "flat": lambda: png(Image.new("RGB", (3000, 3000), "navy")),
    "text after the pixels": lambda: png(noise("RGB"))[:-12] + chunk(b"tEXt", b"Title\0late") + chunk(b"IEND", b""),
}


@pytest.fixture(autouse=True)
def no_thread_is_left() -> object:
    before = set(threading.enumerate())
    yield
    # A thread that an earlier file of this process left may end meanwhile.
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("kind", PICTURES)
def test_the_pixels_are_those_of_a_single_thread(kind: str) -> None:
    data = PICTURES[kind]()
    with Image.open(io.BytesIO(data)) as single:
        single.load()

    prefetched = open_picture(data)
    load_picture(prefetched)

    assert (prefetched.mode, prefetched.size) == (single.mode, single.size)
    assert prefetched.tobytes() == single.tobytes()
    assert prefetched.info == single.info


def test_the_second_thread_inflates(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()
    real = png_prefetch._to_stored_blocks
    monkeypatch.setattr(
        png_prefetch, "_to_stored_blocks", lambda data: threads.add(threading.current_thread()) or real(data)
    )
    load_picture(open_picture(PICTURES["color"]()))
    assert threads
    assert threading.main_thread() not in threads


@pytest.mark.parametrize(("make", "unfilters"), [(any_filters, True), (only_paeth, False)])
def test_the_second_thread_unfilters_the_last_rows_if_one_does_not_depend_on_the_row_above(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes], unfilters: bool
) -> None:
    unfiltered = []
    real = png_prefetch._RowLayout.unfilter

    def unfilter(self: png_prefetch._RowLayout, filtered: bytes, row_above: bytes | None) -> bytes:
        unfiltered.append((threading.current_thread(), len(filtered) // (3 * SIZE[0] + 1)))
        return real(self, filtered, row_above)

    monkeypatch.setattr(png_prefetch._RowLayout, "unfilter", unfilter)
    load_picture(open_picture(make()))
    assert bool(unfiltered) is unfilters
    assert threading.main_thread() not in {thread for thread, _ in unfiltered}
    # of random filters, about every third row does not depend on the one above
    assert not unfilters or 0.28 * SIZE[1] < sum(rows for _, rows in unfiltered) < 0.33 * SIZE[1]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_an_unknown_filter_type_is_corrupt_on_either_thread(share: float) -> None:
    rows = [b"\x01" + bytes(3 * SIZE[0])] * SIZE[1]
    rows[int(share * SIZE[1])] = b"\x09" + bytes(3 * SIZE[0])
    with pytest.raises(ImageRejected) as rejection:
        load_picture(open_picture(png_of_rows(rows)))
    assert rejection.value.code == "corrupt"


def test_a_small_picture_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_prefetch, "Thread", None)
    load_picture(open_picture(png(Image.new("RGB", (600, 400)))))


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.98])
def test_a_truncated_picture_is_corrupt(kept: float) -> None:
    data = PICTURES["color"]()
    with pytest.raises(ImageRejected) as rejection:
        load_picture(open_picture(data[: int(len(data) * kept)]))
    assert rejection.value.code == "corrupt"


def test_pixels_that_cannot_be_inflated_are_corrupt() -> None:
    data = bytearray(PICTURES["color"]())
    middle = len(data) // 2
    data[middle : middle + 64] = b"\xff" * 64
    with pytest.raises(ImageRejected) as rejection:
        load_picture(open_picture(bytes(data)))
    assert rejection.value.code == "corrupt"


def test_the_second_thread_ends_if_the_decoder_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    # given a picture whose first row has an unknown filter type, and many chunks after it
    rows = b"\x09" + bytes(3 * 4000) + (b"\x00" + bytes(range(250)) * 48) * 2999
    header = struct.pack(">IIBBBBB", 4000, 3000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")
    with pytest.raises(ImageRejected) as rejection:
        load_picture(open_picture(data))
    assert rejection.value.code == "corrupt"


def test_a_decompression_bomb_is_inflated_in_bounded_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = []
    real = png_prefetch._to_stored_blocks
    monkeypatch.setattr(png_prefetch, "_to_stored_blocks", lambda data: longest.append(len(data)) or real(data))
    load_picture(open_picture(png(Image.new("L", (9000, 9000)))))
    assert max(longest) <= png_prefetch.MAX_INFLATED_BYTES + 9001
    assert sum(longest) == 9000 * 9001


def test_the_pictures_here_are_large_enough_for_a_second_thread() -> None:
    assert SIZE[0] * SIZE[1] > png_prefetch.MIN_THREADED_PIXELS
