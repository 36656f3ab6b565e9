"""The policies for injection in the chart: where they are rendered, and what can be set."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from llmkeys import __version__
from tests.support.cluster import ControlPlane
from tests.support.helm_program import Helm, Object, helm_program
from tests.support.inject_objects import Pod, pod, status
from tests.support.inject_scene import COMPONENT, Injection
from tests.support.wait import eventually

MUTATING: Final = "MutatingAdmissionPolicy"
KINDS: Final = {MUTATING, f"{MUTATING}Binding"}
SERVED: Final = ("--api-versions=v1/Pod", f"--api-versions=admissionregistration.k8s.io/v1/{MUTATING}")
SETTINGS: Final = {"image", "pullPolicy", "pullSecrets", "requests", "limits"}
DIGEST: Final = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(helm_program(), tmp_path_factory.mktemp("helm"))


def policies(objects: list[Object]) -> list[Object]:
    """All of injection."""
    return [one for one in objects if one["metadata"]["name"] == "llmkeys-inject"]


def plain() -> list[Object]:
    return [
        one
        for name in ("inject", "refuse")
        for one in yaml.safe_load_all((COMPONENT / f"{name}.yaml").read_text(encoding="utf-8"))
    ]


def settings(objects: list[Object]) -> dict[str, Any]:
    """The settings of the mutating policy, which are literals that JSON knows too."""
    (policy,) = [one for one in objects if one["kind"] == MUTATING]
    variables = {one["name"]: one["expression"] for one in policy["spec"]["variables"]}
    return {name: json.loads(variables[name]) for name in SETTINGS}


def without_settings(one: Object) -> Object:
    spec = dict(one["spec"])
    if one["kind"] == MUTATING:
        spec["variables"] = [each for each in spec["variables"] if each["name"] not in SETTINGS]
    return {**spec, "kind": one["kind"]}


@pytest.mark.parametrize(
    ("arguments", "rendered"),
    [
        ((), True),
        (SERVED, True),
        (SERVED[:1], False),
        (("--kube-version=1.35.4",), False),
        (("--set=inject.enabled=false",), False),
        (("--set=policies.enabled=false",), True),
    ],
)
def test_they_are_rendered_where_the_cluster_serves_them(
    arguments: tuple[str, ...], rendered: bool, helm: Helm
) -> None:
    objects = helm.render(*arguments)

    assert bool(policies(objects)) is rendered
    assert bool(KINDS & {one["kind"] for one in objects}) is rendered


def test_but_for_settings_they_are_the_plain_manifests(helm: Helm) -> None:
    rendered = policies(helm.render())

    assert [without_settings(one) for one in rendered] == [without_settings(one) for one in plain()]
    assert settings(rendered) == settings(plain())


def test_the_plain_manifest_has_the_image_of_this_version() -> None:
    assert settings(plain())["image"] == f"llmkeys:{__version__}"


@pytest.mark.parametrize(
    ("given", "image"),
    [
        ({}, f"llmkeys:{__version__}"),
        ({"image.repository": "mirror/llmkeys"}, f"mirror/llmkeys:{__version__}"),
        ({"image.tag": "1", "image.digest": DIGEST}, f"llmkeys@{DIGEST}"),
        ({"image.digest": DIGEST, "inject.image.repository": "near/llmkeys"}, f"near/llmkeys@{DIGEST}"),
        ({"image.digest": DIGEST, "inject.image.tag": "2"}, "llmkeys:2"),
        ({"image.repository": "mirror/llmkeys", "inject.image.digest": DIGEST}, f"mirror/llmkeys@{DIGEST}"),
    ],
)
def test_the_image_is_the_charts_but_for_what_is_said_otherwise(given: dict[str, str], image: str, helm: Helm) -> None:
    arguments = [f"--set-string={name}={value}" for name, value in given.items()]
    assert settings(policies(helm.render(*arguments)))["image"] == image


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("inject.image.repository=it's", "/inject/image/repository"),
        ("inject.image.digest=abc", "/inject/image/digest"),
        ("inject.pullPolicy=Sometimes", "/inject/pullPolicy"),
        ("inject.pullSecrets[0]=registry", "/inject/pullSecrets/0"),
        ("inject.resources.limit.cpu=1", "/inject/resources"),
        ("inject.enable=true", "inject"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(given: str, named: str, helm: Helm) -> None:
    assert named in helm.refusal(f"--set={given}")


@contextmanager
def rendered_policies(plane: ControlPlane, file: Path, objects: list[Object]) -> Iterator[None]:
    file.write_text(yaml.safe_dump_all(policies(objects)), encoding="utf-8")
    plane.kubectl("apply", "--server-side", "-f", file)
    try:
        yield
    finally:
        plane.kubectl("delete", "-f", file)


def test_what_is_set_arrives_in_pods(helm: Helm, installed: ControlPlane, namespace: str, tmp_path: Path) -> None:
    values = (
        f"--set=image.digest={DIGEST}",
        "--set=inject.pullPolicy=Always",
        "--set=inject.pullSecrets[0].name=registry",
        "--set=inject.pullSecrets[1].name=mirror",
        "--set=inject.resources.limits.cpu=1",
        "--set=inject.resources.requests.memory=64Mi",
    )
    with rendered_policies(installed, tmp_path / "policies.yaml", helm.render(*values)):
        inject = Injection(installed, namespace, namespace)
        inject.unseen(namespace, "openai", status("openai", "OPENAI_API_KEY"))
        eventually(lambda: inject.create(pod("openai")).injected == "openai", timeout=60, message="the policies")

        made = inject.create(pod("openai"))
        with_own = inject.create(pod("openai", imagePullSecrets=[{"name": "own"}, {"name": "mirror"}]))

    assert made.opener["image"] == f"llmkeys@{DIGEST}"
    assert made.opener["imagePullPolicy"] == "Always"
    assert made.opener["resources"] == {
        "requests": {"cpu": "10m", "memory": "64Mi"},
        "limits": {"cpu": "1", "memory": "128Mi"},
    }
    assert pull_secrets(made) == ["registry", "mirror"]
    assert pull_secrets(with_own) == ["own", "mirror", "registry"]


def pull_secrets(made: Pod) -> list[str]:
    return [one["name"] for one in made.spec["imagePullSecrets"]]


def test_the_patch_that_the_component_shows_sets_another_image(installed: ControlPlane, tmp_path: Path) -> None:
    text = (COMPONENT / "kustomization.yaml").read_text(encoding="utf-8")
    shown = text[text.index("# patches:") :].replace("\n# ", "\n").removeprefix("# ")
    shutil.copytree(COMPONENT, tmp_path / "policy")
    folder = tmp_path / "overlay"
    folder.mkdir()
    overlay = f"components: [../policy]\n{shown.replace('<registry>', 'reg.example').replace('<version>', '9')}"
    (folder / "kustomization.yaml").write_text(overlay, encoding="utf-8")

    made = list(yaml.safe_load_all(installed.kubectl("kustomize", folder).stdout))
    assert settings(policies(made))["image"] == "reg.example/llmkeys:9"
