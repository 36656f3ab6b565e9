"""From a template to the objects that it asks for, each after what it needs, and each key bound to one host."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from llmkeys.api.credential import Target
from llmkeys.api.names import API_VERSION, BOOTSTRAP_NAMESPACE, CREDENTIAL_KIND, PROVIDER_KIND
from llmkeys.api.objects import Metadata
from llmkeys.api.provider import LLMProvider, ProviderSpec
from llmkeys.bootstrap.naming import is_label, is_subdomain
from llmkeys.bootstrap.planned import NAMESPACE_KIND, Plan, PlannedKey, PlannedObject, PlannedValue
from llmkeys.bootstrap.template import (
    Left,
    Place,
    Template,
    TemplateInvalidError,
    WantedCredential,
    WantedKey,
    WantedProvider,
)
from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.crypto.errors import PublicKeyMalformedError
from llmkeys.crypto.header import ANY
from llmkeys.delivery.holders import IN_CLEAR, delivery_of
from llmkeys.probe.url import BadEndpointError
from llmkeys.sealing.destination import Destination, destination_of
from llmkeys.sealing.errors import DestinationUnsuitableError
from llmkeys.sealing.terms import Terms

MAX_OBJECTS: Final = 2000
"""What one plan and one receipt can list."""

LARGEST_VALUE: Final = 40 * 1024
"""Bytes of one field; a sealed value is a text of 64 KiB at most."""

_ENDS: Final = "with a letter or a digit at each end"
_SUBDOMAIN: Final = f"use a-z, 0-9, hyphens and dots, 253 characters at most, {_ENDS}"
_LABEL: Final = f"use a-z, 0-9 and hyphens, 63 characters at most, {_ENDS}"


def plan_of(
    template: Template,
    catalogue: Catalogue,
    known: Mapping[str, LLMProvider],
    default_namespace: str = BOOTSTRAP_NAMESPACE,
) -> Plan:
    """What a template asks for, as objects.

    Args:
        template: as read.
        catalogue: says where the providers are.
        known: LLMProviders that are there already, by name; for credentials whose provider the template does not hold.
        default_namespace: of credentials that name none.

    Raises:
        TemplateInvalidError: names that no object can have, the same object twice, or too many of them.

    """
    planner = _Planner(catalogue, known, default_namespace)
    for provider in template.providers:
        planner.take_provider(provider)
    for credential in template.credentials:
        planner.take_credential(credential)
    objects = (*planner.namespaces.values(), *planner.providers.values(), *planner.credentials.values())
    if len(objects) > MAX_OBJECTS:
        raise TemplateInvalidError(
            Place(), f"it asks for {len(objects)} objects, and a bootstrap makes {MAX_OBJECTS} at most. Split it."
        )
    return Plan(template.shape, objects, tuple(sorted((*template.left, *planner.left), key=lambda one: one.place)))


class _Planner:
    """Objects so far, by what tells them apart."""

    def __init__(self, catalogue: Catalogue, known: Mapping[str, LLMProvider], default_namespace: str) -> None:
        self.namespaces: dict[str, PlannedObject] = {}
        self.providers: dict[str, PlannedObject] = {}
        self.credentials: dict[str, PlannedObject] = {}
        self.left: list[Left] = []
        self._catalogue = catalogue
        self._known = known
        self._default_namespace = default_namespace
        self._destinations: dict[str, Destination] = {}
        self._refused: set[str] = set()

    def take_provider(self, wanted: WantedProvider) -> None:
        _require(is_subdomain(wanted.name), wanted.place, f"an LLMProvider cannot have this name; {_SUBDOMAIN}")
        try:
            self._destinations[wanted.name] = destination_of(_typed(wanted), self._catalogue)
        except (UnknownProviderTypeError, BadEndpointError) as error:
            self._refused.add(wanted.name)
            self.left.append(Left(wanted.place, f"{PROVIDER_KIND} {wanted.name}", str(error)))
            return
        manifest = _manifest(PROVIDER_KIND, wanted.name, "", wanted.labels, wanted.annotations, wanted.spec)
        host = self._destinations[wanted.name].host
        _add(self.providers, PlannedObject(PROVIDER_KIND, "", wanted.name, manifest, wanted.place, host=host))

    def take_credential(self, wanted: WantedCredential) -> None:
        namespace = wanted.namespace or self._default_namespace
        _require(is_subdomain(wanted.name), wanted.place, f"an LLMCredential cannot have this name; {_SUBDOMAIN}")
        _require(is_label(namespace), wanted.place, f"a namespace cannot have this name; {_LABEL}")
        what = f"{CREDENTIAL_KIND} {namespace}/{wanted.name}"
        try:
            destination = self._destination(wanted)
            keys = tuple(_planned(wanted, namespace, key, destination) for key in wanted.keys)
        except _NotPlannedError as error:
            self.left.append(Left(wanted.place, what, str(error)))
            return
        manifest = _manifest(CREDENTIAL_KIND, wanted.name, namespace, wanted.labels, wanted.annotations, wanted.spec)
        host = destination.host if destination else ""
        _add(
            self.credentials,
            PlannedObject(CREDENTIAL_KIND, namespace, wanted.name, manifest, wanted.place, keys, host),
        )
        self.namespaces.setdefault(
            namespace,
            PlannedObject(
                NAMESPACE_KIND,
                "",
                namespace,
                {"apiVersion": "v1", "kind": NAMESPACE_KIND, "metadata": {"name": namespace}},
                wanted.place,
            ),
        )

    def _destination(self, wanted: WantedCredential) -> Destination | None:
        """Where its keys go; None where nothing is to be sealed and nothing says so."""
        name = str(wanted.spec.get("providerRef", {}).get("name", ""))
        if name in self._refused:
            raise _NotPlannedError(f"Its LLMProvider {name} is not taken over either.")
        if name not in self._destinations and name in self._known:
            try:
                self._destinations[name] = destination_of(self._known[name], self._catalogue)
            except (UnknownProviderTypeError, BadEndpointError) as error:
                raise _NotPlannedError(f"Its LLMProvider {name} cannot be used: {error}") from None
        if name in self._destinations:
            return self._destinations[name]
        if any(key.clear for key in wanted.keys):
            raise _NotPlannedError(
                f"LLMProvider {name} is neither in the template nor in the cluster, so it is not known to which host "
                "its keys may go. Put it into the template."
            )
        return None


class _NotPlannedError(Exception):
    """Why a credential is left."""


def _planned(wanted: WantedCredential, namespace: str, key: WantedKey, destination: Destination | None) -> PlannedKey:
    manifest: dict[str, Any] = {"name": key.name}
    if key.source:
        manifest["secretRef"] = dict(key.source)
    if key.sealed:
        manifest["sealed"] = dict(key.sealed)
    if not key.clear:
        return PlannedKey(manifest)
    if destination is None:
        raise AssertionError("a key in clear whose host is not known")
    try:
        destination.require_bindable()
        terms = Terms(destination.audience, delivery=_delivery(wanted))
    except DestinationUnsuitableError as error:
        raise _NotPlannedError(str(error)) from None
    values: dict[str, PlannedValue] = {}
    for field_name, secret in key.clear.items():
        name = field_name or (destination.entry.auth.field if destination.entry else "")
        if not name:
            raise _NotPlannedError(
                f"Key {key.name} must name its field, since the type of its LLMProvider is not known."
            )
        if len(secret.reveal().encode()) > LARGEST_VALUE:
            raise _NotPlannedError(f"Field {name} of key {key.name} is larger than {LARGEST_VALUE} bytes.")
        values[name] = PlannedValue(secret, terms.binding(namespace, wanted.name, name))
    return PlannedKey(manifest, values)


def _delivery(wanted: WantedCredential) -> str:
    try:
        target = msgspec.convert(wanted.spec.get("target", {}), Target)
        delivery = delivery_of(target)
    except (msgspec.ValidationError, PublicKeyMalformedError):
        raise _NotPlannedError("Its spec.target is not as the schema wants it.") from None
    return ANY if delivery == IN_CLEAR else delivery


def _typed(wanted: WantedProvider) -> LLMProvider:
    try:
        spec = msgspec.convert(wanted.spec, ProviderSpec)
    except msgspec.ValidationError:
        raise TemplateInvalidError(
            wanted.place, f"LLMProvider {wanted.name} is not as its schema wants it (kubectl explain llmprovider.spec)."
        ) from None
    return LLMProvider(Metadata(wanted.name), spec)


def _manifest(
    kind: str,
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    spec: Mapping[str, Any],
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": dict(spec)}


def _add(objects: dict[str, PlannedObject], one: PlannedObject) -> None:
    before = objects.setdefault(one.reference, one)
    _require(before is one, one.place, f"{one.reference} is there already, at {before.place}; one of them must go")


def _require(holds: bool, place: Place, text: str) -> None:
    if not holds:
        raise TemplateInvalidError(place, f"{text}.")
