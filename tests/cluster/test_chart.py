"""The chart as it renders, without a cluster."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from llmkeys import __version__
from llmkeys.api.names import BOOTSTRAP_SECRET, CONTROLLER_ACCOUNT, UNSEALER_ACCOUNT, UNSEALER_SERVICE
from llmkeys.telemetry.metrics import new_metrics
from llmkeys.unsealer.metrics import Metrics as UnsealerMetrics
from tests.support.helm_program import (
    CHART,
    KUBERNETES,
    NAMESPACE,
    RELEASE,
    Helm,
    Object,
    helm_program,
)
from tests.support.rendered import documents, holds, of_kind, pod_specs

WATCHED: Final = "--set=watchNamespaces={team-a,team-b}"
BOOTSTRAP: Final = "--set=bootstrap.enabled=true"
SERVED: Final = "monitoring.coreos.com/v1"
MONITORED: Final = (f"--api-versions={SERVED}/ServiceMonitor", f"--api-versions={SERVED}/PrometheusRule")
EVERYTHING: Final = (
    WATCHED,
    BOOTSTRAP,
    "--set=bootstrap.template=a: b",
    "--set=bootstrap.variables.KEY=value",
    "--set=keyring.kekSecret=kek",
    "--set=metrics.dashboard.enabled=true",
    "--set=commonLabels.team=platform",
    "--set=imagePullSecrets[0].name=registry",
    *(
        f"--set={part}.{value}"
        for part in ("controller", "unsealer")
        for value in (
            "priorityClassName=high",
            "nodeSelector.pool=system",
            "podLabels.a=b",
            "podAnnotations.c=d",
            "tolerations[0].operator=Exists",
            "affinity.podAntiAffinity.x=y",
            "env[0].name=A",
            "env[0].value=b",
        )
    ),
    *MONITORED,
)


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(helm_program(), tmp_path_factory.mktemp("helm"))


# --- What renders


def test_another_namespace_is_meant_everywhere(helm: Helm) -> None:
    text = helm.text(BOOTSTRAP, WATCHED, namespace="keys")

    assert NAMESPACE not in text
    for one in yaml.safe_load_all(text):
        for subject in one.get("subjects", []) if one else []:
            assert subject.get("namespace", "keys") == "keys"


def test_lint_has_nothing_to_say(helm: Helm) -> None:
    printed = helm("lint", "--strict", CHART).stdout
    assert "[WARNING]" not in printed
    assert "[ERROR]" not in printed


@pytest.mark.parametrize("arguments", [(), EVERYTHING], ids=["defaults", "everything"])
def test_the_same_values_render_the_same_text(arguments: tuple[str, ...], helm: Helm) -> None:
    again = helm("template", RELEASE, CHART, f"--namespace={NAMESPACE}", KUBERNETES, *arguments).stdout
    assert helm.text(*arguments) == again


def test_no_template_asks_the_cluster_or_chance() -> None:
    changing = re.compile(r"\b(lookup|rand\w+|uuidv4|now|date|gen[A-Z]\w+|getHostByName)\b")
    for file in CHART.joinpath("templates").rglob("*.*"):
        actions = re.findall(r"{{.*?}}", file.read_text(encoding="utf-8"), re.DOTALL)
        assert not [action for action in actions if changing.search(action) and not action.startswith("{{- /*")], file


@pytest.mark.parametrize("arguments", [(), EVERYTHING], ids=["defaults", "everything"])
def test_every_pod_is_restricted(arguments: tuple[str, ...], helm: Helm) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
    specs = dict(pod_specs(helm.render(*arguments)))

    assert specs.keys() == {"llmkeys-controller", "llmkeys-unsealer", "llmkeys-test-health"}
    for spec in specs.values():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        (container,) = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}
        for volume in spec.get("volumes", []):
            assert volume.keys() - {"name"} <= {"projected", "secret", "csi"}


def test_the_accounts_and_services_have_the_names_that_the_product_knows(helm: Helm) -> None:
    objects = helm.render()

    assert of_kind("ServiceAccount", objects).keys() == {CONTROLLER_ACCOUNT, UNSEALER_ACCOUNT}
    assert {UNSEALER_SERVICE, f"{UNSEALER_SERVICE}-replicas"} <= of_kind("Service", objects).keys()


def test_the_image_is_that_of_this_version(helm: Helm) -> None:
    images = {spec["containers"][0]["image"] for _, spec in pod_specs(helm.render())}
    digest = "sha256:" + "0" * 64
    pinned = {spec["containers"][0]["image"] for _, spec in pod_specs(helm.render(f"--set=image.digest={digest}"))}

    assert images == {f"llmkeys:{__version__}"}
    assert pinned == {f"llmkeys@{digest}"}


def test_every_option_on_a_command_line_exists(helm: Helm) -> None:
    from llmkeys.cli.main import main  # noqa: PLC0415  it imports every command

    for _, spec in pod_specs(helm.render(*EVERYTHING)):
        command, *arguments = spec["containers"][0]["args"]
        if command in ("controller", "unsealer"):
            known = {option for parameter in main.get_command(None, command).params for option in parameter.opts}
            assert {argument.partition("=")[0] for argument in arguments} <= known


def test_a_service_finds_the_port_of_its_pods(helm: Helm) -> None:
    objects = helm.render()
    for service in of_kind("Service", objects).values():
        (workload,) = [
            one
            for one in of_kind("Deployment", objects).values()
            if holds(one["spec"]["template"]["metadata"]["labels"], service["spec"]["selector"])
        ]
        ports = {port["name"] for port in workload["spec"]["template"]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_the_crds_stay_and_say_where_they_were_installed_from(helm: Helm) -> None:
    crds = of_kind("CustomResourceDefinition", helm.render())

    assert len(crds) == 2
    for crd in crds.values():
        annotations = crd["metadata"]["annotations"]
        assert annotations == {"helm.sh/resource-policy": "keep", "llmkeys.dev/installed-in": NAMESPACE}
    assert not of_kind("CustomResourceDefinition", helm.render("--set=crds.install=false"))
    for crd in of_kind("CustomResourceDefinition", helm.render("--set=crds.keep=false")).values():
        assert "helm.sh/resource-policy" not in crd["metadata"]["annotations"]


# --- Rights


def grants(one: Object, resource: str) -> list[Object]:
    return [rule for rule in one["rules"] if resource in rule["resources"]]


def test_with_a_list_of_namespaces_no_secret_is_reached_cluster_wide(helm: Helm) -> None:
    objects = helm.render(WATCHED)
    bound = {one["roleRef"]["name"] for one in of_kind("ClusterRoleBinding", objects).values()}
    roles = of_kind("ClusterRole", objects)
    tenants = {
        one["metadata"]["namespace"]
        for one in objects
        if one["kind"] == "RoleBinding" and one["roleRef"]["name"] == "llmkeys-tenant"
    }

    assert not [name for name in bound if grants(roles[name], "secrets")]
    assert tenants == {"team-a", "team-b"}
    (controller,) = of_kind("Deployment", objects)["llmkeys-controller"]["spec"]["template"]["spec"]["containers"]
    assert "--watch-namespaces=team-a,team-b" in controller["args"]


@pytest.mark.parametrize("arguments", [(), EVERYTHING], ids=["defaults", "everything"])
def test_no_role_deletes_secrets_or_has_a_wildcard(arguments: tuple[str, ...], helm: Helm) -> None:
    for one in helm.render(*arguments):
        if one["kind"] in ("Role", "ClusterRole"):
            assert "*" not in json.dumps(one["rules"])
            assert not [rule for rule in grants(one, "secrets") if {"delete", "deletecollection"} & set(rule["verbs"])]


def test_the_cluster_role_view_reads_no_secret(helm: Helm) -> None:
    roles = of_kind("ClusterRole", helm.render())
    to_view = [
        one for one in roles.values() if one["metadata"]["labels"].get("rbac.authorization.k8s.io/aggregate-to-view")
    ]

    assert to_view
    assert not [one for one in to_view if grants(one, "secrets")]


def test_the_rights_of_the_bootstrap_come_with_it_alone(helm: Helm) -> None:
    def bootstrapping(objects: list[Object]) -> set[str]:
        return {one["kind"] for one in objects if "llmkeys-bootstrap" in one["metadata"]["name"]}

    assert bootstrapping(helm.render()) == set()
    assert "--no-bootstrap" in helm.text()
    assert bootstrapping(helm.render(BOOTSTRAP)) >= {"ClusterRole", "Role", "ValidatingAdmissionPolicy"}
    assert "--no-bootstrap" not in helm.text(BOOTSTRAP)


def test_a_template_in_the_values_becomes_the_input_of_the_bootstrap(helm: Helm) -> None:
    given = (BOOTSTRAP, "--set-string=bootstrap.template=x: ${A}", "--set-string=bootstrap.variables.A=1")

    assert not of_kind("Secret", helm.render(BOOTSTRAP))
    assert not of_kind("Secret", helm.render(*given[1:]))
    secret = of_kind("Secret", helm.render(*given))[BOOTSTRAP_SECRET]
    assert secret["stringData"] == {"bootstrap.yaml": "x: ${A}", "A": "1"}
    sealed = of_kind("Secret", helm.render(BOOTSTRAP, "--set-string=bootstrap.sealed=a list"))[BOOTSTRAP_SECRET]
    assert sealed["stringData"] == {"sealed": "a list"}


# --- Policies and monitors, by what the cluster serves


@pytest.mark.parametrize(
    ("arguments", "rendered"),
    [
        ((), True),
        (("--api-versions=v1/Pod", "--api-versions=admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy"), True),
        (("--api-versions=v1/Pod",), False),
        (("--set=policies.enabled=false", "--set=inject.enabled=false"), False),
    ],
)
def test_policies_are_left_out_where_the_cluster_does_not_serve_them(
    arguments: tuple[str, ...], rendered: bool, helm: Helm
) -> None:
    objects = helm.render(BOOTSTRAP, *arguments)
    assert bool(of_kind("ValidatingAdmissionPolicy", objects)) is rendered
    assert bool(of_kind("ValidatingAdmissionPolicyBinding", objects)) is rendered


def test_a_cluster_that_is_too_old_is_refused(helm: Helm) -> None:
    assert "1.31" in helm.refusal("--kube-version=1.31.0")
    assert helm.render("--kube-version=1.32.0")


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        ((), set()),
        (MONITORED, {"ServiceMonitor", "PrometheusRule"}),
        (("--set=metrics.monitor=PodMonitor", "--set=metrics.rules=Always"), {"PodMonitor", "PrometheusRule"}),
        ((*MONITORED, "--set=metrics.monitor=None", "--set=metrics.rules=Never"), set()),
    ],
)
def test_monitors_and_rules_come_where_they_are_served_or_asked_for(
    arguments: tuple[str, ...], kinds: set[str], helm: Helm
) -> None:
    objects = helm.render(*arguments)
    assert {one["kind"] for one in objects if one["apiVersion"] == SERVED} == kinds


def known_metrics() -> set[str]:
    exposed = new_metrics().exposition() + UnsealerMetrics().exposition()
    return set(re.findall(r"^# TYPE (\w+) ", exposed.decode(), re.MULTILINE))


def used_metrics(text: str) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bllmkeys_\w+", text)}


def test_rules_and_dashboard_ask_for_metrics_that_there_are() -> None:
    rules = documents(CHART / "files" / "rules.yaml")[0]
    expressions = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]

    assert len(expressions) > 12
    for expression in expressions:
        assert used_metrics(expression)
        assert used_metrics(expression) <= known_metrics()


def test_the_rules_arrive_as_they_are_tested(helm: Helm) -> None:
    """The text holds braces of Prometheus' own, which Helm must not take for its own."""
    (rule,) = of_kind("PrometheusRule", helm.render("--set=metrics.rules=Always")).values()
    assert rule["spec"] == documents(CHART / "files" / "rules.yaml")[0]


def test_the_dashboard_arrives_as_it_is(helm: Helm) -> None:
    rendered = of_kind("ConfigMap", helm.render("--set=metrics.dashboard.enabled=true"))["llmkeys-dashboard"]
    assert json.loads(rendered["data"]["llmkeys.json"]) == json.loads((CHART / "files" / "dashboard.json").read_text())


# --- Availability and the network


def test_a_budget_stands_where_there_is_more_than_one_replica(helm: Helm) -> None:
    both = of_kind("PodDisruptionBudget", helm.render())
    one = of_kind("PodDisruptionBudget", helm.render("--set=controller.replicas=1"))

    assert both.keys() == {"llmkeys-controller", "llmkeys-unsealer"}
    assert one.keys() == {"llmkeys-unsealer"}


def test_the_network_is_closed_but_for_what_is_needed(helm: Helm) -> None:
    policies = of_kind("NetworkPolicy", helm.render())

    assert policies.keys() == {"llmkeys-controller", "llmkeys-unsealer"}
    for policy in policies.values():
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert all(rule["from"] and rule["ports"] for rule in policy["spec"]["ingress"])
    assert all("8443" in str(one["spec"]) for one in policies.values())
    open_ports = [port["port"] for rule in policies["llmkeys-unsealer"]["spec"]["egress"] for port in rule["ports"]]
    assert open_ports == [53, 53, 443, 6443]
    assert "169.254.169.254/32" in json.dumps(policies["llmkeys-controller"]["spec"]["egress"])
    assert not of_kind("NetworkPolicy", helm.render("--set=networkPolicy.enabled=false"))


@pytest.mark.parametrize("given", ["kekSecret=kek", "kekVolume.csi.driver=secrets-store.csi.k8s.io"])
def test_both_components_get_the_key_encryption_key(given: str, helm: Helm) -> None:
    deployments = of_kind("Deployment", helm.render(f"--set=keyring.{given}"))

    for deployment in deployments.values():
        spec = deployment["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert "--keyring-kek=/etc/llmkeys/kek/kek" in container["args"]
        assert "kek" in {volume["name"] for volume in spec["volumes"]}
        assert "kek" in {mount["name"] for mount in container["volumeMounts"]}
    assert "kek" not in helm.text()


# --- Values that are refused


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("controller.replicas=two", "/controller/replicas"),
        ("controller.replicas=-1", "/controller/replicas"),
        ("controler.replicas=2", "controler"),
        ("controller.replica=2", "replica"),
        ("watchNamespaces=team-a", "/watchNamespaces"),
        ("watchNamespaces={Team_A}", "/watchNamespaces/0"),
        ("crds.keep=perhaps", "/crds/keep"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("image.digest=abc", "/image/digest"),
        ("metrics.monitor=true", "/metrics/monitor"),
        ("networkPolicy.metricsFrom[0].namespace=a", "/networkPolicy/metricsFrom/0"),
        ("bootstrap.variables.A=1", "/bootstrap/variables/A"),
        ("controller.keyRenewal=soon", "/controller/keyRenewal"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(given: str, named: str, helm: Helm) -> None:
    said = helm.refusal(f"--set={given}")
    assert "values don't meet the specifications of the schema" in said
    assert named in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("keyring.kekSecret=a", "keyring.kekVolume.csi.driver=b"), "are both given"),
        (("bootstrap.template=a", "bootstrap.sealed=b"), "are both given"),
        (("bootstrap.variables.A=b",), "there is none"),
    ],
)
def test_values_that_contradict_each_other_are_refused(given: tuple[str, ...], said: str, helm: Helm) -> None:
    assert said in helm.refusal(*(f"--set={one}" for one in given))


def leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}/{name}")
    else:
        yield path


def described(schema: Object, path: str = "") -> Iterator[str]:
    if schema.get("additionalProperties") is False and schema.get("properties"):
        for name, inner in schema["properties"].items():
            yield from described(inner, f"{path}/{name}")
    else:
        yield path


def test_every_value_is_in_the_schema_and_every_field_of_the_schema_has_a_value() -> None:
    values = documents(CHART / "values.yaml")[0]
    for part in ("controller", "unsealer", "inject"):
        values[part]["resources"] = {"requests": {}, "limits": {}}
    values["metrics"]["dashboard"]["labels"] = {}
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    assert set(leaves(values)) == set(described(schema)) - {"/global"}


def test_the_chart_carries_the_products_version() -> None:
    chart = documents(CHART / "Chart.yaml")[0]
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
