"""`llmkeys inject` on the real API server, beside the policy whose lines it writes; and the component for kustomize."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.inject_objects import FOLLOW, LABELLED, MOUNT, Object, container, pod, workload
from tests.support.inject_scene import Injection, injection

COMPONENT: Final = ROOT / "config" / "components" / "inject"
DOCUMENT: Final = {"name": "key.json", "variable": "GOOGLE_APPLICATION_CREDENTIALS"}
KINDS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob")
OWN: Final = {"env": [{"name": "GREETING", "value": "$(OPENAI_API_KEY)"}, {"name": "OPENAI_BASE_URL", "value": "own"}]}
# Without the account's own token, whose volume has another name in every pod.
BARE: Final = {"automountServiceAccountToken": False}
PODS: Final[dict[str, Object]] = {
    "one credential": pod("openai", **BARE),
    "two, in another order": pod("openai, anthropic", **BARE),
    "all of the namespace": pod(**BARE),
    "one in clear": pod("plain", **BARE),
    "both kinds": pod("plain, openai", **BARE),
    "a document": pod("google", **BARE),
    "a folder": pod("openai", {MOUNT: "/etc/llm"}, **BARE),
    "a sidecar": pod("openai", {FOLLOW: "true"}, **BARE),
    "root": pod("openai", securityContext={"runAsUser": 0}, **BARE),
    "variables and containers of the user's": pod(
        "openai, google", containers=[container(**OWN), container("b")], initContainers=[container("first")], **BARE
    ),
}


@pytest.fixture(scope="module")
def scene(installed: ControlPlane, namespace: str) -> Iterator[Injection]:
    """Credentials in a namespace under the policies."""
    with injection(installed, namespace) as made:
        made.credential("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL")
        made.credential("anthropic", "ANTHROPIC_API_KEY", "OPENAI_API_KEY")
        made.credential("plain", "PLAIN_KEY", encryption="None")
        made.credential("google", "GOOGLE_CLOUD_PROJECT", files=[DOCUMENT])
        yield made


def inject(kubeconfig: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(  # noqa: S603  ourselves
        [sys.executable, "-m", "llmkeys", "inject", "-f", "-", *arguments],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def written(scene: Injection, body: Object, *arguments: str) -> Object:
    """An object with the lines that the command writes, asked of the cluster."""
    done = inject(scene.plane.kubeconfig, yaml.safe_dump(body), "-n", scene.namespace, *arguments)
    assert done.returncode == 0, done.stderr
    found: Object = yaml.safe_load(done.stdout)
    return found


def unlabelled(body: Object) -> Object:
    """So that the policy leaves it alone."""
    metadata = {name: value for name, value in body["metadata"].items() if name != "labels"}
    return {**body, "metadata": metadata}


def comparable(body: Object) -> Any:
    """What a pod is, whatever the order in which several credentials came."""
    annotations = body["metadata"].get("annotations", {})
    return {"annotations": annotations, "spec": _sorted(body["spec"])}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: sorted(map(repr, map(_sorted, one))) if name in {"env", "sources"} else _sorted(one)
            for name, one in value.items()
        }
    return [_sorted(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("body", PODS.values(), ids=PODS)
def test_it_writes_what_the_policy_adds(scene: Injection, body: Object) -> None:
    by_policy = scene.create(body)
    by_command = scene.create(unlabelled(written(scene, body)))
    assert comparable(by_command.body) == comparable(by_policy.body)


@pytest.mark.parametrize("body", PODS.values(), ids=PODS)
def test_the_policy_finds_nothing_to_add_to_what_it_wrote(scene: Injection, body: Object) -> None:
    lines = written(scene, body)
    assert scene.create(lines).body["spec"] == scene.create(unlabelled(lines)).body["spec"]
    assert written(scene, lines) == lines


def test_ours_come_before_the_users_in_the_order_of_the_policy(scene: Injection) -> None:
    body = pod("openai", containers=[container(**OWN)], **BARE)
    by_command = scene.create(unlabelled(written(scene, body)))
    assert by_command.variables() == scene.create(body).variables()
    assert list(by_command.variables()) == ["OPENAI_API_KEY", "GREETING", "OPENAI_BASE_URL"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_api_server_takes_every_kind_with_its_lines(scene: Injection, kind: str) -> None:
    body = workload(kind, "openai")
    if kind == "DaemonSet":
        body["spec"].pop("replicas", None)
    lines = written(scene, body)
    create = ("create", "--dry-run=server", "--validate=strict", f"--namespace={scene.namespace}", "-f", "-")
    assert scene.plane.kubectl(*create, input=json.dumps(lines)).stderr == ""
    assert "fileKeyRef" in json.dumps(lines)


def test_without_a_cluster_the_printed_status_says_the_same(scene: Injection, tmp_path: Path) -> None:
    printed = scene.plane.kubectl("get", "llmc", f"--namespace={scene.namespace}", "-o", "yaml").stdout
    (tmp_path / "status.yaml").write_text(printed)
    body = PODS["both kinds"]
    done = inject(tmp_path / "no-kubeconfig", yaml.safe_dump(body), "--status", str(tmp_path / "status.yaml"))
    assert yaml.safe_load(done.stdout) == written(scene, body), done.stderr


def test_a_changed_status_is_found_by_a_check_and_written_by_the_next_run(scene: Injection) -> None:
    scene.credential("changing", "ONE")
    lines = written(scene, pod("changing", **BARE))
    scene.publish("changing", env=["ONE", "TWO"])
    place = ("-n", scene.namespace)

    found = inject(scene.plane.kubeconfig, yaml.safe_dump(lines), *place, "--check")
    assert found.returncode == 3
    assert "containers chat (env)" in found.stdout
    assert written(scene, lines) == written(scene, pod("changing", **BARE))


def test_who_may_not_read_credentials_is_told_what_helps(scene: Injection) -> None:
    scene.plane.kubectl("create", "serviceaccount", "nobody", f"--namespace={scene.namespace}")
    kubeconfig = scene.plane.service_account_kubeconfig(scene.namespace, "nobody")
    done = inject(kubeconfig, yaml.safe_dump(pod("openai")), "-n", scene.namespace)
    assert done.returncode == 1
    assert "ClusterRole llmkeys-view" in done.stderr
    assert "--status FILE" in done.stderr


# --- The component


PARAMETERS: Final = """\
components: [COMPONENT]
configMapGenerator:
  - name: llmkeys-inject
    literals:
      - credential=openai
      - secretName=openai-secret
      - address=ADDRESS
    files: [caBundle=ca.pem]
generatorOptions:
  disableNameSuffixHash: true
  annotations: {config.kubernetes.io/local-config: "true"}
images: [{name: llmkeys, newName: registry.example.com/llmkeys, newTag: "1"}]
"""


def commented(beginning: str, ending: str) -> str:
    """A piece of the component's own description, as a person copies it."""
    lines = (COMPONENT / "kustomization.yaml").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if beginning in line)
    end = next(number for number, line in enumerate(lines) if number >= start and ending in line)
    return "".join(f"{line.removeprefix('#   ')}\n" for line in lines[start : end + 1] if line.strip() != "#")


@pytest.fixture
def overlay(scene: Injection, tmp_path: Path) -> Path:
    """A kustomization with a labelled workload of each kind, one that is not labelled, and the component."""
    status = scene.plane.kubectl("get", "llmc", "openai", f"--namespace={scene.namespace}", "-o", "json").stdout
    unsealer = json.loads(status)["status"]["unsealer"]
    bodies = [workload(kind, "openai", name=kind.lower()) for kind in KINDS] + [pod(name="pod")]
    for body in bodies:
        body["metadata"]["labels"] = LABELLED
    bodies.append({**unlabelled(workload("Deployment", "openai", name="other"))})
    (tmp_path / "workloads.yaml").write_text(yaml.safe_dump_all(bodies))
    (tmp_path / "ca.pem").write_text(unsealer["caBundle"])
    component = os.path.relpath(COMPONENT, tmp_path)
    parameters = PARAMETERS.replace("COMPONENT", component).replace("ADDRESS", unsealer["address"])
    (tmp_path / "kustomization.yaml").write_text("resources: [workloads.yaml]\n" + parameters)
    return tmp_path


def kustomized(scene: Injection, overlay: Path) -> dict[str, Object]:
    text = scene.plane.kubectl("kustomize", overlay).stdout
    return {one["metadata"]["name"]: one for one in yaml.safe_load_all(text)}


def pod_spec(body: Object) -> Object:
    spec = body["spec"]
    spec = spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec
    found: Object = spec["template"]["spec"] if "template" in spec else spec
    return found


def test_kustomize_writes_the_lines_that_the_command_writes_for_files(scene: Injection, overlay: Path) -> None:
    made = kustomized(scene, overlay)
    image = ("--files", "--credential", "openai", "--image", "registry.example.com/llmkeys:1")

    bare = {one["metadata"]["name"]: one for one in yaml.safe_load_all((overlay / "workloads.yaml").read_text())}
    assert made.keys() == bare.keys()
    for name, body in bare.items():
        expected = body if name == "other" else written(scene, body, *image)
        assert pod_spec(made[name]) == pod_spec(expected), name


def test_the_api_server_takes_what_kustomize_makes(scene: Injection, overlay: Path) -> None:
    create = ("create", "--dry-run=server", "--validate=strict", f"--namespace={scene.namespace}", "-k", overlay)
    assert scene.plane.kubectl(*create).stderr == ""


def test_its_description_of_the_parameters_is_what_these_tests_use() -> None:
    described = yaml.safe_load(commented("resources: [deployment.yaml]", "images:").replace("<", "").replace(">", ""))
    used = yaml.safe_load(PARAMETERS)
    assert described.keys() == used.keys() | {"resources"}
    assert described["generatorOptions"] == used["generatorOptions"]
    (generated,), (wanted,) = described["configMapGenerator"], used["configMapGenerator"]
    assert [one.partition("=")[0] for one in generated["literals"]] == [
        one.partition("=")[0] for one in wanted["literals"]
    ]
    assert generated["files"] == wanted["files"]


def test_variables_are_copied_into_every_container_as_it_describes(scene: Injection, overlay: Path) -> None:
    (overlay / "variables.yaml").write_text(commented("apiVersion: v1", "fileKeyRef"))
    kustomization = overlay / "kustomization.yaml"
    text = kustomization.read_text().replace("workloads.yaml", "workloads.yaml, variables.yaml")
    kustomization.write_text(text + commented("replacements:", "create: true"))

    spec = pod_spec(kustomized(scene, overlay)["deployment"])

    reference = {"volumeName": "llmkeys", "path": "openai.env", "key": "OPENAI_API_KEY"}
    assert [one["env"] for one in spec["containers"]] == [
        [{"name": "OPENAI_API_KEY", "valueFrom": {"fileKeyRef": reference}}]
    ]
    create = ("create", "--dry-run=server", "--validate=strict", f"--namespace={scene.namespace}", "-k", overlay)
    assert scene.plane.kubectl(*create).stderr == ""
