"""A model without a price cannot be kept within a budget, so its jobs are rejected and nothing is saved or sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sora_ready.domain.catalog import load_catalog
from sora_ready.domain.job import Status

from .run_steps import normalize, recorded
from .stack_fixtures import DEFAULTS, Stack, picture

MODELS = """{
    "unpriced": {"seconds": [4], "usd_per_second": {"64x48": null, "48x64": null}},
    "half": {"seconds": [4], "usd_per_second": {"64x48": "0.10", "48x64": null}},
    "free": {"seconds": [4], "usd_per_second": {"64x48": "0", "48x64": 0}}
}"""


@pytest.mark.parametrize("options", ["model=unpriced", "model=unpriced&size=64x48", "model=half&size=48x64"])
def test_a_model_without_a_price_is_rejected_and_the_error_says_where_to_set_one(stack: Stack, options: str) -> None:
    # given
    source = stack.upload("beach.jpg", picture(80, 60), Tagging=options)

    # when
    job = normalize(stack, source, catalog=load_catalog(MODELS))

    # then
    assert job == recorded(stack, job)
    assert (job.status, job.error.code, job.error.facts["source"]) == (Status.REJECTED, "invalid_model", "tag")
    assert "set one in the parameter VideoModels (0 if it is free)" in job.error.message
    allowed: Any = job.error.facts["allowed"]
    assert "unpriced" not in allowed
    assert {"half", "free", "sora-2"} <= set(allowed)
    # and there is no copy that would trigger submit
    assert stack.output_keys() == []


def test_a_default_without_a_price_names_its_source(stack: Stack) -> None:
    job = normalize(
        stack,
        stack.upload("beach.jpg", picture(80, 60)),
        catalog=load_catalog(MODELS),
        defaults=DEFAULTS | {"model": "unpriced"},
    )

    assert (job.status, job.error.facts["source"]) == (Status.REJECTED, "default")


@pytest.mark.parametrize(("options", "price"), [("model=free", "0"), ("model=half&size=64x48", "0.40")])
def test_a_model_that_is_free_or_has_a_price_for_the_size_is_accepted(stack: Stack, options: str, price: str) -> None:
    source = stack.upload("beach.jpg", picture(80, 60), Tagging=options)

    job = normalize(stack, source, catalog=load_catalog(MODELS))

    assert (job.status, job.request.price_usd) == (Status.READY, Decimal(price))
