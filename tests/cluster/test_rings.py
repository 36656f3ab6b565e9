"""The operator's own keys on a real API server, under the controller's account with rights in one namespace alone."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from selectors import BaseSelector
from typing import Any, Final

import pytest
import structlog
import yaml
from structlog.testing import capture_logs

from llmkeys.api.names import (
    CONTROLLER_ACCOUNT,
    DEFAULT_NAMESPACE,
    ENVELOPE_SECRET,
    INTERNAL_LABEL,
    MAC_SECRET,
    PUBLIC_KEYS,
    SEALING_SECRET,
    UNSEALER_CA_SECRET,
    UNSEALER_TLS_SECRET,
)
from llmkeys.crypto.certificates import DAY, SERVING_LIFE, YEAR, AuthorityMalformedError, Certificate
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.mac import KEY_BYTES
from llmkeys.crypto.ring import Ring, RingPurpose, State
from llmkeys.crypto.wrapping import Wrapper
from llmkeys.engine.effects import ConflictError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.public_keys import publish
from llmkeys.kube.ring_objects import OwnObjects
from llmkeys.kube.ring_secrets import RING_SECRETS, RingLostError, RingSecrets, RingUnreadableError, RingWrappedError
from llmkeys.kube.ring_use import Traces
from llmkeys.kube.rings import RENEW_EVERY, Rings
from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.wait import eventually, eventually_async

HOUR: Final = 3600.0
NOW: Final = 1_800_000_000.0
KEK: Final = bytes(range(32))
CERTIFICATES: Final = (UNSEALER_CA_SECRET, UNSEALER_TLS_SECRET)
OWN: Final = (*RING_SECRETS.values(), *CERTIFICATES)
structlog.configure(cache_logger_on_first_use=False)

NO_TRACES: Final = Traces()


@dataclass
class Home:
    """The operator's namespace as its admin sees it, and a clock."""

    api: AdminApi
    namespace: str
    client: ApiClient
    at: float = NOW
    base: str = field(init=False)

    def __post_init__(self) -> None:
        self.base = f"/api/v1/namespaces/{self.namespace}"

    def now(self) -> float:
        return self.at

    async def load(self, kek: bytes | None = None, *, traces: Traces = NO_TRACES, **more: Any) -> Rings:
        async def traced() -> Traces:
            return traces

        return await Rings.load(self.client, self.namespace, kek, self.now, traces=traced, **more)

    def path(self, name: str) -> str:
        return f"{self.base}/configmaps/{name}" if name == PUBLIC_KEYS else f"{self.base}/secrets/{name}"

    def found(self, name: str) -> Any:
        return self.api.get(self.path(name))

    def data(self, name: str) -> dict[str, bytes]:
        return {key: base64.b64decode(value) for key, value in (self.found(name).get("data") or {}).items()}

    def versions(self) -> dict[str, str]:
        return {name: self.found(name)["metadata"]["resourceVersion"] for name in (*OWN, PUBLIC_KEYS)}

    def delete(self, *names: str) -> None:
        for name in names:
            self.api.delete(self.path(name))

    def edit(self, name: str, data: dict[str, bytes | None]) -> None:
        encoded = {key: None if value is None else base64.b64encode(value).decode() for key, value in data.items()}
        self.api.merge(self.path(name), {"data": encoded})

    def create(self, name: str, data: dict[str, bytes]) -> None:
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        metadata = {"name": name, "labels": {INTERNAL_LABEL: "true"}}
        self.api.create(f"{self.base}/secrets", {"metadata": metadata, "type": "Opaque", "data": encoded})

    def published(self) -> list[str]:
        return [key["id"] for key in json.loads(self.found(PUBLIC_KEYS)["data"]["keys.json"])]


@pytest.fixture(scope="module")
def account(installed: ControlPlane, namespace: str) -> Iterator[str]:
    """The kubeconfig of a controller that may touch its own objects in its own namespace, and nothing else."""
    rbac = ROOT / "config" / "rbac"
    files = ("service-account.yaml", "controller.yaml", "watch-namespaces/own-namespace.yaml")
    objects = [one for file in files for one in yaml.safe_load_all((rbac / file).read_text(encoding="utf-8"))]
    ours = [one for one in objects if not one["kind"].startswith("Cluster")]
    text = yaml.safe_dump_all(ours).replace(DEFAULT_NAMESPACE, namespace)
    installed.kubectl("apply", "--server-side", "-f", "-", input=text)
    subject = f"--serviceaccount={namespace}:{CONTROLLER_ACCOUNT}"
    installed.kubectl("create", "clusterrolebinding", namespace, "--clusterrole=llmkeys-controller", subject)
    yield str(installed.service_account_kubeconfig(namespace, CONTROLLER_ACCOUNT))
    installed.kubectl("delete", "clusterrolebinding", namespace)


@pytest.fixture
async def home(
    installed: ControlPlane, namespace: str, account: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Home]:
    """The namespace without anything of the operator in it."""
    monkeypatch.setenv("KUBECONFIG", account)
    client = ApiClient()
    await client.open()
    made = Home(AdminApi(installed), namespace, client)
    for name in (*OWN, PUBLIC_KEYS):
        if made.found(name) is not None:
            made.delete(name)
    yield made
    await client.close()
    await eventually_async(nothing_is_open, message="the end of all connections")


async def nothing_is_open() -> bool:
    """Watches that were cancelled take leave of the API server before their connections close."""
    selector: BaseSelector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]  # noqa: SLF001
    return len(selector.get_map()) == 1  # the loop's own


@contextlib.asynccontextmanager
async def kept(rings: Rings) -> AsyncIterator[Callable[[], int]]:
    """Have rings kept; gives how often a change was told."""
    stop = asyncio.Event()
    told: list[None] = []
    keeping = asyncio.create_task(rings.keep(stop, lambda: told.append(None)))
    try:
        yield lambda: len(told)
    finally:
        stop.set()
        await asyncio.wait_for(keeping, 10)


async def changed(
    home: Home, purpose: RingPurpose, transition: Callable[[Ring], Ring], kek: bytes | None = None
) -> Ring:
    """A ring taken further by somebody else."""
    secrets = RingSecrets(OwnObjects(home.client, home.namespace), kek)
    return (await secrets.change(purpose, transition)).ring


async def test_the_first_start_makes_all_that_is_needed(home: Home) -> None:
    rings = await home.load()

    for name in OWN:
        assert home.found(name)["metadata"]["labels"] == {INTERNAL_LABEL: "true"}
        assert home.found(name)["type"] == ("kubernetes.io/tls" if name == UNSEALER_TLS_SECRET else "Opaque")
    assert home.published() == [rings.sealing.active.key_id]
    assert PublicKey.parse(home.found(PUBLIC_KEYS)["data"]["sealing"]).key_id == rings.sealing.active.key_id
    assert rings.mac.active.key_id == "1"
    assert rings.problem() is None


async def test_everybody_who_is_logged_in_may_read_the_public_keys_and_nothing_else(
    home: Home, installed: ControlPlane
) -> None:
    await home.load()
    text = (ROOT / "config" / "rbac" / "public-keys.yaml").read_text(encoding="utf-8")
    installed.kubectl("apply", "--server-side", "-f", "-", input=text.replace(DEFAULT_NAMESPACE, home.namespace))
    stranger = ("--as=somebody", "--as-group=system:authenticated", f"--namespace={home.namespace}")

    assert installed.kubectl("get", "configmap", PUBLIC_KEYS, *stranger).returncode == 0
    assert installed.kubectl("get", "configmaps", *stranger, check=False).returncode != 0
    assert installed.kubectl("get", "secret", SEALING_SECRET, *stranger, check=False).returncode != 0


async def test_a_restart_finds_the_same_keys_and_writes_nothing(home: Home) -> None:
    first = await home.load()
    before = home.versions()

    second = await home.load()

    assert (second.sealing, second.envelope, second.mac) == (first.sealing, first.envelope, first.mac)
    assert second.ca_bundle() == first.ca_bundle()
    assert home.versions() == before


async def test_operators_that_start_at_once_end_with_the_same_keys(home: Home) -> None:
    several = await asyncio.gather(*(home.load() for _ in range(6)))

    assert len({(one.sealing, one.envelope, one.mac, one.ca_bundle()) for one in several}) == 1
    assert home.published() == [several[0].sealing.active.key_id]


async def test_a_first_start_that_was_killed_half_way_goes_on(home: Home) -> None:
    sealing = (await home.load()).sealing
    home.delete(ENVELOPE_SECRET, PUBLIC_KEYS)  # the order of creation: sealing, envelope, mac, …, public keys

    rings = await home.load()

    assert rings.sealing == sealing
    assert home.published() == [sealing.active.key_id]


async def test_the_mac_key_of_earlier_versions_is_taken_over(home: Home) -> None:
    material = bytes(range(KEY_BYTES))
    home.create(MAC_SECRET, {"key": material, "version": b"7"})

    rings = await home.load()

    assert (rings.mac.active.key_id, rings.mac.active.material) == ("7", material)


@pytest.mark.parametrize("name", RING_SECRETS.values())
async def test_a_lost_ring_is_an_error_that_names_the_backup_and_never_a_new_ring(name: str, home: Home) -> None:
    await home.load()
    home.delete(name)

    with pytest.raises(RingLostError, match=r"llmkeys keys backup.*llmkeys keys restore FILE") as caught:
        await home.load()

    assert f"{home.namespace}/{name}" in str(caught.value)
    assert home.found(name) is None


@pytest.mark.parametrize(("name", "traces"), [(ENVELOPE_SECRET, Traces(envelope=True)), (MAC_SECRET, Traces(mac=True))])
async def test_a_ring_that_our_status_tells_of_is_lost_even_if_nothing_else_is_left(
    name: str, traces: Traces, home: Home
) -> None:
    with pytest.raises(RingLostError, match=name):
        await home.load(traces=traces)
    assert home.found(name) is None


SPOILT: Final = {
    "truncated": lambda data: {"ring.json": data["ring.json"][:-40]},
    "emptied": lambda _: {"ring.json": None},
    "edited": lambda data: {"ring.json": data["ring.json"].replace(b'"active"', b'"retired"')},
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("name", RING_SECRETS.values())
async def test_a_spoilt_ring_is_an_error_at_the_start_and_is_left_as_it_is(name: str, how: str, home: Home) -> None:
    material = (await home.load()).sealing.active.material
    home.edit(name, SPOILT[how](home.data(name)))
    spoilt = home.data(name)

    with pytest.raises(RingUnreadableError, match="llmkeys keys restore --replace FILE") as caught:
        await home.load()

    assert name in str(caught.value)
    assert base64.b64encode(material).decode() not in str(caught.value)
    assert home.data(name) == spoilt


@pytest.mark.parametrize("how", SPOILT)
async def test_a_ring_that_is_spoilt_while_the_operator_runs_stays_in_use(how: str, home: Home) -> None:
    rings = await home.load()
    sealing, good = rings.sealing, home.data(SEALING_SECRET)
    async with kept(rings):
        home.edit(SEALING_SECRET, SPOILT[how](good))
        problem = await eventually_async(problem_of(rings))

        assert SEALING_SECRET in str(problem)
        assert rings.sealing == sealing
        home.at += RENEW_EVERY
        await rings.refresh(())
        assert home.data(SEALING_SECRET) != good, "a ring that cannot be read is not written"

        home.at -= RENEW_EVERY
        home.edit(SEALING_SECRET, good)
        await eventually_async(problem_of(rings, is_none=True), timeout=20)
        assert rings.sealing == sealing


def problem_of(rings: Rings, *, is_none: bool = False) -> Callable[[], Any]:
    async def check() -> str | bool | None:
        return rings.problem() is None if is_none else rings.problem()

    return check


@pytest.mark.parametrize("name", RING_SECRETS.values())
async def test_a_ring_whose_secret_is_deleted_while_the_operator_runs_is_put_back_loudly(name: str, home: Home) -> None:
    rings = await home.load()
    data = home.data(name)
    with capture_logs() as logged:
        async with kept(rings):
            home.delete(name)
            await asyncio.to_thread(eventually, lambda: home.found(name))

    assert home.data(name) == data
    (line,) = [one for one in logged if one["log_level"] == "error"]
    assert line["secret"] == f"{home.namespace}/{name}"
    assert "llmkeys keys backup" in line["advice"]


async def test_a_change_by_somebody_else_is_taken_over_at_once_and_published(home: Home) -> None:
    rings = await home.load()
    async with kept(rings) as told:
        ring = await changed(home, "sealing", lambda ring: ring.rotate(NOW + 1))
        await asyncio.to_thread(eventually, told)

        assert rings.sealing == ring
        wanted = [key.key_id for key in reversed(ring.keys)]
        await asyncio.to_thread(eventually, lambda: home.published() == wanted)


async def test_keys_that_somebody_takes_out_of_a_ring_are_missed_aloud(home: Home) -> None:
    rings = await home.load()
    lost = rings.envelope.active.key_id
    with capture_logs() as logged:
        await changed(home, "envelope", lambda _: Ring.first("envelope", NOW))
        await rings.refresh()

    assert [one["keys"] for one in logged if one["log_level"] == "warning"] == [[lost]]


async def test_public_keys_that_are_deleted_or_changed_are_published_again(home: Home) -> None:
    rings = await home.load()
    wanted = home.found(PUBLIC_KEYS)["data"]
    async with kept(rings):
        home.delete(PUBLIC_KEYS)
        await asyncio.to_thread(eventually, lambda: home.found(PUBLIC_KEYS))
        assert home.found(PUBLIC_KEYS)["data"] == wanted

        home.api.merge(home.path(PUBLIC_KEYS), {"data": {"sealing": "llmkeys-public-1:AAAA", "more": "of it"}})
        await asyncio.to_thread(eventually, lambda: home.found(PUBLIC_KEYS)["data"] == wanted)


async def test_rings_are_renewed_when_they_are_due_but_never_the_mac_key(home: Home) -> None:
    rings = await home.load()
    before = {"sealing": rings.sealing, "envelope": rings.envelope}
    mac = rings.mac
    home.at += RENEW_EVERY - 1
    await rings.refresh(())
    assert rings.sealing == before["sealing"]

    home.at += 1
    assert await rings.refresh(())

    for purpose, ring in (("sealing", rings.sealing), ("envelope", rings.envelope)):
        old = before[purpose].active.key_id
        assert ring.active.key_id != old
        assert ring.find(old).state is State.DECRYPT_ONLY
    assert rings.mac == mac
    assert home.published()[0] == rings.sealing.active.key_id
    again = await home.load()
    assert (again.sealing, again.envelope) == (rings.sealing, rings.envelope)


async def test_of_two_operators_that_renew_at_once_one_does(home: Home) -> None:
    one, other = await home.load(), await home.load()
    home.at += RENEW_EVERY

    await asyncio.gather(one.refresh(), other.refresh())
    await asyncio.gather(one.refresh(), other.refresh())

    assert len(one.sealing.keys) == len(one.envelope.keys) == 2
    assert (one.sealing, one.envelope) == (other.sealing, other.envelope)


async def test_a_rotation_that_was_killed_half_way_is_finished_by_the_next_start(home: Home) -> None:
    rings = await home.load()
    # One patch is the whole rotation; what is killed after it has not published.
    ring = await changed(home, "sealing", lambda ring: ring.rotate(NOW + 1))
    assert home.published() == [rings.sealing.active.key_id]

    resumed = await home.load()

    assert resumed.sealing == ring
    assert home.published() == [ring.active.key_id, rings.sealing.active.key_id]


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
async def test_an_operator_whose_clock_is_an_hour_off_changes_nothing(skew: float, home: Home) -> None:
    rings = await home.load()
    before = home.versions()
    home.at += skew

    other = await home.load()
    await other.refresh()

    assert other.sealing == rings.sealing
    assert home.versions() == before


async def test_with_a_kek_no_ring_is_ever_stored_in_clear(home: Home) -> None:
    rings = await home.load(KEK)
    home.at += RENEW_EVERY
    await rings.refresh(())

    for purpose, name in RING_SECRETS.items():
        ring = {"sealing": rings.sealing, "envelope": rings.envelope, "mac": rings.mac}[purpose]
        data = home.data(name)
        assert list(data) == ["ring.enc"]
        assert not any(key.material in data["ring.enc"] for key in ring.keys)
        assert Wrapper(KEK).unwrap(data, purpose)
    again = await home.load(KEK)
    assert (again.sealing, again.envelope, again.mac) == (rings.sealing, rings.envelope, rings.mac)


async def test_rings_in_clear_are_wrapped_once_there_is_a_kek(home: Home) -> None:
    clear = await home.load()

    wrapped = await home.load(KEK)

    assert (wrapped.sealing, wrapped.mac) == (clear.sealing, clear.mac)
    assert all(list(home.data(name)) == ["ring.enc"] for name in RING_SECRETS.values())
    assert await clear.refresh() is False
    assert "--keyring-kek" in str(clear.problem())
    assert clear.sealing == wrapped.sealing


async def test_wrapped_rings_need_the_kek_they_were_wrapped_with(home: Home) -> None:
    await home.load(KEK)

    with pytest.raises(RingWrappedError, match="--keyring-kek FILE"):
        await home.load()
    with pytest.raises(RingUnreadableError, match="another key-encryption key"):
        await home.load(bytes(32))


async def test_the_serving_certificate_is_renewed_in_time_for_the_unsealer_s_names(home: Home) -> None:
    rings = await home.load(more_names=["127.0.0.1"])
    first = home.data(UNSEALER_TLS_SECRET)["tls.crt"].decode()
    home.at += SERVING_LIFE / 2
    await rings.refresh(())
    assert home.data(UNSEALER_TLS_SECRET)["tls.crt"].decode() == first

    home.at += SERVING_LIFE / 4
    assert await rings.refresh(()) is False, "the bundle is the same"

    second = Certificate(home.data(UNSEALER_TLS_SECRET)["tls.crt"].decode())
    assert second.not_after == home.at + SERVING_LIFE
    second.parsed.verify_directly_issued_by(Certificate(rings.ca_bundle()).parsed)
    names = str(second.parsed.extensions)
    assert f"llmkeys-unsealer.{home.namespace}.svc" in names
    assert "127.0.0.1" in names


async def test_a_serving_certificate_that_somebody_spoils_is_replaced(home: Home) -> None:
    rings = await home.load()
    async with kept(rings):
        home.edit(UNSEALER_TLS_SECRET, {"tls.crt": b"nothing", "tls.key": b"nothing"})
        await asyncio.to_thread(eventually, lambda: home.data(UNSEALER_TLS_SECRET)["tls.crt"].startswith(b"-----BEGIN"))


async def test_a_new_authority_is_told_before_it_signs(home: Home) -> None:
    rings = await home.load()
    first = rings.ca_bundle()
    home.at += 8.1 * YEAR
    assert await rings.refresh(())

    announced = rings.ca_bundle().removeprefix(first)
    assert rings.ca_bundle().startswith(first)
    assert announced.count("BEGIN CERTIFICATE") == 1
    assert "PRIVATE KEY" not in announced
    assert issuer(home) == Certificate(first).id

    home.at += YEAR + DAY
    await rings.refresh(())
    assert rings.ca_bundle() == first + announced
    assert issuer(home) == Certificate(announced).id


def issuer(home: Home) -> str:
    """The id of the authority in the stored Secret that signed the unsealer's certificate."""
    serving = Certificate(home.data(UNSEALER_TLS_SECRET)["tls.crt"].decode()).parsed
    current = Certificate(home.data(UNSEALER_CA_SECRET)["ca.crt"].decode())
    serving.verify_directly_issued_by(current.parsed)
    return current.id


async def test_an_authority_that_is_deleted_or_spoilt_while_the_operator_runs_signs_on(home: Home) -> None:
    rings = await home.load()
    bundle, good = rings.ca_bundle(), home.data(UNSEALER_CA_SECRET)
    home.edit(UNSEALER_CA_SECRET, {"ca.key": good["ca.key"][:50]})
    home.at += SERVING_LIFE
    await rings.refresh()

    assert UNSEALER_CA_SECRET in str(rings.problem())
    renewed = Certificate(home.data(UNSEALER_TLS_SECRET)["tls.crt"].decode())
    renewed.parsed.verify_directly_issued_by(Certificate(bundle).parsed)
    with pytest.raises(AuthorityMalformedError, match="llmkeys keys restore"):
        await home.load()

    home.delete(UNSEALER_CA_SECRET)
    await rings.refresh()
    assert home.data(UNSEALER_CA_SECRET) == good
    assert rings.problem() is None


async def test_a_lost_authority_is_made_anew_and_says_who_must_be_re_created(home: Home) -> None:
    before = (await home.load()).ca_bundle()
    home.delete(UNSEALER_CA_SECRET)

    with capture_logs() as logged:
        after = (await home.load()).ca_bundle()

    assert after != before
    (line,) = [one for one in logged if one["log_level"] == "error"]
    assert "Re-create the pods" in line["event"]


async def test_a_right_that_is_missing_is_a_problem_and_nothing_is_lost(home: Home, installed: ControlPlane) -> None:
    rings = await home.load()
    role = ("role", "llmkeys-controller", f"--namespace={home.namespace}")
    saved = json.loads(installed.kubectl("get", *role, "-o", "json").stdout)
    nothing = json.dumps({"rules": []})
    installed.kubectl("patch", *role, "--type=merge", "-p", nothing)
    try:

        async def refused() -> bool:
            await rings.refresh()
            return "check the roles" in str(rings.problem())

        await eventually_async(refused)
        assert rings.sealing.active
    finally:
        installed.kubectl("patch", *role, "--type=merge", "-p", json.dumps({"rules": saved["rules"]}))

    async def well() -> bool:
        await rings.refresh()
        return rings.problem() is None

    await eventually_async(well)


async def test_what_somebody_changed_meanwhile_is_not_overwritten(home: Home) -> None:
    rings = await home.load()
    objects = OwnObjects(home.client, home.namespace)
    found = await objects.read("configmaps", PUBLIC_KEYS)
    assert found is not None
    home.api.merge(home.path(PUBLIC_KEYS), {"metadata": {"annotations": {"seen": "true"}}})

    with pytest.raises(ConflictError):
        await objects.replace(found, {"sealing": b"x"})
    assert (await publish(objects, rings.sealing)).data == found.data
