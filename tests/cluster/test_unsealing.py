"""From a sealed value to a program's environment: controller, unsealer and in-pod client, each its own process."""

import base64
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmkeys.api.names import CONTROLLER_ACCOUNT, CREDENTIAL_KIND, DEFAULT_NAMESPACE, TOKEN_AUDIENCE
from tests.support.cluster_process import free_ports
from tests.support.sealing import header, sealed_entry
from tests.support.stage import CANARY, Stage
from tests.support.unsealer_process import UnsealerProcess
from tests.support.wait import eventually
from tests.support.world import World

SHOW = 'printf "%s %s" "$OPENAI_API_KEY" "$OPENAI_BASE_URL"'

RESTRICTED = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER = {
    "name": "chat",
    "image": "chat",
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}


@dataclass(frozen=True)
class Place:
    """A world in which envelopes are opened."""

    world: World
    unsealer: UnsealerProcess
    provider: str
    folder: Path

    def pod_token(self, account: str = "chat", namespace: str = "") -> str:
        """A token as the kubelet projects it, of a pod made for it."""
        api, name = self.world.stage.api, f"{account}-{os.urandom(4).hex()}"
        base = f"/api/v1/namespaces/{namespace or self.world.namespace}"
        if api.get(f"{base}/serviceaccounts/{account}") is None:
            api.create(f"{base}/serviceaccounts", {"metadata": {"name": account}})
        spec = {"serviceAccountName": account, "containers": [CONTAINER], "securityContext": RESTRICTED}
        uid = api.create(f"{base}/pods", {"metadata": {"name": name}, "spec": spec})["metadata"]["uid"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}
        request = {"spec": {"audiences": [TOKEN_AUDIENCE], "boundObjectRef": bound}}
        return str(api.create(f"{base}/serviceaccounts/{account}/token", request)["status"]["token"])

    def envelope(self, credential: str) -> str:
        return base64.b64decode(self.world.object("Secret", credential)["data"]["envelope"]).decode()

    def show(self, credential: str, token: str, command: str = SHOW) -> subprocess.CompletedProcess[str]:
        """Run a program as a container would, with the opened variables."""
        status = self.world.status(credential)
        for name, content in (("token", token), ("envelope", self.envelope(credential))):
            (self.folder / name).write_text(content)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "LLMKEYS_CREDENTIAL": credential,
            "LLMKEYS_UNSEALER": status["unsealer"]["address"],
            "LLMKEYS_CA": status["unsealer"]["caBundle"],
        }
        mounted = [f"--token={self.folder / 'token'}", f"--envelope={self.folder / 'envelope'}", "--deadline=10s"]
        program = [sys.executable, "-P", "-m", "llmkeys", "exec", *mounted, "--", "sh", "-c", command]
        return subprocess.run(program, env=environment, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603

    def pod_with(self, folder: Path, token: str, *credentials: str) -> "InjectedPod":
        """A pod with these credentials' envelopes, as the kubelet mounts them into an injected one."""
        sealed = folder / "sealed"
        (sealed / "envelopes").mkdir(parents=True)
        (sealed / "token").write_text(token)
        pod = InjectedPod(sealed, folder / "out", self.world.status(credentials[0])["unsealer"])
        for name in credentials:
            pod.mount(name, self.envelope(name))
        return pod

    def deliver(self, name: str, key: str, **target: Any) -> None:
        entry = sealed_entry(self.world, self.provider, name, key)
        self.world.credential(name, self.provider, entries=[entry], target={"encryption": "Envelope", **target})
        self.world.wait(name, ready="True", reason="Verified", synced="Synced")
        self.unsealer.trust.load_verify_locations(cadata=self.world.status(name)["unsealer"]["caBundle"])


@dataclass(frozen=True)
class InjectedPod:
    """The init container of a pod with several credentials."""

    sealed: Path
    out: Path
    unsealer: dict[str, str]

    def mount(self, name: str, envelope: str) -> None:
        fresh = self.sealed / f"..{name}"
        fresh.write_text(envelope)
        fresh.replace(self.sealed / "envelopes" / name)

    def start(self, *arguments: str, address: str = "") -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "LLMKEYS_UNSEALER": address or self.unsealer["address"],
            "LLMKEYS_CA": self.unsealer["caBundle"],
        }
        program = [sys.executable, "-P", "-m", "llmkeys", "unseal", "--all"]
        where = [f"--out={self.out}", f"--sealed={self.sealed}", "--deadline=60s"]
        return subprocess.Popen([*program, *where, *arguments], env=environment, stderr=subprocess.PIPE, text=True)  # noqa: S603

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit code, and what it says."""
        with self.start(*arguments) as process:
            _, said = process.communicate(timeout=60)
        return process.returncode, said

    def variables(self, name: str) -> str:
        file = self.out / f"{name}.env"
        return file.read_text() if file.exists() else "no file"


@pytest.fixture(scope="module")
def place(
    shared_stage: Stage, namespace: str, provider_prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("unsealing")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    token = folder / "usage-token"
    token.write_text("not yet")
    arguments = [f"--unsealer=https://{address}", f"--unsealer-replicas={address}", "--usage-interval=1s"]
    world = World(shared_stage, namespace, provider_prefix)
    with shared_stage.at_work(*arguments, f"--usage-token={token}"):
        listen = [f"--listen={address}", "--refresh-seconds=1"]
        trust = ssl.create_default_context()
        with UnsealerProcess.start(shared_stage.plane, folder, DEFAULT_NAMESPACE, trust, listen) as unsealer:
            made = Place(world, unsealer, world.provider("openai"), folder)
            token.write_text(made.pod_token(CONTROLLER_ACCOUNT, DEFAULT_NAMESPACE))
            yield made
            leaks = shared_stage.leaks()
            leaks += [line for line in unsealer.log.read_text().splitlines() if CANARY in line]
    assert not leaks, f"keys can be read in: {leaks}"


def test_a_program_finds_the_key_in_its_environment(place: Place) -> None:
    key = place.world.key()
    place.deliver("chat", key, serviceAccounts=["chat"])

    done = place.show("chat", place.pod_token())

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{key} https://")


def test_an_account_that_nobody_allowed_is_denied_and_told_both_ways(place: Place) -> None:
    place.deliver("closed", place.world.key())

    done = place.show("closed", place.pod_token("stranger"))

    assert done.returncode == 14
    assert "serviceAccounts" in done.stderr
    assert "llmkeys manifest rolebinding closed --service-account stranger" in done.stderr


def test_a_binding_of_the_printed_roles_lets_the_account_in(place: Place) -> None:
    key = place.world.key()
    place.deliver("bound", key)
    arguments = ["rolebinding", "bound", "--service-account=reader", f"--namespace={place.world.namespace}"]
    program = [sys.executable, "-P", "-m", "llmkeys", "manifest", *arguments]
    printed = subprocess.run(program, capture_output=True, text=True, check=True).stdout  # noqa: S603
    place.world.stage.plane.kubectl("apply", "-f", "-", input=printed)
    token = place.pod_token("reader")

    def opened() -> bool:
        done = place.show("bound", token)
        assert done.returncode == 0, done.stderr
        return done.stdout.startswith(key)

    # A no is remembered for up to ten seconds.
    eventually(opened, timeout=20, message="the binding to take effect")


def test_a_withdrawn_key_is_handed_out_no_more_even_from_an_old_envelope(place: Place) -> None:
    world = place.world
    place.deliver("ended", world.key(), serviceAccounts=["chat"])
    old, token = place.envelope("ended"), place.pod_token()
    assert place.unsealer.unseal(token, "ended", old).reason == "Opened"

    world.change("ended", enabled=False)
    world.wait("ended", ready="False", reason="Disabled")

    eventually(lambda: place.unsealer.unseal(token, "ended", old).reason == "Disabled", timeout=12, message="the end")


def test_after_a_change_both_envelopes_open_for_a_while(place: Place) -> None:
    world, key = place.world, place.world.key()
    place.deliver("turned", world.key(), serviceAccounts=["chat"])
    old = place.envelope("turned")
    world.change("turned", keys=[sealed_entry(world, place.provider, "turned", key)])
    eventually(lambda: header(world, "turned").binding.sequence == 2, timeout=15, message="the new delivery")
    world.wait("turned", ready="True", reason="Verified")

    assert place.show("turned", place.pod_token()).stdout.startswith(key)
    assert place.unsealer.unseal(place.pod_token(), "turned", old).reason == "Opened"


def test_what_a_new_root_key_has_sealed_opens(place: Place) -> None:
    key = place.world.key()
    place.deliver("rotated", key, serviceAccounts=["chat"])
    before = header(place.world, "rotated").key_id
    environment = {**os.environ, "KUBECONFIG": str(place.world.stage.plane.kubeconfig)}
    rotate = [sys.executable, "-P", "-m", "llmkeys", "keys", "rotate", "envelope"]
    subprocess.run(rotate, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    eventually(lambda: header(place.world, "rotated").key_id != before, timeout=20, message="the new envelope")

    done = place.show("rotated", place.pod_token())

    assert done.stdout.startswith(key), done.stderr


def test_who_had_it_opened_is_told_with_the_next_look(place: Place) -> None:
    world = place.world
    place.deliver("counted", world.key(), serviceAccounts=["chat"])
    token = place.pod_token()
    for _ in range(3):
        assert place.show("counted", token, "true").returncode == 0

    def told() -> bool:
        world.look_again(place.provider)
        found = world.object(CREDENTIAL_KIND, "counted")["status"].get("usage", [])
        assert [(one["serviceAccount"], one["count"]) for one in found] == [("chat", 3)]
        return bool(found[0]["lastTime"])

    # Each attempt has all keys of the provider looked at, a made-up one beside them: no faster than its budget allows.
    eventually(told, timeout=40, every=3.0, message="the counts in status.usage")
    environment = {**os.environ, "KUBECONFIG": str(world.stage.plane.kubeconfig)}
    program = [sys.executable, "-P", "-m", "llmkeys", "usage", "-n", world.namespace, "counted"]
    shown = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    assert shown.stdout.splitlines()[1].split()[:4] == [world.namespace, "counted", "chat", "3"]
    for form in ("json", "yaml"):
        done = subprocess.run([*program, "-o", form], env=environment, capture_output=True, text=True, check=True)  # noqa: S603
        (row,) = yaml.safe_load(done.stdout)
        assert (row["credential"], row["serviceAccount"], row["count"]) == ("counted", "chat", 3)


def test_all_credentials_of_a_pod_are_opened_and_one_that_is_denied_is_left_out(place: Place, tmp_path: Path) -> None:
    keys = {name: place.world.key() for name in ("many-a", "many-b")}
    for name, key in keys.items():
        place.deliver(name, key, serviceAccounts=["chat"])
    place.deliver("many-closed", place.world.key())
    pod = place.pod_with(tmp_path, place.pod_token(), *keys, "many-closed")

    code, said = pod.run("--require=many-a")

    assert code == 0, said
    for name, key in keys.items():
        assert f"OPENAI_API_KEY='{key}'\n" in pod.variables(name)
        assert (pod.out / name / "OPENAI_API_KEY").read_text() == key
    assert pod.variables("many-closed") == ""
    assert "many-closed: not written: The pod's account" in said
    assert CANARY not in said
    code, said = pod.run("--require=many-a,many-closed")
    assert (code, said.splitlines()[-1].partition(" The")[0]) == (14, "Error: many-closed:")


def test_an_envelope_that_is_changed_between_mount_and_opening_is_read_anew(place: Place, tmp_path: Path) -> None:
    world, key = place.world, place.world.key()
    place.deliver("late", world.key(), serviceAccounts=["chat"])
    pod = place.pod_with(tmp_path, place.pod_token(), "late")
    # Switched off and on again: what was delivered before opens no more, and the kubelet has not mounted the next.
    world.change("late", enabled=False)
    world.wait("late", ready="False", reason="Disabled")
    world.change("late", enabled=True, keys=[sealed_entry(world, place.provider, "late", key)])
    world.wait("late", ready="True", reason="Verified", synced="Synced")

    def is_stale() -> bool:
        old = (pod.sealed / "envelopes" / "late").read_text()
        return place.unsealer.unseal(place.pod_token(), "late", old).reason == "StaleEnvelope"

    eventually(is_stale, timeout=20, message="the unsealer to know of the new delivery")
    with pod.start("--require=late") as process:
        assert process.stderr is not None
        assert "trying again: late: The mounted envelope is of an earlier delivery" in process.stderr.readline()
        pod.mount("late", place.envelope("late"))
        assert process.wait(60) == 0
    assert key in pod.variables("late")


def test_an_unsealer_that_comes_after_the_pod_is_waited_for(place: Place, tmp_path: Path) -> None:
    key = place.world.key()
    place.deliver("early", key, serviceAccounts=["chat"])
    pod = place.pod_with(tmp_path, place.pod_token(), "early")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with pod.start("--require=early", address=f"https://{address}") as process:
        assert process.stderr is not None
        assert "does not answer: Connection refused" in process.stderr.readline()
        plane, trust = place.world.stage.plane, place.unsealer.trust
        with UnsealerProcess.start(plane, tmp_path / "second", DEFAULT_NAMESPACE, trust, [f"--listen={address}"]):
            assert process.wait(60) == 0
    assert key in pod.variables("early")


def test_a_withdrawal_takes_the_optional_ones_files_and_ends_the_sidecar_for_a_required_one(
    place: Place, tmp_path: Path
) -> None:
    world, keys = place.world, {name: place.world.key() for name in ("kept", "spare", "needed")}
    for name, key in keys.items():
        place.deliver(name, key, serviceAccounts=["chat"])
    pod = place.pod_with(tmp_path, place.pod_token(), *keys)
    with pod.start("--require=needed", "--follow", "--renew=1s") as process:
        eventually(lambda: all(keys[name] in pod.variables(name) for name in keys), timeout=30)
        world.change("spare", enabled=False)
        eventually(lambda: pod.variables("spare") == "", timeout=30, message="the optional one's end")
        assert keys["needed"] in pod.variables("needed")
        assert process.poll() is None
        world.change("needed", enabled=False)
        assert process.wait(60) == 15
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1].startswith('Error: needed: LLMCredential "needed" is disabled')
    assert pod.variables("needed") == "no file"
    assert keys["kept"] in pod.variables("kept")
