"""What GitOps clients make of our objects, in every state: kstatus (Flux, Helm, kpt) and Argo CD's health script.

Each version of an object that the API server ever showed is judged, not only the last one: a state that was right in
the end may have been a lie before.
"""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, PROVIDER_KIND
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.kstatus_judge import Judge, kstatus_judge
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.world import World

SCRIPTS: Final = ROOT / "examples" / "gitops" / "argocd" / "resource_customizations" / "llmkeys.dev"
# Switched off is Failed for kstatus, which knows no word for it, and Suspended for Argo CD.
AS_ARGO_CD_SAYS: Final = {
    "InProgress": {"Progressing"},
    "Current": {"Healthy"},
    "Failed": {"Degraded", "Suspended"},
}
Object = dict[str, Any]


@pytest.fixture(scope="session")
def judge() -> Judge:
    return kstatus_judge()


def script_of(made: Object) -> Path:
    return SCRIPTS / made["kind"] / "health.lua"


def said(judge: Judge, made: Object) -> str:
    """What kstatus says, once Argo CD's script was seen to agree."""
    (by_kstatus,) = judge.by_kstatus(made)
    (by_script,) = judge.by_script(script_of(made), made)
    assert by_script.status in AS_ARGO_CD_SAYS[by_kstatus.status], (by_kstatus, by_script)
    assert by_script.message
    return by_kstatus.status


def now(world: World, judge: Judge, name: str, kind: str = CREDENTIAL_KIND) -> str:
    return said(judge, world.object(kind, name))


# -- no operator has seen it -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "spec"),
    [(CREDENTIAL_KIND, {"providerRef": {"name": "nobody"}}), (PROVIDER_KIND, {"type": "openai"})],
)
def test_what_no_operator_has_seen_is_in_progress(
    installed: ControlPlane, namespace: str, provider_prefix: str, judge: Judge, kind: str, spec: Object
) -> None:
    name = f"{provider_prefix}unseen"
    manifest = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
    installed.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(manifest))

    found = json.loads(installed.kubectl("get", kind, name, "-n", namespace, "-o", "json").stdout)

    assert said(judge, found) == "InProgress"
    installed.kubectl("delete", kind, name, "-n", namespace)


# -- the last word on each state -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def provider(world: World) -> str:
    return world.provider()


def refused(world: World, provider: str) -> None:
    world.credential("refused", provider, world.key(Behaviour.REVOKED))
    world.wait("refused", ready="False", reason="Rejected")


def malformed(world: World, provider: str) -> None:
    world.credential("malformed", provider, "two words")
    world.wait("malformed", ready="False", reason="MalformedKey")


def broke(world: World, provider: str) -> None:
    world.credential("broke", provider, world.key(Behaviour.NO_MONEY))
    world.wait("broke", ready="False", reason="QuotaExhausted")


def throttled(world: World, provider: str) -> None:
    world.credential("throttled", provider, world.key(Behaviour.throttled(600)))
    world.wait("throttled", ready="Unknown", reason="Throttled")


def good(world: World, provider: str) -> None:
    world.proven("good", provider)


def good_but_throttled(world: World, provider: str) -> None:
    key = world.proven("good-but-throttled", provider)
    world.simulator.set(key, Behaviour.throttled(600))
    world.patch(CREDENTIAL_KIND, "good-but-throttled", requested("again"))
    world.wait("good-but-throttled", ready="True", reason="Throttled")


def sourceless(world: World, provider: str) -> None:
    world.credential("sourceless", provider, entries=[{"name": "k1", "secretRef": {"name": "not-there"}}])
    world.wait("sourceless", ready="Unknown", reason="SourceNotFound")


def providerless(world: World, provider: str) -> None:
    world.credential("providerless", f"{provider}-not-there", world.key())
    world.wait("providerless", ready="Unknown", reason="ProviderNotFound")


def disabled(world: World, provider: str) -> None:
    world.credential("disabled", provider, world.key(), enabled=False)
    world.wait("disabled", ready="False", reason="Disabled")


def without_model(world: World, provider: str) -> None:
    world.credential("without-model", provider, world.key(), requiredModels=["none-of-that-name"])
    world.wait("without-model", ready="False", reason="ModelUnavailable")


def away(world: World, _provider: str) -> None:
    elsewhere = world.provider(baseURL="https://127.0.0.1:1/v1")
    world.credential("away", elsewhere, world.key())
    world.wait("away", ready="Unknown", reason="ProviderUnreachable")


def overwritten(world: World, provider: str) -> None:
    world.create("Secret", "overwritten", data={"OTHER": "eA=="}, type="Opaque")
    world.credential("overwritten", provider, world.key())
    world.wait("overwritten", ready="False", reason="TargetConflict")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (good, "Current"),
        (good_but_throttled, "Current"),
        (refused, "Failed"),
        (malformed, "Failed"),
        (broke, "Failed"),
        (disabled, "Failed"),
        (overwritten, "Failed"),
        (throttled, "InProgress"),
        (sourceless, "InProgress"),
        (providerless, "InProgress"),
        (away, "InProgress"),
        (without_model, "InProgress"),
    ],
)
def test_a_credential_is_what_its_ready_and_stalled_say(
    world: World, judge: Judge, provider: str, state: Callable[[World, str], None], status: str
) -> None:
    state(world, provider)

    assert now(world, judge, state.__name__.replace("_", "-")) == status


def requested(value: str) -> Object:
    return {"metadata": {"annotations": {"llmkeys.dev/requestedAt": value}}}


@pytest.mark.parametrize(
    ("spec", "reason", "status"),
    [
        ({}, "Resolved", "Current"),
        ({"type": "no-such-type"}, "UnknownType", "Failed"),
        ({"enabled": False}, "ProviderDisabled", "Failed"),
        ({"type": "azure-openai", "baseURL": None}, "BadEndpoint", "Failed"),
    ],
)
def test_a_provider_is_what_its_ready_and_stalled_say(
    world: World, judge: Judge, spec: Object, reason: str, status: str
) -> None:
    name = world.provider(**spec)
    ready = "True" if status == "Current" else "False"
    world.wait(name, ready=ready, reason=reason, kind=PROVIDER_KIND)

    assert now(world, judge, name, PROVIDER_KIND) == status


# -- every version of it ---------------------------------------------------------------------------------------


def versions(world: World, name: str, since: str, kind: str = CREDENTIAL_KIND) -> Iterator[Object]:
    """All versions that the API server has shown of an object, from one on."""
    query = f"watch=1&resourceVersion={since}&fieldSelector=metadata.name={name}&timeoutSeconds=1"
    shown = world.stage.plane.kubectl("get", "--raw", f"{world.path(kind)}?{query}").stdout
    for line in shown.splitlines():
        event = json.loads(line)
        if event["type"] in {"ADDED", "MODIFIED"}:
            yield event["object"]


def lately(world: World) -> str:
    """A resourceVersion of now."""
    namespace: Object = world.stage.api.get(world.path("Secret"))
    return str(namespace["metadata"]["resourceVersion"])


def course(judge: Judge, shown: list[Object]) -> list[str]:
    """What was said from one version to the next, each word once."""
    words = [said(judge, one) for one in shown]
    return words[:1] + [after for before, after in pairwise(words) if before != after]


def test_from_first_to_last_version_a_good_one_goes_from_in_progress_to_current(
    world: World, judge: Judge, provider: str
) -> None:
    since = lately(world)
    key = world.key(Behaviour.slow(1.5))
    world.credential("slow", provider, key)
    world.wait("slow", ready="True", reason="Verified")

    shown = list(versions(world, "slow", since))

    assert course(judge, shown) == ["InProgress", "Current"]
    reasons = [
        ready["reason"] for one in shown for ready in one["status"].get("conditions", []) if ready["type"] == "Ready"
    ]
    assert reasons == ["Checking", "Verified"]


def test_from_first_to_last_version_a_dead_one_goes_from_in_progress_to_failed(
    world: World, judge: Judge, provider: str
) -> None:
    since = lately(world)
    world.credential("dead", provider, world.key(Behaviour.REVOKED))
    world.wait("dead", ready="False", reason="Rejected")

    assert course(judge, list(versions(world, "dead", since))) == ["InProgress", "Failed"]


def test_a_repaired_one_goes_from_failed_over_in_progress_to_current(world: World, judge: Judge, provider: str) -> None:
    key = world.key(Behaviour.REVOKED)
    world.credential("repaired", provider, key)
    world.wait("repaired", ready="False", reason="Rejected")
    since = lately(world)
    good = world.key(Behaviour.slow(1.0))
    world.source("repaired-2", apiKey=good)
    world.change("repaired", keys=[{"name": "k2", "secretRef": {"name": "repaired-2"}}])
    world.wait("repaired", ready="True", reason="Verified")

    assert course(judge, list(versions(world, "repaired", since))) == ["InProgress", "Current"]


def test_a_provider_goes_from_in_progress_to_current_and_after_a_change_again(world: World, judge: Judge) -> None:
    since = lately(world)
    name = world.provider()
    world.wait(name, ready="True", reason="Resolved", kind=PROVIDER_KIND)
    world.change_provider(name, headers={"X-Team": "platform"})
    world.wait(name, ready="True", reason="Resolved", kind=PROVIDER_KIND)

    shown = list(versions(world, name, since, PROVIDER_KIND))

    assert course(judge, shown) == ["InProgress", "Current", "InProgress", "Current"]


def test_nothing_is_current_before_the_present_generation_was_processed(
    world: World, judge: Judge, provider: str
) -> None:
    world.proven("changed", provider)
    world.settle()
    world.stage.operator.stop()
    try:
        world.change("changed", expiresAt="2099-01-01T00:00:00Z")
        world.change_provider(provider, headers={"X-Team": "other"})
        behind = now(world, judge, "changed"), now(world, judge, provider, PROVIDER_KIND)
    finally:
        world.stage.restart_operator()

    assert behind == ("InProgress", "InProgress")
    eventually(lambda: now(world, judge, "changed") == "Current", message="the change")
    eventually(lambda: now(world, judge, provider, PROVIDER_KIND) == "Current", message="the change")


def test_by_kstatus_the_message_of_a_failed_one_says_what_to_do(world: World, judge: Judge, provider: str) -> None:
    world.credential("told", provider, world.key(Behaviour.REVOKED))
    world.wait("told", ready="False", reason="Rejected")

    (verdict,) = judge.by_kstatus(world.object(CREDENTIAL_KIND, "told"))

    assert verdict.message == world.message("told", "Stalled")
    assert "key" in verdict.message
