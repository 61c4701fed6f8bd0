"""multipart/form-data, parsed part by part: a part over its limit is rejected before it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sora_ready.entrypoints.api.errors import ParameterRejected

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS = 30
MAX_FIELD_BYTES, MAX_PROMPT_BYTES = 64_000, 128_000
PICTURE = "input_reference"


@dataclass(slots=True)
class Part:
    """One part of a form. `file_name` and `content_type` are None if the part has none."""

    name: str
    file_name: str | None = None
    content_type: str | None = None
    data: bytearray = field(default_factory=bytearray)

    @property
    def is_file(self) -> bool:
        """Whether the part is the picture itself: it has a file name or a content type."""
        return self.name == PICTURE and (self.file_name is not None or self.content_type is not None)


def read_form(body: bytes, content_type: str) -> list[Part]:
    """Return the parts of a form in their order. Raises `ParameterRejected`."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise _unreadable("it names no boundary")
    collector = _PartCollector()
    try:
        parser = MultipartParser(boundary, collector.callbacks(), max_header_count=8, max_header_size=4096)
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise _unreadable("it is malformed") from error
    if not collector.ended:
        raise _unreadable("its end is missing")
    return collector.parts


class _PartCollector:
    """Collects what the parser reports."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._name, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header_name,
            "on_header_value": self._add_header_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open_part,
            "on_part_data": self._add_data,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._headers = {}
        if len(self.parts) == MAX_PARTS:
            raise ParameterRejected("too_many_parts", f"A form may have up to {MAX_PARTS} parts.")

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _open_part(self) -> None:
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

    def _add_data(self, data: bytes, start: int, end: int) -> None:
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


def _unreadable(reason: str) -> ParameterRejected:
    return ParameterRejected("invalid_multipart", f"The multipart body cannot be read: {reason}.")
