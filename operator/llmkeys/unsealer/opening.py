"""One request from its first byte to its answer: the order of the steps is the product's promise."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
import structlog

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import CONTROLLER_ACCOUNT
from llmkeys.api.objects import Key
from llmkeys.crypto.envelope import open_envelope
from llmkeys.crypto.errors import DecryptFailedError, EnvelopeMalformedError, KeyRetiredError, KeyUnknownError
from llmkeys.crypto.ring_keys import RootKeys
from llmkeys.engine.effects import ApiUnavailableError
from llmkeys.unsealer.authority import Authority
from llmkeys.unsealer.bearer import bearer_from, not_pod_bound
from llmkeys.unsealer.call import Call, call_from
from llmkeys.unsealer.caller import Caller, caller_from, require_pod
from llmkeys.unsealer.checks import (
    AFTER_AUTHORISATION,
    BEFORE_AUTHORISATION,
    Facts,
    denied,
    first_refusal,
    is_named,
    no_such_credential,
)
from llmkeys.unsealer.limits import Limits
from llmkeys.unsealer.refusal import Reason, Refusal, too_many_requests, unavailable
from llmkeys.unsealer.usage import Usage, UsageReport

log = structlog.get_logger(__name__)

_BUSY: Final = 1.0


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request whose body is not read yet.

    Args:
        address: of the peer.
        authorization: the header; None if there is none.
        body: reads it, or refuses.

    """

    address: str
    authorization: str | None = field(repr=False)
    body: Callable[[], Awaitable[bytes | Refusal]]


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened envelope.

    Args:
        content: the JSON object in it.
        fields: its names.
        sequence: of the delivery.

    """

    content: bytes = field(repr=False)
    fields: tuple[str, ...]
    sequence: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer, and what became known on the way to it.

    Args:
        result: what the client gets.
        caller: once proven.
        credential: the name that was asked for; empty before the body was read.

    """

    result: Opened | UsageReport | Refusal
    caller: Caller | None = None
    credential: str = ""


class Unsealer:
    """Opens envelopes.

    Args:
        authority: the API server's words.
        roots: gives the roots of the ring that holds a key id, as far as there is one.
        limits: on what is asked.
        usage: counts what was opened.
        namespace: the unsealer's own, where the controller's account is.
        now: epoch seconds.

    """

    def __init__(
        self,
        authority: Authority,
        roots: Callable[[str], Awaitable[RootKeys]],
        limits: Limits,
        usage: Usage,
        namespace: str,
        now: Callable[[], float],
    ) -> None:
        self._authority: Final = authority
        self._roots: Final = roots
        self._limits: Final = limits
        self._usage: Final = usage
        self._controller: Final = (namespace, CONTROLLER_ACCOUNT)
        self._now: Final = now

    async def unseal(self, incoming: Incoming) -> Outcome:
        """The content of an envelope for a pod that may have it, or why not."""
        return await self._within_limits(incoming, self._unseal)

    async def report(self, incoming: Incoming) -> Outcome:
        """Who had what opened, for the controller and nobody else."""
        return await self._within_limits(incoming, self._report)

    async def _within_limits(self, incoming: Incoming, answer: Callable[[Incoming], Awaitable[Outcome]]) -> Outcome:
        with self._limits.under_way_by_address.held(incoming.address) as entered:
            wait = self._limits.by_address.take(incoming.address) if entered else _BUSY
            if wait:
                return Outcome(too_many_requests(wait))
            return await answer(incoming)

    async def _unseal(self, incoming: Incoming) -> Outcome:
        bearer = bearer_from(incoming.authorization, self._now())
        if isinstance(bearer, Refusal):
            return Outcome(bearer)
        if not bearer.pod_bound:
            return Outcome(not_pod_bound())
        body = await incoming.body()
        call = body if isinstance(body, Refusal) else call_from(body)
        if isinstance(call, Refusal):
            return Outcome(call)
        try:
            caller = caller_from(await self._authority.review_token(bearer))
        except LlmkeysError as error:
            return Outcome(_cannot_ask(error), credential=call.credential)
        if isinstance(caller, Refusal):
            return Outcome(caller, credential=call.credential)
        known = Outcome(unavailable(), caller, call.credential)
        with self._limits.under_way_by_account.held(caller.user.username) as entered:
            wait = self._limits.by_account.take(caller.user.username) if entered else _BUSY
            if wait:
                return replace(known, result=too_many_requests(wait))
            try:
                return replace(known, result=await self._for_caller(caller, call))
            except LlmkeysError as error:
                return replace(known, result=_cannot_ask(error))

    async def _for_caller(self, caller: Caller, call: Call) -> Opened | Refusal:
        if refusal := require_pod(caller):
            return refusal
        key = Key(caller.namespace, call.credential)
        subject = await self._authority.subject(key)
        if subject is None:
            return no_such_credential(caller, call.credential)
        facts = Facts(caller, subject, call.header.binding, self._now())
        if refusal := first_refusal(BEFORE_AUTHORISATION, facts):
            return refusal
        if not is_named(facts) and not await self._authority.may_unseal(caller.user, key):
            return denied(facts)
        if refusal := first_refusal(AFTER_AUTHORISATION, facts):
            return refusal
        opened = _open(call, await self._roots(call.header.key_id), subject.uid)
        if isinstance(opened, Opened):
            self._usage.count(caller.namespace, call.credential, caller.account)
        return opened

    async def _report(self, incoming: Incoming) -> Outcome:
        bearer = bearer_from(incoming.authorization, self._now())
        if isinstance(bearer, Refusal):
            return Outcome(bearer)
        try:
            caller = caller_from(await self._authority.review_token(bearer))
        except LlmkeysError as error:
            return Outcome(_cannot_ask(error))
        if isinstance(caller, Refusal):
            return Outcome(caller)
        if (caller.namespace, caller.account) != self._controller:
            return Outcome(Refusal(Reason.DENIED, "Only the controller reads this; see llmkeys usage."), caller)
        return Outcome(self._usage.report(), caller)


def _open(call: Call, roots: RootKeys, credential_uid: str) -> Opened | Refusal:
    """The namespace's UID is taken from the header: opening proves it, and the credential's UID with it."""
    try:
        content = open_envelope(call.envelope, roots, None, credential_uid)
    except KeyRetiredError:
        return Refusal(
            Reason.KEY_RETIRED,
            "The envelope was sealed with a key that is retired. Read the Secret again; if it still holds this "
            "envelope, see whether the operator is running.",
        )
    except (DecryptFailedError, EnvelopeMalformedError, KeyUnknownError):
        return Refusal(
            Reason.DECRYPT_FAILED,
            "The envelope does not open: it was changed, or sealed by another installation. Read the Secret again.",
        )
    fields = tuple(msgspec.json.decode(content, type=dict[str, msgspec.Raw]))
    return Opened(content, fields, call.header.binding.sequence)


def _cannot_ask(error: LlmkeysError) -> Refusal:
    log.warning("the request could not be decided", error=str(error))
    return unavailable(error.retry_after if isinstance(error, ApiUnavailableError) else None)
