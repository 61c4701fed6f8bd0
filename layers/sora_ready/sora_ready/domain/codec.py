"""Dataclasses to JSON-able records and back: the one place that knows how a record is written.

A field that holds its default is left out; a field that a record lacks gets its default. `Decimal` and enums (of text)
travel as text. A class with `to_record` and `from_record` decides itself how it is written.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]


def encode(value: object) -> JsonValue:
    """Return a dataclass, or what one may hold, as JSON-able values."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): encode(entry) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        return [encode(entry) for entry in value]
    return encode_object(value)


def encode_object(value: object) -> JsonObject:
    """Return a dataclass as a JSON object, written by its own `to_record` where it has one."""
    return cast("JsonObject", value.to_record()) if hasattr(value, "to_record") else encode_fields(value)


def encode_fields(value: object) -> JsonObject:
    """Return a dataclass's fields as a JSON object, without those that hold their default."""
    defaults = {name: default for name, (default, _) in _fields_of(cast("Hashable", type(value))).items()}
    parts = [(name, getattr(value, name), default) for name, default in defaults.items()]
    return {name: encode(part) for name, part, default in parts if part != default}


def decode(kind: type[T], record: Mapping[str, object]) -> T:
    """Read back what `encode_object` wrote. Raises `KeyError` or `TypeError` for a missing field without a default."""
    read = getattr(kind, "from_record", None)
    return cast("T", read(record)) if read else decode_fields(kind, record)


def decode_fields(kind: type[T], record: Mapping[str, object]) -> T:
    """Read back what `encode_fields` wrote. Names that the class doesn't have are ignored."""
    hints = {name: hint for name, (_, hint) in _fields_of(cast("Hashable", kind)).items() if name in record}
    return kind(**{name: _decode_value(hint, record[name]) for name, hint in hints.items()})


def _decode_value(hint: object, value: object) -> object:
    if get_origin(hint) in {Union, types.UnionType}:
        if value is None:
            return None
        hint = next(option for option in get_args(hint) if option is not type(None))
    if get_origin(hint) is tuple:
        return tuple(_decode_value(get_args(hint)[0], entry) for entry in cast("Sequence[object]", value))
    if isinstance(hint, type):
        if is_dataclass(hint):
            return decode(hint, cast("Mapping[str, object]", value))
        if issubclass(hint, Enum | Decimal):
            return hint(str(value))
    return value


@cache
def _fields_of(kind: Hashable) -> dict[str, tuple[object, object]]:
    """Return the default (`MISSING` without one) and the type of each field of a dataclass, by name."""
    assert isinstance(kind, type)
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    return {
        entry.name: (entry.default if entry.default_factory is MISSING else entry.default_factory(), hints[entry.name])
        for entry in fields(kind)
    }
