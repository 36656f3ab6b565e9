"""What the unsealer counts, in a registry of its own. No label ever names a pod, a credential or anything in it."""

from collections.abc import Callable
from typing import Final

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from llmkeys import __version__

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0)


class Metrics:
    """Every family that the process has."""

    def __init__(self) -> None:
        # A second series for each, which says when it began, is of no use to anybody here.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry: Final = CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self._registry)
        prometheus_client.PlatformCollector(registry=self._registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"llmkeys_unsealer_{name}", text, labels, registry=self._registry)

        self._answers = counter("answers_total", "Answers, by endpoint and reason; Opened is a yes.", "path", "reason")
        self._seconds = Histogram(
            "llmkeys_unsealer_answer_duration_seconds",
            "From a request's header to its answer.",
            ("path",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._questions = counter(
            "questions_total", "Questions to the API server, by kind and whether memory answered.", "kind", "remembered"
        )
        self._kube_requests = counter("kube_requests_total", "Calls of the API server.", "verb", "resource", "code")
        self._dropped = counter("connections_dropped_total", "Connections cut off by a limit.", "why")
        self._connections = self._gauge("connections", "Open connections.")
        self._not_after = self._gauge("certificate_not_after_seconds", "When the serving certificate ends (epoch).")
        build = Gauge("llmkeys_unsealer_build_info", "The running version.", ("version",), registry=self._registry)
        build.labels(__version__).set(1)

    def answered(self, path: str, reason: str, seconds: float) -> None:
        """Count an answer.

        Args:
            path: of the endpoint, a fixed one.
            reason: the refusal's, or Opened.
            seconds: it took.

        """
        self._answers.labels(path, reason).inc()
        self._seconds.labels(path).observe(seconds)

    def looked_up(self, kind: str, remembered: bool) -> None:
        """Count a question: `token`, `access` or `credential`."""
        self._questions.labels(kind, str(remembered).lower()).inc()

    def kube_requested(self, verb: str, resource: str, code: int) -> None:
        """Count a call of the API server."""
        self._kube_requests.labels(verb, resource, str(code)).inc()

    def connection_dropped(self, why: str) -> None:
        """Count a connection that was cut off: `too-many` or `too-slow`."""
        self._dropped.labels(why).inc()

    def watch_connections(self, count: Callable[[], float]) -> None:
        """Report how many connections are open, whenever the metrics are read."""
        self._connections.set_function(count)

    def watch_certificate(self, not_after: Callable[[], float]) -> None:
        """Report the end of the serving certificate (epoch seconds), whenever the metrics are read."""
        self._not_after.set_function(not_after)

    def exposition(self) -> bytes:
        """Render everything in the text format of Prometheus."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"llmkeys_unsealer_{name}", text, registry=self._registry)
