"""The chart and the plain manifests, which install the same: roles, policies, kinds, and both workloads."""

import re
from typing import Any, Final

import pytest

from charts.generate import GENERATED, TEMPLATES
from llmkeys import __version__
from tests.support.cluster_install import ROOT
from tests.support.helm_program import NAMESPACE, Helm, Object, by_identity, helm_program, identity
from tests.support.rendered import documents, holds, kustomized, of_kind, pod_specs

CONFIG: Final = ROOT / "config"
OWN_LABELS: Final = re.compile(r"^(app\.kubernetes\.io/(name|instance|version|managed-by)|helm\.sh/chart)$")
WORKLOAD: Final = ("deployment.yaml", "disruption-budget.yaml", "network-policy.yaml")
NO_TEMPLATES: Final = {"namespace.yaml", "kustomization.yaml", *WORKLOAD}
ADDED_TO_WORKLOADS: Final = CONFIG / "components" / "inject"  # those of other people
COMPONENTS: Final = ("controller", "unsealer")
# A pod that only the chart has; the plain manifests let it in as they let in all.
TEST_OF_THE_CHART: Final = {
    "podSelector": {
        "matchLabels": {"app.kubernetes.io/name": "llmkeys", "app.kubernetes.io/component": "test"},
    }
}

BOOTSTRAP: Final = "--set=bootstrap.enabled=true"
# A component beside the rest, since not every cluster serves its kind.
WITHOUT_INJECTION: Final = "--set=inject.enabled=false"
OPT_IN: Final = ("rollouts", "nudge")
REACHING: Final = ("roles", "all-namespaces", "policy")
WATCHED: Final = "--set=watchNamespaces={team-a,team-b}"


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(helm_program(), tmp_path_factory.mktemp("helm"))


def plain(one: Object) -> Object:
    """An object without what the chart adds to all of them."""
    metadata = dict(one["metadata"])
    annotations = {name: value for name, value in metadata.pop("annotations", {}).items() if "helm.sh/" not in name}
    annotations.pop("llmkeys.dev/installed-in", None)
    labels = {name: value for name, value in metadata.pop("labels", {}).items() if not OWN_LABELS.match(name)}
    return {**one, "metadata": {**metadata, "annotations": annotations, "labels": labels}}


@pytest.mark.parametrize("template", GENERATED, ids=lambda one: one.target)
def test_a_template_is_what_its_plain_manifest_makes_of_it(template: Any) -> None:
    assert (TEMPLATES / template.target).read_text(encoding="utf-8") == template.text(), "make chart"


def test_every_plain_manifest_has_its_template() -> None:
    files = [*CONFIG.rglob("*.yaml"), *(ROOT / "crds").glob("*.yaml")]
    ours = (file for file in files if file.name not in NO_TEMPLATES and file.parent != ADDED_TO_WORKLOADS)
    sources = {str(file.relative_to(ROOT)) for file in ours}

    assert {template.source for template in GENERATED} == sources


@pytest.mark.parametrize(
    ("files", "arguments"),
    [
        (("rbac/*.yaml", "policies/*.yaml", "controller/*service.yaml", "unsealer/*service.yaml"), ()),
        (("components/bootstrap/roles.yaml", "components/bootstrap/policy.yaml"), (BOOTSTRAP,)),
        *(
            (tuple(f"components/{name}/{file}.yaml" for file in REACHING), (f"--set={name}.enabled=true",))
            for name in OPT_IN
        ),
        (("rbac/watch-namespaces/own-namespace.yaml",), (WATCHED,)),
        (("../crds/*.yaml",), ()),
    ],
)
def test_it_renders_the_plain_manifests_object_by_object(
    files: tuple[str, ...], arguments: tuple[str, ...], helm: Helm
) -> None:
    rendered = by_identity(helm.render(*arguments))
    expected = [one for pattern in files for file in sorted(CONFIG.glob(pattern)) for one in documents(file)]

    assert expected
    for one in expected:
        assert plain(rendered[identity(one)]) == plain(one)


@pytest.mark.parametrize("name", OPT_IN)
def test_rights_on_workloads_and_pods_come_with_their_value_alone_and_so_does_the_flag(name: str, helm: Helm) -> None:
    on = f"--set={name}.enabled=true"

    def bound(*arguments: str) -> set[tuple[str, str]]:
        objects = [one for one in helm.render(*arguments) if one["metadata"]["name"] == f"llmkeys-{name}"]
        return {(one["kind"], one["metadata"].get("namespace", "")) for one in objects}

    assert bound() == set()
    assert bound(on) == {("ClusterRole", ""), ("ClusterRoleBinding", "")}
    assert bound(on, WATCHED) == {("ClusterRole", ""), ("RoleBinding", "team-a"), ("RoleBinding", "team-b")}
    assert f"- --{name}\n" in helm.text(on)
    assert f"- --{name}\n" not in helm.text()


def test_it_renders_no_role_and_no_policy_that_the_plain_manifests_do_not_have(helm: Helm) -> None:
    kinds = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ValidatingAdmissionPolicy", "ServiceAccount"}
    listed = documents(CONFIG / "kustomization.yaml")[0]["resources"]
    expected = {identity(one) for name in listed for one in documents(CONFIG / name) if one["kind"] in kinds}

    assert {identity(one) for one in helm.render(WITHOUT_INJECTION) if one["kind"] in kinds} == expected


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("file", WORKLOAD)
def test_a_workload_says_at_least_what_its_plain_manifest_says(component: str, file: str, helm: Helm) -> None:
    (expected,) = documents(CONFIG / component / file)
    rendered = by_identity(helm.render())[identity(expected)]
    for container in expected["spec"].get("template", {}).get("spec", {}).get("containers", []):
        (ours,) = rendered["spec"]["template"]["spec"]["containers"]
        assert set(container.pop("args")) <= set(ours["args"])
        assert ours["image"].startswith(container.pop("image"))
    for rule in rendered["spec"].get("ingress", []):
        rule["from"] = [peer for peer in rule["from"] if peer != TEST_OF_THE_CHART]

    assert holds(rendered, expected)


# What the chart's Deployments have by default and the plain ones have not.
MORE_OF_THE_CHART: Final = {"imagePullPolicy", "args", "image"}


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_plain_workload_lacks_nothing_that_the_chart_gives_it(component: str, helm: Helm) -> None:
    (deployment,) = documents(CONFIG / component / "deployment.yaml")
    plain_spec = deployment["spec"]["template"]["spec"]
    spec = of_kind("Deployment", helm.render())[f"llmkeys-{component}"]["spec"]["template"]["spec"]
    (plain_container,), (container,) = plain_spec.pop("containers"), spec.pop("containers")

    assert plain_spec == spec
    for name in MORE_OF_THE_CHART:
        plain_container.pop(name, None)
        container.pop(name)
    assert plain_container == container


def test_what_is_applied_at_once_without_helm_is_what_the_chart_installs(helm: Helm) -> None:
    """By kind and name; what is only the chart's own is its test, and what is only theirs the namespace."""
    rendered = {identity(one) for one in helm.render("--skip-tests", WITHOUT_INJECTION)}
    applied = {identity(one) for one in kustomized(ROOT)}

    assert applied - rendered == {("Namespace", "", NAMESPACE)}
    assert rendered <= applied


def test_what_is_applied_at_once_without_helm_has_the_image_of_the_chart(helm: Helm) -> None:
    applied = {spec["containers"][0]["image"] for _, spec in pod_specs(kustomized(ROOT))}
    rendered = {spec["containers"][0]["image"] for _, spec in pod_specs(helm.render())}

    assert applied == rendered == {f"llmkeys:{__version__}"}
