"""The unsealer as it runs: its own account, real tokens and reviews, real TLS, one pod after another at its door."""

import socket
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from llmkeys.api.durations import rfc3339
from llmkeys.api.names import CONTROLLER_ACCOUNT, ENVELOPE_SECRET, UNSEALER_ACCOUNT, UNSEALER_TLS_SECRET
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.ring import ring_data
from tests.support.cluster import ControlPlane
from tests.support.faulty_proxy import FaultyProxy
from tests.support.unsealer_process import LOOPBACK, UnsealerProcess
from tests.support.unsealer_scene import CANARY, OTHERS, Credential, Pod, UnsealerScene, signed_again, unsealer_scene
from tests.support.wait import eventually

QUICK = ("--refresh-seconds=0.5",)
REVOCATION_SECONDS = 10.0


@pytest.fixture(scope="module")
def scene(installed: ControlPlane) -> Iterator[UnsealerScene]:
    with unsealer_scene(installed) as made:
        yield made


@pytest.fixture(scope="module")
def unsealer(scene: UnsealerScene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnsealerProcess]:
    folder = tmp_path_factory.mktemp("unsealer")
    with UnsealerProcess.start(scene.plane, folder, scene.home, scene.trust(), QUICK) as process:
        yield process
    assert CANARY not in process.log.read_text(encoding="utf-8")


@pytest.fixture
def pod(scene: UnsealerScene, namespace: str) -> Pod:
    return scene.pod(namespace)


@pytest.fixture
def credential(scene: UnsealerScene, namespace: str) -> Credential:
    return scene.credential(namespace)


@pytest.fixture(scope="module")
def elsewhere(installed: ControlPlane) -> Iterator[str]:
    name = installed.new_namespace("unsealer-elsewhere")
    yield name
    installed.delete_namespace(name)


def test_a_pod_whose_account_is_named_has_its_envelope_opened(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential
) -> None:
    answer = unsealer.unseal(scene.token(pod), credential.name, scene.envelope(credential))

    assert answer.status == 200
    assert answer.json == {"content": {"OPENAI_API_KEY": CANARY}, "sequence": 1}
    assert answer.headers["cache-control"] == "no-store"


def test_an_account_that_rbac_allows_has_it_opened_and_no_other(
    scene: UnsealerScene, unsealer: UnsealerProcess, namespace: str
) -> None:
    credential = scene.credential(namespace, serviceAccounts=None)
    rule = {
        "apiGroups": ["llmkeys.dev"],
        "resources": ["llmcredentials/unseal"],
        "resourceNames": [credential.name],
        "verbs": ["create"],
    }
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    scene.api.create(f"{rbac}/roles", {"metadata": {"name": credential.name}, "rules": [rule]})
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": credential.name}
    subjects = [{"kind": "ServiceAccount", "name": "batch", "namespace": namespace}]
    body = {"metadata": {"name": credential.name}, "roleRef": reference, "subjects": subjects}
    scene.api.create(f"{rbac}/rolebindings", body)
    allowed, other = scene.token(scene.pod(namespace, "batch")), scene.token(scene.pod(namespace, "stranger"))

    def opened() -> bool:
        return unsealer.unseal(allowed, credential.name, scene.envelope(credential)).reason == "Opened"

    eventually(opened, timeout=20, message="the role's coming into force")
    denied = unsealer.unseal(other, credential.name, scene.envelope(credential))
    assert (denied.status, denied.reason) == (403, "Denied")
    assert "spec.target.serviceAccounts" in denied.json["message"]
    assert f"llmkeys manifest rolebinding {credential.name}" in denied.json["message"]


def test_a_token_that_proves_nothing_opens_nothing(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential
) -> None:
    envelope = scene.envelope(credential)
    good = scene.token(pod)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    reasons = {
        "": "TokenMissing",
        "nothing": "TokenInvalid",
        signed_again(good, stranger): "TokenInvalid",
        scene.token(pod, "https://kubernetes.default.svc"): "WrongAudience",
        scene.token_by_hand(pod.namespace, pod.account): "NotPodBound",
    }
    for token, reason in reasons.items():
        answer = unsealer.unseal(token, credential.name, envelope)
        assert (answer.status, answer.reason) == (401, reason)


def test_an_expired_token_opens_nothing(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential
) -> None:
    if not scene.plane.owned:
        pytest.skip("an existing cluster does not lend us its signing key")
    now = int(time.time())
    signing_key = scene.plane.kubeconfig.with_name("service-accounts.key")
    token, envelope = scene.token(pod), scene.envelope(credential)

    valid = signed_again(token, signing_key, exp=now + 300, jti="made-here")
    expired = signed_again(token, signing_key, iat=now - 4000, nbf=now - 4000, exp=now - 3400)

    assert unsealer.unseal(valid, credential.name, envelope).reason == "Opened"
    assert unsealer.unseal(expired, credential.name, envelope).reason == "TokenInvalid"


def test_the_token_of_a_deleted_pod_opens_nothing_ten_seconds_later(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential
) -> None:
    token, envelope = scene.token(pod), scene.envelope(credential)
    assert unsealer.unseal(token, credential.name, envelope).reason == "Opened"
    scene.delete_pod(pod)

    def refused() -> bool:
        return unsealer.unseal(token, credential.name, envelope).reason == "TokenInvalid"

    # The API server remembers its own verdicts for ten seconds as well.
    eventually(refused, timeout=2 * REVOCATION_SECONDS + 5, every=0.5, message="the end of the deleted pod's token")


def test_a_token_of_another_namespace_opens_nothing(
    scene: UnsealerScene, unsealer: UnsealerProcess, credential: Credential, elsewhere: str
) -> None:
    token = scene.token(scene.pod(elsewhere))
    answer = unsealer.unseal(token, credential.name, scene.envelope(credential))
    assert (answer.status, answer.reason) == (404, "NoSuchCredential")


def test_a_copied_envelope_opens_nowhere_else(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential, elsewhere: str
) -> None:
    envelope = scene.envelope(credential)
    namesake, stranger = scene.credential(pod.namespace), scene.credential(elsewhere)

    under_another_name = unsealer.unseal(scene.token(pod), namesake.name, envelope)
    in_another_namespace = unsealer.unseal(scene.token(scene.pod(elsewhere)), stranger.name, envelope)

    assert (under_another_name.status, under_another_name.reason) == (403, "OtherCredential")
    assert in_another_namespace.reason == "OtherCredential"


def test_an_envelope_does_not_outlive_its_credential(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, namespace: str
) -> None:
    token = scene.token(pod)
    deleted, replaced = scene.credential(namespace), scene.credential(namespace)
    of_deleted, of_replaced = scene.envelope(deleted), scene.envelope(replaced)
    scene.delete(deleted)
    again = scene.create_again(replaced)

    assert unsealer.unseal(token, deleted.name, of_deleted).reason == "NoSuchCredential"
    assert unsealer.unseal(token, replaced.name, of_replaced).reason == "OtherCredential"
    assert unsealer.unseal(token, again.name, scene.envelope(again)).reason == "Opened"


def test_a_credential_that_is_switched_off_or_withdrawn_opens_nothing(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, namespace: str
) -> None:
    token = scene.token(pod)
    switched_off, disabled, withdrawn = (scene.credential(namespace) for _ in range(3))
    scene.edit(switched_off, enabled=False)
    scene.deliver(disabled, 2, "Disabled")
    scene.deliver(withdrawn, 2, "Withdrawn")

    for credential, reason in ((switched_off, "Disabled"), (disabled, "Disabled"), (withdrawn, "Withdrawn")):
        answer = unsealer.unseal(token, credential.name, scene.envelope(credential))
        assert (answer.status, answer.reason) == (403, reason)


def test_an_old_delivery_opens_only_while_it_may_lag(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, namespace: str
) -> None:
    token = scene.token(pod)
    lagging, over = scene.credential(namespace), scene.credential(namespace)
    scene.deliver(lagging, 3, previousUntil=rfc3339(time.time() + 300))
    scene.deliver(over, 3, previousUntil=rfc3339(time.time() - 300))

    def reason(credential: Credential, sequence: int) -> str:
        return unsealer.unseal(token, credential.name, scene.envelope(credential, sequence)).reason

    assert [reason(lagging, sequence) for sequence in (1, 2, 3, 4)] == ["StaleEnvelope", "Opened", "Opened", "Opened"]
    assert [reason(over, sequence) for sequence in (2, 3)] == ["StaleEnvelope", "Opened"]


def test_a_credential_edited_to_another_form_releases_nothing(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, namespace: str
) -> None:
    token = scene.token(pod)
    plain, end_to_end = scene.credential(namespace), scene.credential(namespace)
    scene.edit(plain, target={"encryption": "None"})
    recipient = PrivateKey.generate().public.text()
    scene.edit(end_to_end, target={"recipients": [recipient], "serviceAccounts": None})

    for credential in (plain, end_to_end):
        answer = unsealer.unseal(token, credential.name, scene.envelope(credential))
        assert (answer.status, answer.reason) == (403, "OtherForm")


def test_ten_megabytes_and_a_silent_client_disturb_nobody(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential
) -> None:
    token = scene.token(pod)
    with (
        socket.create_connection((LOOPBACK, unsealer.port())),  # never even begins with TLS
        socket.create_connection((LOOPBACK, unsealer.port())) as plain,
        scene.trust().wrap_socket(plain, server_hostname=LOOPBACK) as slow,
    ):
        slow.sendall(b"POST /v1/unseal HTTP/1.1\r\nHost: ")
        try:
            answer = unsealer.unseal(token, credential.name, "x" * 10 * 1024 * 1024)
            assert (answer.status, answer.reason) == (413, "TooLarge")
        except OSError:
            pass  # cut off while still sending
        assert unsealer.unseal(token, credential.name, scene.envelope(credential)).reason == "Opened"
    eventually(lambda: unsealer.audit(reason="TooLarge"), message="the audit line about it")


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_a_clock_that_is_wrong_by_an_hour_neither_stops_it_nor_opens_what_is_old(
    ahead: float,
    scene: UnsealerScene,
    pod: Pod,
    credential: Credential,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("skewed")
    token, envelope = scene.token(pod), scene.envelope(credential)
    with UnsealerProcess.start(scene.plane, folder, scene.home, scene.trust(), clock_ahead=ahead) as skewed:
        assert skewed.unseal(token, credential.name, envelope).reason == "Opened"
        old = scene.credential(pod.namespace)
        scene.deliver(old, 3)
        reasons = [skewed.unseal(token, old.name, scene.envelope(old, one)).reason for one in (1, 2, 3)]
    assert reasons == ["StaleEnvelope", "StaleEnvelope", "Opened"]


def test_its_account_reads_its_own_two_secrets_and_no_other(scene: UnsealerScene) -> None:
    kubeconfig = scene.plane.service_account_kubeconfig(scene.home, UNSEALER_ACCOUNT)

    def may(verb: str, *what: str) -> bool:
        done = scene.plane.kubectl("auth", "can-i", verb, *what, check=False, kubeconfig=kubeconfig)
        return done.stdout.strip() == "yes"

    here = f"--namespace={scene.home}"
    for name in (ENVELOPE_SECRET, UNSEALER_TLS_SECRET):
        assert may("get", f"secrets/{name}", here)
        assert not may("patch", f"secrets/{name}", here)
        assert not may("get", f"secrets/{name}", "--namespace=default")
    for name in OTHERS:
        done = scene.plane.kubectl("get", "secret", name, here, check=False, kubeconfig=kubeconfig)
        assert "Forbidden" in done.stderr
        assert CANARY not in done.stdout
    for verb in ("list", "watch", "create", "delete"):
        assert not may(verb, "secrets", here)
    assert may("get", "llmcredentials.llmkeys.dev", "--all-namespaces")
    for verb in ("list", "watch", "patch", "update", "create", "delete"):
        assert not may(verb, "llmcredentials.llmkeys.dev", "--all-namespaces")
    for verb, resource in (("create", "pods"), ("get", "configmaps"), ("get", "namespaces"), ("get", "pods")):
        assert not may(verb, resource, here)


def test_a_new_ring_and_a_new_certificate_are_taken_up_while_it_runs(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential
) -> None:
    token, before = scene.token(pod), scene.envelope(credential)
    scene.ring = scene.ring.rotate(time.time())
    scene.put_secret(ENVELOPE_SECRET, ring_data(scene.ring))
    scene.authority = type(scene.authority)()
    scene.put_secret(UNSEALER_TLS_SECRET, scene.certificate())
    unsealer.trust = scene.trust()

    def served() -> bool:
        try:
            return unsealer.unseal(token, credential.name, scene.envelope(credential)).reason == "Opened"
        except OSError:
            return False

    eventually(served, message="the new ring behind the new certificate")
    assert unsealer.unseal(token, credential.name, before).reason == "Opened"


@pytest.mark.parametrize("content", [{"ring.json": b"{"}, {}])
def test_a_ring_that_was_damaged_leaves_the_one_in_use(
    content: dict[str, bytes], scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential
) -> None:
    seen = len([line for line in unsealer.lines() if line["event"] == "what was read before stays in use"])
    scene.put_secret(ENVELOPE_SECRET, content)
    try:
        eventually(
            lambda: (
                len([one for one in unsealer.lines() if one["event"] == "what was read before stays in use"]) > seen
            ),
            message="the warning about it",
        )
        answer = unsealer.unseal(scene.token(pod), credential.name, scene.envelope(credential))
        assert answer.reason == "Opened"
    finally:
        scene.put_secret(ENVELOPE_SECRET, ring_data(scene.ring))


def test_the_controller_and_nobody_else_reads_who_used_what(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential
) -> None:
    token = scene.token(pod)
    for _ in range(2):
        unsealer.unseal(token, credential.name, scene.envelope(credential))
    answer = unsealer.call("GET", "/v1/usage", scene.token_by_hand(scene.home, CONTROLLER_ACCOUNT))
    strangers = [
        scene.token_by_hand(scene.home, "somebody"),
        scene.token_by_hand(pod.namespace, CONTROLLER_ACCOUNT),
        token,
    ]

    assert answer.status == 200
    (line,) = [one for one in answer.json["usage"] if one["credential"] == credential.name]
    assert (line["namespace"], line["serviceAccount"], line["count"]) == (pod.namespace, "chat", 2)
    assert [unsealer.call("GET", "/v1/usage", one).reason for one in strangers] == ["Denied"] * 3


def test_every_answer_is_a_line_and_a_count(
    scene: UnsealerScene, unsealer: UnsealerProcess, pod: Pod, credential: Credential
) -> None:
    unsealer.unseal(scene.token(pod), credential.name, scene.envelope(credential))
    unsealer.unseal(scene.token(scene.pod(pod.namespace, "stranger")), credential.name, scene.envelope(credential))

    def lines() -> list[dict[str, object]]:
        found = unsealer.audit(credential=credential.name)
        assert len(found) == 2
        return found

    yes, no = eventually(lines, message="two audit lines")
    assert (yes["decision"], yes["service_account"], yes["pod"], yes["pod_uid"], yes["fields"]) == (
        "yes",
        "chat",
        pod.name,
        pod.uid,
        ["OPENAI_API_KEY"],
    )
    assert (no["decision"], no["reason"], no["service_account"]) == ("no", "Denied", "stranger")
    metrics = unsealer.page("/metrics")
    assert 'llmkeys_unsealer_answers_total{path="/v1/unseal",reason="Denied"}' in metrics
    assert CANARY not in metrics
    assert credential.name not in metrics


def test_without_the_api_server_it_opens_nothing_and_says_when_to_come_back(
    scene: UnsealerScene, pod: Pod, credential: Credential, tmp_path_factory: pytest.TempPathFactory
) -> None:
    proxy = FaultyProxy.start(scene.plane)
    try:
        folder = tmp_path_factory.mktemp("proxied")
        with UnsealerProcess.start(proxy, folder, scene.home, scene.trust()) as unsealer:
            proxy.fail("POST", "tokenreviews", 503, times=1000, retry_after=7)
            away = unsealer.unseal(scene.token(pod), credential.name, scene.envelope(credential))
            proxy.forget()
            back = unsealer.unseal(scene.token(pod), credential.name, scene.envelope(credential))
    finally:
        proxy.stop()
    assert (away.status, away.reason, away.headers["retry-after"]) == (503, "Unavailable", "7")
    assert back.reason == "Opened"


def test_it_waits_for_the_controller_to_make_its_ring_and_certificate(
    installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with unsealer_scene(installed) as scene:
        secrets = f"/api/v1/namespaces/{scene.home}/secrets"
        for name in (ENVELOPE_SECRET, UNSEALER_TLS_SECRET):
            scene.api.delete(f"{secrets}/{name}")
        folder = tmp_path_factory.mktemp("early")
        with UnsealerProcess.start(installed, folder, scene.home, scene.trust(), wait=False) as unsealer:
            eventually(lambda: "not read yet" in unsealer.page("/readyz"), timeout=20, message="its being up")
            assert unsealer.page("/healthz") == "ok\n"
            scene.put_secret(ENVELOPE_SECRET, ring_data(scene.ring))
            scene.put_secret(UNSEALER_TLS_SECRET, scene.certificate())
            unsealer.wait_ready()
        assert any(ENVELOPE_SECRET in line.get("why", "") for line in unsealer.lines())
