"""CloudWatch metrics, written to the log in the embedded metric format."""

from __future__ import annotations

from aws_lambda_powertools.metrics import MetricUnit, single_metric

NAMESPACE = "SoraReady"


class Metrics:
    """The metrics of one stack; its name is their dimension `stack`."""

    def __init__(self, stack: str) -> None:
        self._stack = stack

    def count_job_needs_operator(self) -> None:
        """Count an unconfirmed job that waits for an operator's decision. An alarm watches this metric."""
        with single_metric(
            name="UnconfirmedJobsNeedOperator",
            unit=MetricUnit.Count,
            value=1,
            namespace=NAMESPACE,
            default_dimensions={"stack": self._stack},
        ):
            pass
