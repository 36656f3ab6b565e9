"""Monitors and alerts as the chart installs them, judged by the CRDs of prometheus-operator on a real API server."""

import subprocess
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from tests.support.cluster import ControlPlane
from tests.support.go_files import PROMETHEUS_OPERATOR, module_files
from tests.support.helm_program import CHART, NAMESPACE, RELEASE, Helm, helm_program

GROUP: Final = "monitoring.coreos.com"
KINDS: Final = ("servicemonitors", "podmonitors", "prometheusrules")
Object = dict[str, Any]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """An API server on which nothing is installed, prometheus-operator included."""
    with ControlPlane.start() as started:
        if not started.owned:
            pytest.skip("needs a control plane of its own: the chart's objects have fixed names")
        started.kubectl("create", "namespace", NAMESPACE)
        yield started


@pytest.fixture(scope="module")
def bare(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(helm_program(), tmp_path_factory.mktemp("helm")).at(plane.kubeconfig)


@pytest.fixture(scope="module")
def installed_before(bare: Helm, plane: ControlPlane) -> list[str]:
    """The monitors of a release that came before their kinds did; then come the kinds."""
    bare("install", RELEASE, CHART, f"--namespace={NAMESPACE}")
    found = [one for one in rendered(bare) if one["apiVersion"].startswith(GROUP)]
    crds = [module_files(PROMETHEUS_OPERATOR) / f"{GROUP}_{kind}.yaml" for kind in KINDS]
    arguments = [part for crd in crds for part in ("-f", crd)]
    plane.kubectl("apply", "--server-side", *arguments)
    plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *arguments)
    return [one["kind"] for one in found]


@pytest.fixture
def helm(bare: Helm, installed_before: list[str]) -> Helm:
    """A cluster that serves the kinds, with a release from before it did."""
    assert installed_before == []
    return bare


def rendered(helm: Helm) -> list[Object]:
    """What the release consists of."""
    text = helm("get", "manifest", RELEASE, f"--namespace={NAMESPACE}").stdout
    return [one for one in yaml.safe_load_all(text) if one]


def monitoring(helm: Helm) -> list[Object]:
    return [one for one in rendered(helm) if one["apiVersion"] == f"{GROUP}/v1"]


def upgraded(helm: Helm, *values: str) -> set[str]:
    """The kinds of prometheus-operator in the release, once it has these values."""
    helm("upgrade", RELEASE, CHART, f"--namespace={NAMESPACE}", "--reset-values", *(f"--set={one}" for one in values))
    return {one["kind"] for one in monitoring(helm)}


def there(plane: ControlPlane) -> set[str]:
    listed = plane.kubectl("get", ",".join(KINDS), f"--namespace={NAMESPACE}", "-o", "name").stdout.split()
    return {name.partition(".")[0] for name in listed}


def strictly(plane: ControlPlane, objects: list[Object]) -> subprocess.CompletedProcess[str]:
    """Have the server judge every field, and store nothing."""
    text = yaml.safe_dump_all(objects)
    arguments = ("--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts")
    return plane.kubectl("apply", *arguments, "-f", "-", input=text, check=False)


def test_they_come_by_themselves_once_the_cluster_serves_their_kinds(helm: Helm, plane: ControlPlane) -> None:
    assert upgraded(helm) == {"ServiceMonitor", "PrometheusRule"}
    assert there(plane) == {"servicemonitor", "prometheusrule"}


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ((), {"ServiceMonitor", "PrometheusRule"}),
        (("metrics.monitor=ServiceMonitor", "metrics.rules=Never"), {"ServiceMonitor"}),
        (("metrics.monitor=PodMonitor", "metrics.rules=Always"), {"PodMonitor", "PrometheusRule"}),
        (("metrics.interval=1m30s", "metrics.labels.release=main"), {"ServiceMonitor", "PrometheusRule"}),
        (("metrics.monitor=None", "metrics.rules=Never"), set()),
    ],
)
def test_the_server_knows_every_field(
    values: tuple[str, ...], kinds: set[str], helm: Helm, plane: ControlPlane
) -> None:
    assert upgraded(helm, *values) == kinds
    assert there(plane) == {kind.lower() for kind in kinds}
    if kinds:
        judged = strictly(plane, monitoring(helm))
        assert (judged.returncode, judged.stderr) == (0, "")


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor", "PrometheusRule"])
def test_a_field_that_nobody_knows_would_be_noticed(kind: str, helm: Helm, plane: ControlPlane) -> None:
    upgraded(helm, f"metrics.monitor={'PodMonitor' if kind == 'PodMonitor' else 'ServiceMonitor'}")
    (one,) = [one for one in monitoring(helm) if one["kind"] == kind]
    one["spec"]["intervall"] = "30s"

    assert ".spec.intervall: field not declared in schema" in strictly(plane, [one]).stderr


def test_the_values_of_an_interval_that_helm_lets_pass_are_those_that_the_server_takes(
    helm: Helm, plane: ControlPlane
) -> None:
    upgraded(helm)
    (monitor,) = [one for one in monitoring(helm) if one["kind"] == "ServiceMonitor"]
    monitor["spec"]["endpoints"][0]["interval"] = "soon"

    assert "should match" in strictly(plane, [monitor]).stderr
    assert "/metrics/interval" in helm.refusal("--set=metrics.interval=soon")


def selected(objects: list[Object], kind: str, labels: dict[str, str]) -> list[Object]:
    found = [one for one in objects if one["kind"] == kind]
    return [one for one in found if labels.items() <= one["metadata"]["labels"].items()]


def test_a_service_monitor_finds_one_metrics_port_of_each_component(helm: Helm) -> None:
    upgraded(helm)
    objects = rendered(helm)
    (monitor,) = [one for one in objects if one["kind"] == "ServiceMonitor"]
    (endpoint,) = monitor["spec"]["endpoints"]
    services = selected(objects, "Service", monitor["spec"]["selector"]["matchLabels"])

    scraped = [
        one["spec"]["selector"]["app.kubernetes.io/component"]
        for one in services
        for port in one["spec"]["ports"]
        if port["name"] == endpoint["port"]
    ]
    assert sorted(scraped) == ["controller", "unsealer"]


def test_a_pod_monitor_finds_the_metrics_port_of_each_pod(helm: Helm) -> None:
    upgraded(helm, "metrics.monitor=PodMonitor")
    objects = rendered(helm)
    (monitor,) = [one for one in objects if one["kind"] == "PodMonitor"]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    templates = [one["spec"]["template"] for one in objects if one["kind"] == "Deployment"]
    labels = monitor["spec"]["selector"]["matchLabels"]

    assert len(templates) == 2
    for template in templates:
        assert labels.items() <= template["metadata"]["labels"].items()
        (container,) = template["spec"]["containers"]
        assert endpoint["port"] in {port["name"] for port in container["ports"]}
