"""The matrix: what each reason says about the key, the conditions, the delivery and the next key.

One table, so that the answer to "what happens on a 429?" is one row. Reasons are public API: users, Argo CD and
Flux match on them, so a row may gain meaning but never lose its name.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Belief(StrEnum):
    """What we hold to be true of a key."""

    VALID = "Valid"
    INVALID = "Invalid"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Why a credential is in the state that it is in: the `reason` of its conditions."""

    VERIFIED = "Verified"
    UNVERIFIED = "Unverified"
    KEPT_LAST_GOOD = "KeptLastGood"

    REJECTED = "Rejected"
    EXPIRED = "Expired"
    ACCOUNT_BLOCKED = "AccountBlocked"
    WRONG_CREDENTIAL_TYPE = "WrongCredentialType"
    MALFORMED_KEY = "MalformedKey"
    CONFIRMING = "Confirming"

    THROTTLED = "Throttled"
    OVERLOADED = "Overloaded"
    QUOTA_EXHAUSTED = "QuotaExhausted"
    NOT_ACTIVATED = "NotActivated"
    PERMISSION_DENIED = "PermissionDenied"
    MODEL_UNAVAILABLE = "ModelUnavailable"

    REGION_DENIED = "RegionDenied"
    PROVIDER_UNREACHABLE = "ProviderUnreachable"
    BAD_ENDPOINT = "BadEndpoint"
    ADDRESS_BLOCKED = "AddressBlocked"
    PROVIDER_SUSPECT = "ProviderSuspect"
    PROBE_REFUSED = "ProbeRefused"
    UNRECOGNISED = "Unrecognised"

    PROVIDER_NOT_FOUND = "ProviderNotFound"
    SOURCE_NOT_FOUND = "SourceNotFound"
    SOURCE_NOT_ALLOWED = "SourceNotAllowed"
    SOURCE_FIELD_MISSING = "SourceFieldMissing"
    UNKNOWN_TYPE = "UnknownType"
    DECRYPT_FAILED = "DecryptFailed"
    SEALED_FOR_OTHER_SCOPE = "SealedForOtherScope"
    KEY_RETIRED = "KeyRetired"
    SEALED_FOR_OTHER_HOST = "SealedForOtherHost"
    SEALED_FOR_OTHER_DELIVERY = "SealedForOtherDelivery"
    KEYS_MISSING = "KeysMissing"
    DATA_INVALID = "DataInvalid"

    DISABLED = "Disabled"
    PROVIDER_DISABLED = "ProviderDisabled"
    NAMESPACE_NOT_ALLOWED = "NamespaceNotAllowed"

    # Of SecretSynced.
    SYNCED = "Synced"
    TARGET_CONFLICT = "TargetConflict"
    CONTESTED = "Contested"
    WITHDRAWN = "Withdrawn"
    AWAITING_KEY = "AwaitingKey"

    # Of Reconciling and of conditions that a reason does not touch.
    CHECKING = "Checking"
    NOT_APPLICABLE = "NotApplicable"

    # Of the LLMProvider.
    RESOLVED = "Resolved"

    # Of its ModelsPublished.
    PUBLISHED = "Published"
    PUBLISHED_IN_PART = "PublishedInPart"
    AWAITING_MODELS = "AwaitingModels"
    CONFIG_MAP_CONFLICT = "ConfigMapConflict"
    PUBLISH_REFUSED = "PublishRefused"


class Truth(StrEnum):
    """A condition's status, or how to find it from what stood before."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"
    AS_BEFORE = "AsBefore"  # the same key at the same endpoint keeps what it had, else Unknown
    IF_DELIVERED = "IfDelivered"  # True if this key was delivered before, else False


class Delivery(StrEnum):
    """What becomes of the Secret."""

    DELIVER = "Deliver"
    STAYS = "Stays"  # nothing is written, what was delivered remains
    LAST_GOOD = "LastGood"  # stays under KeepLastGood, is emptied under Withdraw
    NONE = "None"  # emptied


class NextKey(StrEnum):
    """Whether the next key of the list is tried."""

    NO = "No"
    YES = "Yes"
    IF_PROVEN = "IfProven"  # one that is proven or can be; this key stays otherwise


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the matrix.

    `belief` None leaves what was believed. `terminal` says that only a change by a person helps: Stalled is True
    where Ready comes out False.
    """

    belief: Belief | None
    active: Truth
    invalid: bool
    limited: bool
    ready: Truth
    delivery: Delivery
    next_key: NextKey
    terminal: bool = False

    @property
    def delivers(self) -> bool:
        return self.delivery is Delivery.DELIVER


_T, _F, _U, _AS = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN, Truth.AS_BEFORE

_GOOD = Row(Belief.VALID, _T, False, False, _T, Delivery.DELIVER, NextKey.NO)
_DEAD = Row(Belief.INVALID, _F, True, False, _F, Delivery.LAST_GOOD, NextKey.YES, terminal=True)
_UNDECIDED = Row(None, _AS, False, False, _AS, Delivery.STAYS, NextKey.NO)
_MISCONFIGURED = Row(None, _AS, False, False, _F, Delivery.STAYS, NextKey.NO, terminal=True)
_LIMITED_PROVEN = Row(None, _T, False, True, _T, Delivery.STAYS, NextKey.NO)
_LIMITED_UNPROVEN = Row(None, _U, False, True, _U, Delivery.LAST_GOOD, NextKey.YES)
_UNUSABLE = Row(Belief.VALID, _F, False, False, Truth.IF_DELIVERED, Delivery.STAYS, NextKey.IF_PROVEN, terminal=True)
_SOURCE = Row(None, _AS, False, False, _U, Delivery.LAST_GOOD, NextKey.YES)
_SPEC = Row(None, _AS, False, False, _F, Delivery.LAST_GOOD, NextKey.YES, terminal=True)
_ELSEWHERE = Row(None, _U, False, False, _F, Delivery.NONE, NextKey.YES, terminal=True)
_OFF = Row(None, _U, False, False, _F, Delivery.NONE, NextKey.NO, terminal=True)

MATRIX: Final[dict[Reason, Row]] = {
    Reason.VERIFIED: _GOOD,
    Reason.UNVERIFIED: _GOOD,
    Reason.REJECTED: _DEAD,
    Reason.EXPIRED: _DEAD,
    Reason.ACCOUNT_BLOCKED: _DEAD,
    Reason.WRONG_CREDENTIAL_TYPE: _DEAD,
    Reason.MALFORMED_KEY: _DEAD,
    Reason.CONFIRMING: _UNDECIDED,
    Reason.QUOTA_EXHAUSTED: Row(
        Belief.VALID, _F, False, True, Truth.IF_DELIVERED, Delivery.STAYS, NextKey.IF_PROVEN, terminal=True
    ),
    Reason.NOT_ACTIVATED: _UNUSABLE,
    Reason.PERMISSION_DENIED: _UNUSABLE,
    Reason.MODEL_UNAVAILABLE: Row(Belief.VALID, _T, False, False, _F, Delivery.DELIVER, NextKey.YES),
    Reason.REGION_DENIED: _UNDECIDED,
    Reason.PROVIDER_UNREACHABLE: _UNDECIDED,
    Reason.BAD_ENDPOINT: _MISCONFIGURED,
    Reason.ADDRESS_BLOCKED: _MISCONFIGURED,
    Reason.PROVIDER_SUSPECT: _UNDECIDED,
    Reason.PROBE_REFUSED: _UNDECIDED,
    Reason.UNRECOGNISED: _UNDECIDED,
    Reason.CHECKING: Row(None, _AS, False, False, _U, Delivery.STAYS, NextKey.NO),
    Reason.PROVIDER_NOT_FOUND: _SOURCE,
    Reason.SOURCE_NOT_FOUND: _SOURCE,
    Reason.SOURCE_NOT_ALLOWED: _SOURCE,
    Reason.SOURCE_FIELD_MISSING: _SOURCE,
    Reason.UNKNOWN_TYPE: _SPEC,
    Reason.DECRYPT_FAILED: _SPEC,
    Reason.SEALED_FOR_OTHER_SCOPE: _SPEC,
    Reason.KEY_RETIRED: _SPEC,
    Reason.SEALED_FOR_OTHER_HOST: _ELSEWHERE,
    Reason.SEALED_FOR_OTHER_DELIVERY: _ELSEWHERE,
    Reason.KEYS_MISSING: _SPEC,
    Reason.DATA_INVALID: _SPEC,
    Reason.DISABLED: _OFF,
    Reason.PROVIDER_DISABLED: _OFF,
    Reason.NAMESPACE_NOT_ALLOWED: _OFF,
}

_LIMITS: Final = {
    Reason.THROTTLED: (_LIMITED_PROVEN, _LIMITED_UNPROVEN),
    Reason.OVERLOADED: (_LIMITED_PROVEN, _LIMITED_UNPROVEN),
}


def row_of(reason: Reason, *, proven: bool) -> Row:
    """The line of the matrix for a reason; a limit means another thing for a key that was proven before."""
    if reason in _LIMITS:
        was_proven, never = _LIMITS[reason]
        return was_proven if proven else never
    return MATRIX[reason]


REFUSALS: Final = frozenset({Reason.REJECTED, Reason.EXPIRED, Reason.ACCOUNT_BLOCKED, Reason.WRONG_CREDENTIAL_TYPE})
"""Refusals that a provider spoke: each is confirmed by further looks before it is believed."""
