"""What LLMCredentials give to pods, by their status alone, and which of them a pod gets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import yaml

from llmkeys.api.credential import ENVELOPE_TARGET, LLMCredential, UnsealerStatus
from llmkeys.api.names import CREDENTIAL_KIND, GROUP
from llmkeys.api.objects import condition_of
from llmkeys.inject.errors import CredentialRefusedError, StatusMalformedError
from llmkeys.inject.request import CREDENTIALS, MOUNT

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOTHING_DELIVERED: Final = ("Withdrawn", "Disabled")


@dataclass(frozen=True, slots=True)
class Offer:
    """A credential that a pod gets.

    Args:
        credential: the LLMCredential.
        required: the pod waits for it.

    """

    credential: LLMCredential
    required: bool

    @property
    def name(self) -> str:
        return self.credential.metadata.name

    @property
    def secret(self) -> str:
        return self.credential.status.secret_name

    @property
    def in_clear(self) -> bool:
        """Whether its Secret holds the values themselves."""
        return self.credential.status.encryption not in {"", ENVELOPE_TARGET}


def credentials_from(text: str) -> list[LLMCredential]:
    """The LLMCredentials that `kubectl get llmcredentials -o yaml` prints, or `-o json`.

    Raises:
        StatusMalformedError: the text holds none, or one is not as its schema wants it.

    """
    try:
        # CSafeLoader builds plain values only, as SafeLoader does.
        documents = list(yaml.load_all(text, Loader=_LOADER))
    except (yaml.YAMLError, RecursionError):
        raise StatusMalformedError("This holds no LLMCredentials: it is no YAML or JSON.") from None
    bodies = [
        body
        for document in documents
        for body in _bodies(document)
        if body.get("kind") == CREDENTIAL_KIND and str(body.get("apiVersion", "")).startswith(f"{GROUP}/")
    ]
    if not bodies:
        raise StatusMalformedError(
            "This holds no LLMCredentials. Write it by: kubectl get llmcredentials -n NAMESPACE -o yaml"
        )
    try:
        return [msgspec.convert(body, LLMCredential) for body in bodies]
    except msgspec.ValidationError as error:
        raise StatusMalformedError(f"An LLMCredential is not as its schema wants it: {error}") from None


def offers_for(
    credentials: Iterable[LLMCredential], names: Sequence[str] | None, namespace: str, *, files: bool
) -> list[Offer]:
    """What a pod gets: what it names, in that order; else all of its namespace that have a key, by name.

    Args:
        credentials: of any namespace.
        names: of credentials, None if the pod names none.
        namespace: of the pod.
        files: whether the pod wants files; those in clear have none, and give their variables if they are not named.

    Raises:
        CredentialRefusedError: one that is named cannot be given, or there is none at all.

    """
    here = {one.metadata.name: one for one in credentials if one.metadata.namespace == namespace}
    if names is None:
        offers = [Offer(here[name], required=False) for name in sorted(here) if _is_free(here[name])]
        if not offers:
            raise CredentialRefusedError(
                f"No LLMCredential of namespace {namespace} has delivered a key that a pod could be given. Name those "
                f"to wait for ({CREDENTIALS}), or see: kubectl get llmcredentials -n {namespace}"
            )
        return offers
    if missing := [name for name in names if name not in here]:
        raise CredentialRefusedError(
            f"There is no LLMCredential {', '.join(missing)} in namespace {namespace}. To see what is there: "
            f"kubectl get llmcredentials -n {namespace}"
        )
    offers = [Offer(here[name], required=True) for name in names]
    for offer in offers:
        _require_usable(offer, files=files)
    return offers


def unsealer_of(offers: Iterable[Offer]) -> UnsealerStatus | None:
    """Where the envelopes are opened; None if there are none."""
    return next((one.credential.status.unsealer for one in offers if not one.in_clear), None)


def troubles_of(offers: Iterable[Offer]) -> Iterable[str]:
    """A sentence for each that gives no key at present, so that a pod that starts now is refused or waits."""
    for offer in offers:
        credential, conditions = offer.credential, offer.credential.status.conditions
        synced, ready = condition_of(conditions, "SecretSynced"), condition_of(conditions, "Ready")
        if synced is None or synced.status != "True":
            reason = synced.reason if synced else "not looked at yet"
            told = f" {ready.message}" if ready and ready.message else ""
            yield f"LLMCredential {credential.key} delivers no key at present ({reason}).{told}"


def _is_free(credential: LLMCredential) -> bool:
    """Whether it is added to pods that name none."""
    status = credential.status
    synced = condition_of(status.conditions, "SecretSynced")
    has_key = synced is not None and synced.status == "True"
    if not has_key or credential.spec.target.recipients or not status.secret_name or not (status.env or status.files):
        return False
    return status.encryption != ENVELOPE_TARGET or status.unsealer is not None


def _require_usable(offer: Offer, *, files: bool) -> None:
    status, key = offer.credential.status, offer.credential.key
    if offer.credential.spec.target.recipients:
        raise CredentialRefusedError(
            f"LLMCredential {key} is sealed for the holders of its spec.target.recipients, and nobody else can open it "
            "in a pod: leave it out, and mount its Secret together with your identity."
        )
    if not status.secret_name or not (status.env or status.files) or not (offer.in_clear or status.unsealer):
        raise CredentialRefusedError(
            f"It is not known yet what LLMCredential {key} gives to a pod. See: llmkeys status {key}"
        )
    if offer.in_clear and (files or status.files):
        raise CredentialRefusedError(
            f"LLMCredential {key} is delivered in clear (spec.target.encryption: None), which gives variables and no "
            f"files: leave it out ({CREDENTIALS}, {MOUNT}), and mount its Secret {status.secret_name} yourself."
        )


def _bodies(document: Any) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        return []
    items = document.get("items")
    if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
        return [one for one in items if isinstance(one, dict)]
    return [document]
