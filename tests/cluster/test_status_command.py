"""`llmkeys status` on a real API server, with a person's rights."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, PROVIDER_KIND
from tests.support.cluster import ControlPlane

GOOD, FAILED, NOT_READY = 0, 1, 3
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Verified",
    "message": "It was accepted.",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 1,
}
REFUSED = {**READY, "status": "False", "reason": "Rejected", "message": "Create a new key."}
STALLED = {**REFUSED, "type": "Stalled", "status": "True"}


class Person:
    """Somebody with a kubeconfig."""

    def __init__(self, plane: ControlPlane, namespace: str, prefix: str) -> None:
        self.plane = plane
        self.namespace = namespace
        self.prefix = prefix
        self.kubeconfig = plane.kubeconfig

    def status(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  our own command
            self.command(*arguments), capture_output=True, text=True, check=False, env=self.environment()
        )

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        done = self.status("-n", self.namespace, "-o", "json", *arguments)
        assert done.returncode in (GOOD, NOT_READY), done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def command(self, *arguments: str) -> Sequence[str]:
        return [sys.executable, "-m", "llmkeys", "status", *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PYTHONPATH": os.pathsep.join(sys.path)}

    def provider(self, name: str, *conditions: dict[str, Any]) -> str:
        full = f"{self.prefix}{name}"
        self._apply(PROVIDER_KIND, {"name": full}, {"type": "openai"})
        self.set_status("llmprovider", full, {"observedGeneration": 1, "conditions": list(conditions)})
        return full

    def credential(self, name: str, provider: str, *conditions: dict[str, Any], **status: Any) -> None:
        self._apply(CREDENTIAL_KIND, {"name": name, "namespace": self.namespace}, {"providerRef": {"name": provider}})
        self.set_status("llmcredential", name, {"observedGeneration": 1, "conditions": list(conditions), **status})

    def set_status(self, kind: str, name: str, status: dict[str, Any]) -> None:
        where = ("--namespace", self.namespace) if kind == "llmcredential" else ()
        self.plane.kubectl(
            *("patch", kind, name, *where, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))
        )

    def remove(self, name: str) -> None:
        self.plane.kubectl("delete", "llmcredential", name, f"--namespace={self.namespace}")

    def _apply(self, kind: str, metadata: dict[str, Any], spec: dict[str, Any]) -> None:
        content = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
        self.plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(content))

    @contextmanager
    def watching(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(  # noqa: S603  our own command
            self.command("-n", self.namespace, "--watch", *arguments),
            stdout=subprocess.PIPE,
            text=True,
            env={**self.environment(), "PYTHONUNBUFFERED": "1"},
        ) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def person(installed: ControlPlane, provider_prefix: str) -> Iterator[Person]:
    namespace = installed.new_namespace("status-command")
    yield Person(installed, namespace, provider_prefix)
    installed.delete_namespace(namespace)


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def test_all_that_is_ready_is_a_success(person: Person) -> None:
    provider = person.provider("good", {**READY, "reason": "Resolved"})
    person.credential("chat", provider, READY, secretName="chat", activeKey="primary")
    done = person.status("-n", person.namespace)
    assert done.returncode == GOOD, done.stderr
    heads, first, second = [line.split() for line in done.stdout.splitlines()]
    assert heads[0] == "PROVIDER"
    assert first == [provider, "openai", "True", "Resolved"]
    assert second == [f"{person.namespace}/chat", "True", "Verified", "primary", "chat", "-", "-"]


def test_something_that_is_not_ready_shows_in_the_exit_code(person: Person) -> None:
    provider = person.provider("bad", {**READY, "reason": "Resolved"})
    person.credential("good", provider, READY)
    person.credential("bad", provider, REFUSED, STALLED)
    done = person.status("-n", person.namespace, "-o", "json")
    assert done.returncode == NOT_READY
    assert [(row["name"], row["ready"], row["reason"]) for row in json.loads(done.stdout)] == [
        (provider, "True", "Resolved"),
        ("bad", "False", "Rejected"),
        ("good", "True", "Verified"),
    ]
    assert yaml.safe_load(person.status("-n", person.namespace, "-o", "yaml").stdout) == json.loads(done.stdout)


def test_a_changed_spec_is_not_ready_until_it_was_looked_at(person: Person) -> None:
    person.credential("chat", "nobody", READY)
    patch = json.dumps({"spec": {"enabled": False}})
    person.plane.kubectl(
        "patch", "llmcredential", "chat", f"--namespace={person.namespace}", "--type=merge", "-p", patch
    )
    (row,) = person.rows()
    assert (row["ready"], row["reason"]) == ("Unknown", "Verified")


def test_the_whole_cluster_is_shown_unless_a_namespace_is_named(person: Person) -> None:
    person.credential("chat", person.provider("everywhere"), READY)
    rows = json.loads(person.status("-o", "json").stdout)
    assert (person.namespace, "chat") in {(row["namespace"], row["name"]) for row in rows}


def test_one_credential_tells_its_whole_story(person: Person) -> None:
    provider = person.provider("story", {**READY, "reason": "Resolved"})
    person.credential("chat", provider, REFUSED, STALLED, secretName="chat", env=["OPENAI_API_KEY"])
    done = person.status(f"{person.namespace}/chat")
    assert done.returncode == NOT_READY
    told = " ".join(done.stdout.split())  # whatever the width of the first column
    assert "what to do Create a new key." in told
    assert f"provider {provider}, type openai, ready True" in told
    assert "variables OPENAI_API_KEY" in told
    assert person.status("chat", "-n", person.namespace).stdout.splitlines()[0] == done.stdout.splitlines()[0]
    story = json.loads(person.status(f"{person.namespace}/chat", "-o", "json").stdout)
    assert (story["row"]["reason"], story["next"]) == ("Rejected", "Create a new key.")


def test_a_credential_that_is_not_there_is_an_error(person: Person) -> None:
    done = person.status(f"{person.namespace}/nobody")
    assert (done.returncode, done.stdout) == (FAILED, "")
    assert f"There is no LLMCredential {person.namespace}/nobody." in done.stderr


def test_where_there_is_nothing_nothing_is_wrong(person: Person) -> None:
    done = person.status("-n", person.namespace)
    assert (done.returncode, done.stdout) == (GOOD, "")
    assert "no LLMCredentials" in done.stderr


def test_whoever_may_read_one_namespace_only_is_told_to_name_it(person: Person) -> None:
    person.credential("chat", person.provider("hidden"), READY)
    plane = person.plane
    plane.kubectl("create", "serviceaccount", "reader", f"--namespace={person.namespace}")
    plane.kubectl(
        *("create", "role", "reader", f"--namespace={person.namespace}"),
        *("--verb=get,list", "--resource=llmcredentials.llmkeys.dev"),
    )
    plane.kubectl(
        *("create", "rolebinding", "reader", f"--namespace={person.namespace}"),
        *("--role=reader", f"--serviceaccount={person.namespace}:reader"),
    )
    person.kubeconfig = plane.service_account_kubeconfig(person.namespace, "reader")
    refused = person.status()
    assert refused.returncode == FAILED
    assert "name a namespace (-n)" in refused.stderr
    allowed = person.status("-n", person.namespace)
    assert "not yours to see" in allowed.stdout
    assert f"{person.namespace}/chat" in allowed.stdout
    assert "not yours to see" in person.status(f"{person.namespace}/chat").stdout


def test_a_change_is_told_when_it_happens(person: Person) -> None:
    provider = person.provider("live", {**READY, "reason": "Resolved"})
    person.credential("chat", provider, REFUSED)
    with person.watching("-o", "json") as process:
        assert {told(process)["name"], told(process)["name"]} == {provider, "chat"}
        person.set_status("llmcredential", "chat", {"conditions": [READY]})
        row = told(process)
        assert (row["name"], row["ready"], row["reason"]) == ("chat", "True", "Verified")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == GOOD


def test_the_exit_code_of_a_watch_is_that_of_the_last_state(person: Person) -> None:
    person.credential("chat", person.provider("ends", READY), REFUSED)
    with person.watching() as process:
        assert process.stdout is not None
        assert {process.stdout.readline().split()[0], process.stdout.readline().split()[0]} == {
            PROVIDER_KIND,
            CREDENTIAL_KIND,
        }
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == NOT_READY


def test_a_watched_credential_that_is_deleted_ends_the_watch(person: Person) -> None:
    person.credential("chat", "nobody", REFUSED)
    with person.watching("chat", "-o", "json") as process:
        assert told(process)["row"]["name"] == "chat"
        person.remove("chat")
        assert process.wait(20) == FAILED


def test_it_runs_as_a_plugin_of_kubectl(person: Person) -> None:
    program = Path(sys.executable).parent / "kubectl-llmkeys"
    person.credential("chat", "nobody", READY)
    done = subprocess.run(  # noqa: S603  our own command
        [program, "status", "-n", person.namespace, "-o", "json"],
        capture_output=True,
        text=True,
        check=False,
        env=person.environment(),
    )
    assert [row["name"] for row in json.loads(done.stdout)] == ["chat"]
