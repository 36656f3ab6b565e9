"""LLMCredential as a typed value."""

from typing import Any, Final

import msgspec

from llmkeys.api.durations import seconds
from llmkeys.api.models import ModelsStatus
from llmkeys.api.objects import Condition, Key, Metadata
from llmkeys.api.reasons import Belief
from llmkeys.api.rollout import RolloutSpec, RolloutStatus

KEEP_LAST_GOOD = "KeepLastGood"
WITHDRAW = "Withdraw"
ENVELOPE_TARGET = "Envelope"
_REQUEST_LENGTH: Final = 256  # characters; what is behind them tells no two requests apart


class ProviderRef(msgspec.Struct, frozen=True):
    """The LLMProvider that says where requests go."""

    name: str


class SecretRef(msgspec.Struct, frozen=True):
    """A labelled source Secret; `fields` maps a field of the type to a key of the Secret."""

    name: str
    fields: dict[str, str] = {}


class KeyEntry(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of the ordered list of keys; `sealed` maps a field of the type to its text envelope."""

    name: str
    secret_ref: SecretRef | None = None
    sealed: dict[str, str] = {}


class Rotation(msgspec.Struct, frozen=True, rename="camel"):
    """How a replaced value leaves."""

    overlap: str | None = None


class CredentialValidation(msgspec.Struct, frozen=True, rename="camel"):
    """Wins over the provider's."""

    interval: str | None = None
    on_invalid: str = KEEP_LAST_GOOD


class Target(msgspec.Struct, frozen=True, rename="camel"):
    """The Secret that workloads read."""

    name: str | None = None
    encryption: str = ENVELOPE_TARGET
    format: str = "Env"
    data: dict[str, str] = {}
    service_accounts: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    rollout: RolloutSpec | None = None

    @property
    def sealed_by_ring(self) -> bool:
        """Whether it is an envelope that the unsealer opens."""
        return self.encryption == ENVELOPE_TARGET and not self.recipients


class CredentialSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What the application team declares."""

    provider_ref: ProviderRef
    enabled: bool = True
    keys: tuple[KeyEntry, ...] = ()
    rotation: Rotation = Rotation()
    required_models: tuple[str, ...] = ()
    expires_at: str | None = None
    validation: CredentialValidation = CredentialValidation()
    target: Target = Target()

    @property
    def named_fields(self) -> frozenset[str]:
        """Secret fields of the type that the entries name."""
        found = {field for entry in self.keys for field in entry.sealed}
        return frozenset(found.union(*(entry.secret_ref.fields for entry in self.keys if entry.secret_ref)))

    @property
    def overlap_seconds(self) -> float:
        """How long a replaced value is delivered on under KeepLastGood."""
        return seconds(self.rotation.overlap) if self.rotation.overlap else 24 * 3600.0


class Inputs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Keyed digests of what the last reconciliation saw.

    `probe`: all that decides which keys there are and where they go. `endpoint`: the request that was sent and the
    rules that read its answer. `delivery`: what the Secret was made of. `models`: the models that are asked for.
    """

    probe: str = ""
    endpoint: str = ""
    delivery: str = ""
    models: str = ""


class KeyStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is known of one key.

    `fingerprint` is keyed per namespace; `region` is where a provider with `region: auto` was found to know the key.
    """

    name: str
    fingerprint: str = ""
    verdict: str = ""
    belief: Belief = Belief.UNKNOWN
    last_probe_time: str = ""
    next_probe_time: str = ""
    failures: int = 0
    region: str = ""


class TargetStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The Secret as we last wrote it.

    `mac` is that of its exact data, `content` that of what was rendered, before it was sealed, behind the version of
    the key that made it. `key` is the fingerprint of the delivered key, `form` a digest of how it was rendered and for
    which audience, `kept_until` the end of the time for which a replaced value is delivered on. `sequence` rises with
    every change of the content, and the one before it opens until `previous_until`. `sealed_with` is the id of the
    ring's key that sealed the envelope.
    """

    uid: str = ""
    resource_version: str = ""
    mac: str = ""
    content: str = ""
    sequence: int = 0
    previous_until: str = ""
    sealed_with: str = ""
    key: str = ""
    form: str = ""
    kept_until: str = ""


class UnsealerStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where a workload has its envelope opened, and the certificates by which it knows that service."""

    address: str = ""
    ca_bundle: str = ""


class Usage(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Who had the envelope opened, how often, and when last."""

    service_account: str
    count: int = 0
    last_time: str = ""


class DeliveredFile(msgspec.Struct, frozen=True, order=True, omit_defaults=True):
    """A file that a workload finds, and the variable that is to hold its path; empty if there is none by convention."""

    name: str
    variable: str = ""


class CredentialStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What we found out and what we did."""

    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    inputs: Inputs = Inputs()
    provider: str = ""
    secret_name: str = ""
    encryption: str = ""
    env: tuple[str, ...] = ()
    optional_env: tuple[str, ...] = ()
    files: tuple[DeliveredFile, ...] = ()
    audience: str = ""
    active_key: str = ""
    keys: tuple[KeyStatus, ...] = ()
    target: TargetStatus = TargetStatus()
    last_probe_time: str = ""
    expiry_warning: str = ""
    unsealer: UnsealerStatus | None = None
    models: ModelsStatus | None = None
    rollout: RolloutStatus | None = None
    usage: tuple[Usage, ...] = ()
    last_handled_request: str = ""


class LLMCredential(msgspec.Struct, frozen=True):
    """A namespaced credential."""

    metadata: Metadata
    spec: CredentialSpec
    status: CredentialStatus = CredentialStatus()

    @property
    def key(self) -> Key:
        return Key(self.metadata.namespace, self.metadata.name)

    @property
    def secret_name(self) -> str:
        return self.spec.target.name or self.metadata.name

    @property
    def request(self) -> str:
        """What a person has written last to have the keys looked at now; empty if nobody has."""
        return self.metadata.annotations.requested_at[:_REQUEST_LENGTH]

    @property
    def is_requested(self) -> bool:
        """Whether such a request waits to be handled."""
        return self.request not in ("", self.status.last_handled_request)


def credential_from(body: Any) -> LLMCredential:
    """The typed value of a watched or listed object.

    Raises:
        msgspec.ValidationError: the object does not have the shape of the schema.

    """
    return msgspec.convert(body, LLMCredential)
