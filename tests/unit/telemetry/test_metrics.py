import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from llmkeys import __version__
from llmkeys.telemetry.metrics import Metrics, new_metrics


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = metrics.exposition().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, family: str, /, **labels: str) -> float | None:
    return samples(metrics).get((f"llmkeys_{family}", frozenset(labels.items())))


@pytest.fixture
def metrics() -> Metrics:
    return new_metrics()


def test_what_happened_is_counted(metrics: Metrics) -> None:
    metrics.validated("openai", "Verified", 0.05)
    metrics.validated("openai", "Verified", 0.05)
    metrics.provider_requested("openai", "200")
    metrics.controlled("openai", "Rejected")
    metrics.provider_throttled("openai", 1.5)
    metrics.secret_written("create")
    metrics.drifted()
    metrics.reconciled(0.06)
    metrics.reconcile_failed("ApiError")
    metrics.queue_depth("user", 3)
    metrics.dequeued("user", 0.002)
    metrics.kube_requested("patch", "llmcredentials/status", 200)
    metrics.provider_suspect("https://api.openai.com:443", suspect=True)
    metrics.watch("llmcredentials", lambda: 7.0)
    assert value(metrics, "validations_total", provider="openai", result="Verified") == 2
    assert value(metrics, "validation_duration_seconds_count", provider="openai") == 2
    assert value(metrics, "provider_requests_total", provider="openai", code="200") == 1
    assert value(metrics, "control_requests_total", provider="openai", result="Rejected") == 1
    assert value(metrics, "provider_throttle_seconds_total", provider="openai") == 1.5
    assert value(metrics, "secret_writes_total", reason="create") == 1
    assert value(metrics, "drift_total") == 1
    assert value(metrics, "reconcile_duration_seconds_count") == 1
    assert value(metrics, "reconcile_errors_total", kind="ApiError") == 1
    assert value(metrics, "queue_depth", lane="user") == 3
    assert value(metrics, "queue_latency_seconds_count", lane="user") == 1
    assert value(metrics, "kube_requests_total", verb="patch", resource="llmcredentials/status", code="200") == 1
    assert value(metrics, "provider_suspect", host="https://api.openai.com:443") == 1
    assert value(metrics, "watch_age_seconds", resource="llmcredentials") == 7
    assert value(metrics, "build_info", version=__version__) == 1


def test_an_object_has_one_series_per_condition_and_the_old_status_goes(metrics: Metrics) -> None:
    where = {"kind": "LLMCredential", "namespace": "team-a", "name": "openai"}
    metrics.set_conditions("LLMCredential", "team-a", "openai", [("Ready", "Unknown"), ("Active", "Unknown")])
    metrics.set_conditions("LLMCredential", "team-a", "openai", [("Ready", "True"), ("Active", "True")])
    assert value(metrics, "condition", **where, type="Ready", status="True") == 1
    assert value(metrics, "condition", **where, type="Ready", status="Unknown") is None
    assert sum(name == "llmkeys_condition" for name, _ in samples(metrics)) == 2


def test_a_deleted_object_has_no_series(metrics: Metrics) -> None:
    metrics.set_conditions("LLMProvider", "", "openai", [("Ready", "True")])
    metrics.remove_conditions("LLMProvider", "", "openai")
    metrics.remove_conditions("LLMProvider", "", "never-was")
    assert not any(name == "llmkeys_condition" for name, _ in samples(metrics))


def test_a_deleted_provider_has_no_series_and_can_come_back(metrics: Metrics) -> None:
    for provider in ("openai", "zhipu"):
        metrics.validated(provider, "Verified", 0.05)
        metrics.controlled(provider, "Rejected")
    metrics.forget_provider("openai")
    assert value(metrics, "control_requests_total", provider="openai", result="Rejected") is None
    assert value(metrics, "validations_total", provider="openai", result="Verified") is None
    assert value(metrics, "validations_total", provider="zhipu", result="Verified") == 1
    metrics.validated("openai", "Verified", 0.05)
    assert value(metrics, "validations_total", provider="openai", result="Verified") == 1


def test_series_per_object_can_be_switched_off() -> None:
    metrics = new_metrics(per_object=False)
    metrics.set_conditions("LLMProvider", "", "openai", [("Ready", "True")])
    metrics.remove_conditions("LLMProvider", "", "openai")
    assert not any(name == "llmkeys_condition" for name, _ in samples(metrics))


def test_two_sets_of_metrics_and_the_global_registry_know_nothing_of_each_other(metrics: Metrics) -> None:
    other = new_metrics()
    other.drifted()
    assert value(metrics, "drift_total") == 0
    assert REGISTRY.get_sample_value("llmkeys_drift_total") is None


def test_there_is_no_second_series_for_when_each_began(metrics: Metrics) -> None:
    metrics.drifted()
    assert not any(name.endswith("_created") for name, _ in samples(metrics))
