"""Which model takes which sizes and seconds, and at what price.

`models.json` beside this file is what OpenAI last published for Sora 2: sizes, seconds, and US dollars per second of
video by size. A stack adds or replaces models with JSON of the same shape. A price of `null` is unknown; nothing is
submitted without a price.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from sora_ready.domain.errors import SettingsError
from sora_ready.domain.frame import Size


@dataclass(frozen=True)
class Model:
    """A video model: its lengths in seconds, and its price in US dollars per second for each size that it takes."""

    name: str
    seconds: tuple[int, ...]
    usd_per_second: Mapping[Size, Decimal | None]

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes that it takes, in the catalog's order."""
        return tuple(self.usd_per_second)


Catalog: TypeAlias = Mapping[str, Model]
"""A stack's models by name."""


def load_catalog(additions: str = "") -> Catalog:
    """Return the bundled catalog with the models of `additions`, which is JSON text of the same shape, or empty.

    Raises `SettingsError` if it is not such JSON, or a model has no sizes or seconds.
    """
    bundled = json.loads(Path(__file__).with_name("models.json").read_text(encoding="utf-8"))
    try:
        added = json.loads(additions) if additions.strip() else {}
        return {name: _parse_model(name, entry) for name, entry in (bundled | added).items()}
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        raise SettingsError(
            "invalid_catalog",
            "The additions to the model catalog (parameter VideoModels) cannot be read. Expected JSON such as "
            '{"my-model": {"seconds": [5], "usd_per_second": {"1280x720": "0.05"}}}.',
        ) from error


def _parse_model(name: str, entry: Mapping[str, Any]) -> Model:
    prices = {
        Size.parse(size): None if price is None else Decimal(str(price))
        for size, price in entry["usd_per_second"].items()
    }
    seconds = entry["seconds"]
    if not isinstance(seconds, list) or any(type(length) is not int or length < 1 for length in seconds):
        raise ValueError(f"the seconds of model {name} must be a list of whole numbers")
    if not prices or not seconds:
        raise ValueError(f"model {name} needs at least one size and one length")
    if any(price is not None and not (price.is_finite() and price >= 0) for price in prices.values()):
        raise ValueError(f"model {name} has a price that is not an amount")
    return Model(name, tuple(seconds), prices)
