"""CloudWatch metrics, written to the log in the embedded metric format."""

from __future__ import annotations

from datetime import UTC, datetime

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "SoraReady"
JOB_NEEDS_OPERATOR = "UnconfirmedJobsNeedOperator"


class Metrics:
    """The metrics of one stack; its name is their dimension `stack`."""

    def __init__(self, stack: str) -> None:
        self._stack = stack

    def count_job_needs_operator(self) -> None:
        """Count an unconfirmed job that waits for an operator's decision. An alarm watches this metric."""
        # Without an empty service, Powertools may add a dimension that the alarm doesn't have.
        metrics = EphemeralMetrics(namespace=NAMESPACE, service="")
        metrics.add_dimension("stack", self._stack)
        metrics.add_metric(JOB_NEEDS_OPERATOR, MetricUnit.Count, 1)
        # Lambda drops lines below the stack's LogLevel, and takes a line without level and timestamp for INFO.
        metrics.add_metadata("level", "ERROR")
        metrics.add_metadata("timestamp", datetime.now(UTC).isoformat())
        metrics.flush_metrics()
