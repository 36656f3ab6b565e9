"""What the process counts, in a registry of its own. No label ever holds a key, a fingerprint or a provider's text."""

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from llmkeys import __version__
from llmkeys.telemetry.condition_series import ConditionSeries

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_PROBE_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_QUEUE_BUCKETS: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)

Child = TypeVar("Child", Counter, Gauge, Histogram)


class _Family(Generic[Child]):
    """A metric whose labelled children are looked up in a plain dictionary: `labels()` locks and checks names."""

    __slots__ = ("_children", "metric")

    def __init__(self, metric: Child) -> None:
        self.metric: Final[Child] = metric
        self._children: dict[tuple[str, ...], Child] = {}

    def of(self, *labels: str) -> Child:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self.metric.labels(*labels)
        return child

    def forget(self, first: str) -> None:
        for labels in [labels for labels in self._children if labels[0] == first]:
            del self._children[labels]
            self.metric.remove(*labels)


class Metrics:
    """Every family the process has. Methods say what happened; the names of the families are in one place, here.

    Args:
        registry: where the families are registered.
        per_object: keep a series per condition of each object; off for clusters whose monitoring cannot carry them.

    """

    def __init__(self, registry: CollectorRegistry, *, per_object: bool = True) -> None:
        self.registry: Final = registry

        def counter(name: str, text: str, *labels: str) -> _Family[Counter]:
            return _Family(Counter(f"llmkeys_{name}", text, labels, registry=registry))

        def gauge(name: str, text: str, *labels: str) -> _Family[Gauge]:
            return _Family(Gauge(f"llmkeys_{name}", text, labels, registry=registry))

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> _Family[Histogram]:
            return _Family(Histogram(f"llmkeys_{name}", text, labels, buckets=buckets, registry=registry))

        self._validations = counter("validations_total", "Verdicts on keys.", "provider", "result")
        self._validation_seconds = histogram(
            "validation_duration_seconds", "From the probe's start to its verdict.", _PROBE_BUCKETS, "provider"
        )
        self._provider_requests = counter(
            "provider_requests_total", "Requests to providers, by HTTP status or failure.", "provider", "code"
        )
        self._controls = counter(
            "control_requests_total", "Made-up keys sent to learn whether keys are checked.", "provider", "result"
        )
        self._throttle_seconds = counter(
            "provider_throttle_seconds_total", "Time that probes waited for a provider's budget.", "provider"
        )
        self._secret_writes = counter("secret_writes_total", "Secrets written, by why.", "reason")
        self._drift = Counter("llmkeys_drift_total", "Generated Secrets found changed.", registry=registry)
        self._reconcile_seconds = Histogram(
            "llmkeys_reconcile_duration_seconds", "One reconcile.", buckets=_PROBE_BUCKETS, registry=registry
        )
        self._reconcile_errors = counter("reconcile_errors_total", "Reconciles that failed.", "kind")
        self._queue_depth = gauge("queue_depth", "Objects waiting for a worker.", "lane")
        self._queue_seconds = histogram("queue_latency_seconds", "Time in the queue.", _QUEUE_BUCKETS, "lane")
        self._kube_requests = counter("kube_requests_total", "Calls of the API server.", "verb", "resource", "code")
        self._leader = Gauge("llmkeys_leader", "1 while this controller leads and may write.", registry=registry)
        self._key_problems = Gauge(
            "llmkeys_own_keys_problems", "Stored keys of the operator that are not in order.", registry=registry
        )
        self._bootstrap_objects = counter("bootstrap_objects_total", "Objects of bootstraps, by outcome.", "outcome")
        self._bootstrap_waiting = Gauge(
            "llmkeys_bootstrap_waiting", "1 while a bootstrap waits for somebody.", registry=registry
        )
        self._bootstrap_ignored = Gauge(
            "llmkeys_bootstrap_ignored", "1 while an edit of a consumed template is ignored.", registry=registry
        )
        self._watch_age = gauge("watch_age_seconds", "Time since a watch was last heard of.", "resource")
        self._suspect = gauge("provider_suspect", "1 while a host's refusals are not believed.", "host")
        self._conditions: Final = ConditionSeries() if per_object else None
        if self._conditions is not None:
            registry.register(self._conditions)
        build = Gauge("llmkeys_build_info", "The running version.", ("version",), registry=registry)
        build.labels(__version__).set(1)

    def validated(self, provider: str, result: str, seconds: float) -> None:
        """Count a verdict.

        Args:
            provider: name of the LLMProvider.
            result: the verdict's reason.
            seconds: from the probe's start.

        """
        self._validations.of(provider, result).inc()
        self._validation_seconds.of(provider).observe(seconds)

    def provider_requested(self, provider: str, code: str) -> None:
        """Count a request to a provider: its HTTP status, or the failure's word."""
        self._provider_requests.of(provider, code).inc()

    def controlled(self, provider: str, result: str) -> None:
        """Count a made-up key that was sent as a negative control, by the verdict on it."""
        self._controls.of(provider, result).inc()

    def provider_throttled(self, provider: str, seconds: float) -> None:
        """Add the seconds that a probe waited for its provider's budget."""
        self._throttle_seconds.of(provider).inc(seconds)

    def secret_written(self, reason: str) -> None:
        """Count a written Secret: `create`, `update`, `drift`, `withdraw`, `adopt`."""
        self._secret_writes.of(reason).inc()

    def drifted(self) -> None:
        """Count a generated Secret that was found changed."""
        self._drift.inc()

    def reconciled(self, seconds: float) -> None:
        """Record how long a reconcile took."""
        self._reconcile_seconds.observe(seconds)

    def reconcile_failed(self, kind: str) -> None:
        """Count a reconcile that ended in an error of this kind: the error's class, never its text."""
        self._reconcile_errors.of(kind).inc()

    def queue_depth(self, lane: str, depth: int) -> None:
        """Set how many objects wait in a lane."""
        self._queue_depth.of(lane).set(depth)

    def dequeued(self, lane: str, seconds: float) -> None:
        """Record how long an object waited in its lane."""
        self._queue_seconds.of(lane).observe(seconds)

    def kube_requested(self, verb: str, resource: str, code: int) -> None:
        """Count a call of the API server."""
        self._kube_requests.of(verb, resource, str(code)).inc()

    def bootstrapped(self, outcome: str) -> None:
        """Count an object of a bootstrap: `created`, `exists`, `differs`, `refused`."""
        self._bootstrap_objects.of(outcome).inc()

    def bootstrap_waits(self, *, waiting: bool) -> None:
        """Set whether a bootstrap waits for somebody to do something."""
        self._bootstrap_waiting.set(float(waiting))

    def bootstrap_ignores(self, *, ignored: bool) -> None:
        """Set whether the template was edited after it had been consumed."""
        self._bootstrap_ignored.set(float(ignored))

    def watch(self, resource: str, age: Callable[[], float]) -> None:
        """Report the age of a resource's oldest watch, in seconds, whenever the metrics are read."""
        self._watch_age.of(resource).set_function(age)

    def leader(self, leads: Callable[[], bool]) -> None:
        """Report whether this process leads, whenever the metrics are read."""
        self._leader.set_function(lambda: float(leads()))

    def keys(self, problems: Callable[[], int]) -> None:
        """Report how many of the operator's own stored keys are not in order, whenever the metrics are read."""
        self._key_problems.set_function(problems)

    def provider_suspect(self, host: str, suspect: bool) -> None:
        """Set whether a host's refusals are believed."""
        self._suspect.of(host).set(float(suspect))

    def set_conditions(self, kind: str, namespace: str, name: str, conditions: Iterable[tuple[str, str]]) -> None:
        """Replace an object's conditions.

        Args:
            kind: LLMProvider or LLMCredential.
            namespace: empty for cluster-scoped kinds.
            name: of the object.
            conditions: type and status of each.

        """
        if self._conditions is not None:
            self._conditions.set(kind, namespace, name, conditions)

    def remove_conditions(self, kind: str, namespace: str, name: str) -> None:
        """Forget a deleted object."""
        if self._conditions is not None:
            self._conditions.remove(kind, namespace, name)

    def forget_provider(self, provider: str) -> None:
        """Drop the series of a deleted LLMProvider."""
        self._validations.forget(provider)
        self._validation_seconds.forget(provider)
        self._provider_requests.forget(provider)
        self._controls.forget(provider)
        self._throttle_seconds.forget(provider)

    def exposition(self) -> bytes:
        """Render everything in the text format of Prometheus; safe in a thread, and slow enough to be put into one."""
        return generate_latest(self.registry)


def new_metrics(*, per_object: bool = True) -> Metrics:
    """Make the metrics of a process, with those of Python's runtime beside them.

    Args:
        per_object: keep a series per condition of each object.

    """
    # A second series for each, which says when it began, is of no use to anybody here.
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    prometheus_client.PlatformCollector(registry=registry)
    prometheus_client.GCCollector(registry=registry)
    return Metrics(registry, per_object=per_object)
