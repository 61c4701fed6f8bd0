"""multipart/form-data, read part by part within bounds: what is too much is refused before it is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sora_ready.domain.errors import ParameterRejected

MAX_PARTS = 30
MAX_FIELD_BYTES, MAX_PROMPT_BYTES = 64_000, 128_000
PICTURE = "input_reference"


@dataclass(slots=True)
class Part:
    """One part of a form. `file_name` and `content_type` are None where the part has none."""

    name: str
    file_name: str | None = None
    content_type: str | None = None
    data: bytearray = field(default_factory=bytearray)

    @property
    def is_file(self) -> bool:
        """Whether the part is the picture itself: it has a name, or says what it is."""
        return self.name == PICTURE and (self.file_name is not None or self.content_type is not None)


def read_form(body: bytes, content_type: str) -> list[Part]:
    """Return the parts of a form in their order. Raises `ParameterRejected`."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise _unreadable("it names no boundary")
    reader = _Reader()
    try:
        parser = MultipartParser(boundary, reader.callbacks(), max_header_count=8, max_header_size=4096)  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise _unreadable("it is broken") from error
    if not reader.ended:
        raise _unreadable("its end is missing")
    return reader.parts


class _Reader:
    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._name, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._take_name,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._take,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._headers = {}
        if len(self.parts) == MAX_PARTS:
            raise ParameterRejected("too_many_parts", f"A form may have up to {MAX_PARTS} parts.")

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _open(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        if kind != b"form-data" or not options.get(b"name"):
            raise _unreadable("a part has no name")
        file_name, content_type = options.get(b"filename"), self._headers.get(b"content-type")
        self.parts.append(
            Part(
                _text(options[b"name"]),
                None if file_name is None else _text(file_name),
                None if content_type is None else _text(content_type),
            )
        )

    def _take(self, data: bytes, start: int, end: int) -> None:
        part = self.parts[-1]
        part.data += memoryview(data)[start:end]
        limit = MAX_PROMPT_BYTES if part.name == "prompt" else MAX_FIELD_BYTES
        if not part.is_file and len(part.data) > limit:
            raise ParameterRejected(
                "field_too_long", f"A field of a form may have up to {limit:,} bytes.", param=part.name[:80]
            )

    def _end(self) -> None:
        self.ended = True


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _unreadable(why: str) -> ParameterRejected:
    return ParameterRejected("invalid_multipart", f"The multipart body cannot be read: {why}.")
