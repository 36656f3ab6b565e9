"""What a bootstrap tells of its work, as metrics and log lines."""

import structlog

from llmkeys.api.errors import LlmkeysError
from llmkeys.telemetry.metrics import Metrics

log = structlog.get_logger("llmkeys.bootstrap")


class BootstrapLog:
    """Counts, and logs what a person would want to read."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._failed = ""

    def settled(self, reference: str, outcome: str, detail: str) -> None:
        self._metrics.bootstrapped(outcome)
        log.info("bootstrap", object=reference, outcome=outcome, **({"detail": detail} if detail else {}))

    def told(self, reason: str, text: str, *, good: bool) -> None:
        self._failed = ""
        (log.info if good else log.warning)(reason, detail=text)

    def failed(self, error: LlmkeysError) -> None:
        """The same thing is said once, however often it is tried again."""
        if str(error) != self._failed:
            self._failed = str(error)
            log.warning("the bootstrap is tried again later", error=type(error).__name__, detail=str(error))

    def waits(self, *, waiting: bool) -> None:
        self._metrics.bootstrap_waits(waiting=waiting)

    def ignores(self, *, edited: bool) -> None:
        self._metrics.bootstrap_ignores(ignored=edited)
