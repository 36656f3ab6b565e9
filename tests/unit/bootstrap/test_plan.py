"""A template becomes objects: in an order that works, each key bound to one host, and none in clear."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.names import BOOTSTRAP_LABEL
from llmkeys.api.objects import Metadata
from llmkeys.api.provider import LLMProvider, ProviderSpec
from llmkeys.bootstrap.manifests import manifest_of, planned_mac
from llmkeys.bootstrap.naming import free_name, is_label, slug
from llmkeys.bootstrap.plan import LARGEST_VALUE, MAX_OBJECTS, plan_of
from llmkeys.bootstrap.planned import Plan, PlannedObject
from llmkeys.bootstrap.template import (
    Left,
    Place,
    Template,
    TemplateInvalidError,
    WantedCredential,
    WantedKey,
    WantedProvider,
)
from llmkeys.catalogue.loader import load
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.sealing import header_of, open_sealed
from llmkeys.crypto.secret import Secret

CATALOGUE = load()
KEY = "sk-CANARY-0123456789"
MAC = MacKey(1, bytes(range(32)))
PRIVATE = PrivateKey.generate()
PROVIDER = WantedProvider("openai", {"type": "openai"}, Place(1, 1))


def credential(value: str = KEY, **more: Any) -> WantedCredential:
    keys = (WantedKey("primary", Place(9, 1), clear={"": Secret(value)}),)
    return replace(WantedCredential("team-a", "openai", {"providerRef": {"name": "openai"}}, keys, Place(7, 1)), **more)


def planned(*credentials: WantedCredential, known: dict[str, LLMProvider] | None = None, **more: Any) -> Plan:
    template = replace(Template("ours", (PROVIDER,), credentials), **more)
    return plan_of(template, CATALOGUE, known or {})


def of_kind(plan: Plan, kind: str) -> list[PlannedObject]:
    return [one for one in plan.objects if one.kind == kind]


def sealed_in(one: PlannedObject) -> str:
    text = manifest_of(one, PRIVATE.public, 1)["spec"]["keys"][0]["sealed"]["apiKey"]
    assert isinstance(text, str)
    return text


def test_objects_come_after_what_they_need() -> None:
    plan = planned(credential(), credential(namespace="", name="other"))
    assert [one.reference for one in plan.objects] == [
        "Namespace/team-a",
        "Namespace/llmkeys-default",
        "LLMProvider/openai",
        "LLMCredential/team-a/openai",
        "LLMCredential/llmkeys-default/other",
    ]


def test_a_key_is_sealed_for_its_place_its_host_and_its_delivery() -> None:
    (one,) = of_kind(planned(credential()), "LLMCredential")
    binding = header_of(sealed_in(one)).binding
    assert (binding.namespace, binding.name, binding.field) == ("team-a", "openai", "apiKey")
    assert (binding.audience, binding.delivery) == ("https://api.openai.com", "envelope")
    assert open_sealed(sealed_in(one), lambda _: PRIVATE) == KEY.encode()


def test_a_key_for_a_plain_secret_is_sealed_for_any_delivery() -> None:
    spec = {"providerRef": {"name": "openai"}, "target": {"encryption": "None"}}
    (one,) = of_kind(planned(credential(spec=spec)), "LLMCredential")
    assert header_of(sealed_in(one)).binding.delivery == "any"


def test_no_manifest_holds_a_key_in_clear_and_all_carry_the_number() -> None:
    for one in planned(credential()).objects:
        manifest = manifest_of(one, PRIVATE.public, 3)
        assert manifest["metadata"]["labels"][BOOTSTRAP_LABEL] == "3"
        assert "CANARY" not in json.dumps(manifest)
        assert "CANARY" not in repr(one)


def test_the_host_is_that_of_the_template_even_where_the_cluster_has_another() -> None:
    there = {"openai": LLMProvider(Metadata("openai"), ProviderSpec("openai", base_url="https://evil.example/v1"))}
    (one,) = of_kind(planned(credential(), known=there), "LLMCredential")
    assert header_of(sealed_in(one)).binding.audience == "https://api.openai.com"


def test_a_credential_for_a_provider_of_the_cluster_is_bound_to_its_host() -> None:
    there = {"openai": LLMProvider(Metadata("openai"), ProviderSpec("openai", base_url="https://gw.example/v1"))}
    (one,) = of_kind(planned(credential(), known=there, providers=()), "LLMCredential")
    assert header_of(sealed_in(one)).binding.audience == "https://gw.example"


def test_a_credential_whose_provider_nobody_knows_is_left() -> None:
    plan = planned(credential(), providers=())
    assert plan.objects == ()
    assert "neither in the template nor in the cluster" in plan.left[0].why


def test_an_unknown_type_is_left_with_its_credentials_and_the_rest_goes_on() -> None:
    other = WantedProvider("mine", {"type": "opnai"}, Place(4, 1))
    plan = planned(
        credential(), credential(name="mine", spec={"providerRef": {"name": "mine"}}), providers=(PROVIDER, other)
    )
    assert [one.name for one in of_kind(plan, "LLMCredential")] == ["openai"]
    provider_left, credential_left = plan.left
    assert "openai" in provider_left.why
    assert "LLMProvider mine is not taken over" in credential_left.why


def test_what_is_sealed_already_stays_as_it_is() -> None:
    keys = (
        WantedKey("primary", Place(), sealed={"apiKey": "llmkeys1.x"}),
        WantedKey("b", Place(), source={"name": "s"}),
    )
    (one,) = of_kind(planned(credential(keys=keys)), "LLMCredential")
    assert manifest_of(one, PRIVATE.public, 1)["spec"]["keys"] == [
        {"name": "primary", "sealed": {"apiKey": "llmkeys1.x"}},
        {"name": "b", "secretRef": {"name": "s"}},
    ]


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [
        ({"name": "Not A Name"}, "hyphens and dots, 253 characters at most"),
        ({"name": "x" * 254}, "hyphens and dots, 253 characters at most"),
        ({"namespace": "not.a.label"}, "a-z, 0-9 and hyphens, 63 characters at most"),
        ({"namespace": "x" * 64}, "a-z, 0-9 and hyphens, 63 characters at most"),
    ],
)
def test_names_that_no_object_can_have_are_refused_with_their_place(wrong: dict[str, str], allowed: str) -> None:
    with pytest.raises(TemplateInvalidError, match=rf"line 7, column 1: .* name; use .*{allowed}.*[a-z]\.$"):
        planned(credential(**wrong))


def test_what_is_left_is_told_in_the_templates_order() -> None:
    left = tuple(Left(Place(line), "a part", "Why.") for line in (9, 2))
    plan = planned(credential(), providers=(), left=left)
    assert [one.place.line for one in plan.left] == [2, 7, 9]


def test_the_same_object_twice_is_refused_with_both_places() -> None:
    with pytest.raises(
        TemplateInvalidError, match=r"line 8, column 1: LLMCredential/team-a/openai .* line 7, column 1"
    ):
        planned(credential(), credential(place=Place(8, 1)))


def test_more_objects_than_a_receipt_can_list_are_refused() -> None:
    many = [credential(name=f"c{number}") for number in range(MAX_OBJECTS)]
    with pytest.raises(TemplateInvalidError, match="Split it"):
        planned(*many)


def test_a_value_too_large_to_be_sealed_is_left() -> None:
    assert planned(credential("x" * LARGEST_VALUE)).left == ()
    plan = planned(credential("x" * (LARGEST_VALUE + 1)))
    assert of_kind(plan, "LLMCredential") == []
    assert "larger than" in plan.left[0].why


def test_the_largest_value_can_be_sealed() -> None:
    (one,) = of_kind(planned(credential("x" * LARGEST_VALUE)), "LLMCredential")
    assert len(sealed_in(one)) <= 64 * 1024


def mac_of(wanted: WantedCredential, provider: WantedProvider = PROVIDER) -> str:
    (one,) = of_kind(planned(wanted, providers=(provider,)), "LLMCredential")
    return planned_mac(one, MAC)


def test_the_same_content_has_the_same_digest_and_any_change_another() -> None:
    gateway = WantedProvider("openai", {"type": "openai", "baseURL": "https://gw.example"}, Place())
    sealed = (WantedKey("primary", Place(), sealed={"apiKey": "llmkeys1.x"}),)
    assert mac_of(credential()) == mac_of(credential(place=Place(99, 1)))
    others = [
        credential("sk-other"),
        credential(name="other"),
        credential(namespace="team-b"),
        credential(keys=sealed),
        credential(keys=(replace(credential().keys[0], name="backup"),)),
        credential(labels={"a": "b"}),
        credential(spec={"providerRef": {"name": "openai"}, "enabled": False}),
    ]
    digests = {mac_of(one) for one in (credential(), *others)} | {mac_of(credential(), gateway)}
    assert len(digests) == len(others) + 2


@given(st.text())
def test_a_slug_is_empty_or_a_label(text: str) -> None:
    made = slug(text)
    assert made == "" or (is_label(made) and slug(made) == made)


@given(st.sets(st.sampled_from(["a", "a-2", "a-3", "a-4", "b"])))
def test_a_free_name_is_free(taken: set[str]) -> None:
    assert free_name("a", taken) not in taken
