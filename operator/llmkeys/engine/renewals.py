"""Access tokens in credential files are renewed before they end, where the LLMProvider lets us (`spec.config.refresh`).

A key keeps the fingerprint that its source gives it; what is shown to the provider and delivered is the renewed file.
A renewal belongs to the source: all credentials that name it share one, for a refresh token may work only once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Final

from llmkeys.api.credential import LLMCredential
from llmkeys.api.reasons import Belief, Reason
from llmkeys.crypto.mac import MacKey
from llmkeys.engine.clock import Clock
from llmkeys.engine.hosts import Hosts, Permit
from llmkeys.engine.keys import HeldKey
from llmkeys.engine.looks import Parked
from llmkeys.engine.renewable import Renewable, owners_in, renewable_of, with_file
from llmkeys.engine.renewal_failures import RenewalFailures, ends_it
from llmkeys.engine.renewed_book import RenewedBook, RenewedFile
from llmkeys.engine.resolve import Resolved
from llmkeys.engine.token_service import TokenService
from llmkeys.probe.auth.renewal import merged
from llmkeys.probe.judge import KeyState
from llmkeys.probe.schedule import HOUR
from llmkeys.probe.verdict import Verdict

_ONCE: Final = 24 * HOUR  # between two renewals for which nothing speaks but that the provider says `expired`


@dataclass(frozen=True, slots=True)
class Patience:
    """How long somebody waits before he says that he waits.

    Args:
        seconds: from now.
        say: it.

    """

    seconds: float
    say: Callable[[], Awaitable[None]]


class Renewals:
    """Renews files, each once, and puts what came of it in the place of what the source holds.

    Args:
        book: keeps renewed files.
        service: asks for new tokens.
        hosts: budgets and circuits.
        mac: places and digests.
        clock: time and jitter.
        waiting: lets go of the worker's place while somebody else works.

    """

    def __init__(
        self,
        book: RenewedBook,
        service: TokenService,
        hosts: Hosts,
        mac: MacKey,
        clock: Clock,
        waiting: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        self._book = book
        self._service = service
        self._hosts = hosts
        self._mac = mac
        self._clock = clock
        self._waiting = waiting
        self._failures = RenewalFailures(book, mac, clock)
        self._under_way: dict[str, asyncio.Task[Verdict | None]] = {}
        self._sealing: set[asyncio.Task[None]] = set()
        self._begun = False
        self._to_be_looked_through = False  # for what is sealed with an older key

    async def in_force(self, credential: LLMCredential, resolved: Resolved, keys: Sequence[HeldKey]) -> None:
        """Have the keys hold their files as they are now, and be looked at in time.

        Raises:
            RetryableError: what is kept cannot be read.

        """
        for one in keys:
            one.file = renewable_of(credential, resolved, one.candidate, self._mac)
            await self._take(one)
            one.state = self.appointed(one)
        if self._to_be_looked_through and any(one.file is not None for one in keys):
            self.keys_changed()

    async def before_look(
        self, credential: LLMCredential, resolved: Resolved, one: HeldKey, patience: Patience | None
    ) -> Verdict | Parked | None:
        """Renew a key's file if that is due.

        Returns:
            None if there is a token to show, be it the old one; else why there is none, or that its service is busy.

        Raises:
            RetryableError: the renewed file could not be written, so it may not be used.
            PlatformError: it cannot be written.

        """
        await self._take(one)
        file = one.file
        if file is None or not file.is_due(self._clock.now()):
            return None
        failure = await self._renew(credential, resolved, one, file.asked, patience)
        lasts = file.end is not None and file.end > self._clock.now()
        return failure if isinstance(failure, Parked) or ends_it(failure) or not lasts else None

    async def after_expiry(self, credential: LLMCredential, resolved: Resolved, one: HeldKey) -> bool:
        """Whether there is another token to show, the provider having said that this one has expired.

        Once a day it is renewed for that, whatever the file says of its end.
        """
        shown = one.file
        await self._take(one)
        file = one.file
        if file is None or shown is None or file.renewed > shown.renewed:
            return file is not shown
        known = self._failures.of(file)
        now = self._clock.now()
        if now - file.asked < _ONCE or (known is not None and ends_it(known.verdict)):
            return False
        return await self._renew(credential, resolved, one, now, None) is None

    def appointed(self, one: HeldKey) -> KeyState:
        """The state of a key, with a look before its token ends, or when its renewal is worth another try."""
        file, state = one.file, one.state
        at = file.renew_at if file is not None and state.verdict is not None else None
        if file is None or at is None:
            return state
        if at > state.last:
            return replace(state, due=min(state.due, at))
        failure = self._failures.of(file)
        if failure is None or state.belief is Belief.INVALID or ends_it(failure.verdict):
            return state
        now = self._clock.now()
        times = [one for one in (failure.until, file.end) if one is not None and one > now]
        return replace(state, due=min((state.due, *times)))

    def begin(self) -> None:
        """Start from what is kept now: until this controller led, another one renewed and wrote.

        Nothing is read before a file is needed.
        """
        self._begun = True
        self._to_be_looked_through = True
        self._book.forget()

    def keys_changed(self) -> None:
        """Have what is kept sealed anew, so that older keys can be retired; where that fails the next write does it.

        Before the beginning that is left to the controller that leads.
        """
        if not self._begun:
            return
        self._to_be_looked_through = False
        task = asyncio.create_task(self._book.seal_anew())
        self._sealing.add(task)

        def end(ended: "asyncio.Task[None]") -> None:
            self._sealing.discard(ended)
            _heard(ended)

        task.add_done_callback(end)

    def credential_gone(self, credential: LLMCredential, sharing: Iterable[LLMCredential]) -> None:
        """Forget what failed for a credential that was deleted.

        Args:
            credential: it.
            sharing: those that are still there and name one of its sources.

        """
        gone = self._failures.owners
        gone = gone and gone & owners_in((credential,), self._mac)
        if gone:
            self._failures.drop(gone - owners_in(sharing, self._mac))

    async def finish(self) -> None:
        """Wait for what is under way: an answer that is lost may be the only refresh token that still works."""
        under_way = {*self._under_way.values(), *self._sealing}
        if under_way:
            await asyncio.wait(under_way)

    # -- parts -----------------------------------------------------------------------------------------------

    async def _take(self, one: HeldKey) -> None:
        """Put what is kept in the place of what was read."""
        file = one.file
        if file is None or one.candidate.material is None:
            return
        found = await self._book.find(file.place, file.original)
        if found is not None and found.renewed > file.renewed:
            file = one.file = file.after(found)
        values = {**one.candidate.values, "renews": "yes", **self._words(file)}
        one.candidate = replace(one.candidate, material=with_file(one.candidate.material, file), values=values)

    def _words(self, file: Renewable) -> dict[str, str]:
        """What messages name, so long as a renewal fails: its service instead of the API."""
        failure = self._failures.of(file)
        if failure is None:
            return {}
        return {"renewal": failure.because, "host": str(file.origin), "probe_url": file.kind.endpoint.renewal}

    async def _renew(
        self, credential: LLMCredential, resolved: Resolved, one: HeldKey, asked: float, patience: Patience | None
    ) -> Verdict | Parked | None:
        file = one.file
        if file is None:
            raise AssertionError("nothing to renew")
        task = self._under_way.get(file.place)
        if task is None:
            held_back = self._held_back(file)
            if held_back is not None:
                return held_back
            permit = self._hosts.reserve(file.origin, credential.metadata.namespace, proven=one.state.proven)
            if not isinstance(permit, Permit):
                return Parked(file.origin, permit)
            task = self._start(file, resolved, asked, permit)
        if patience is not None and not await self._done_within(task, patience.seconds):
            await patience.say()
        await self._done_within(task, None)
        failure = task.result()
        await self._take(one)
        return failure

    async def _done_within(self, task: "asyncio.Task[Verdict | None]", seconds: float | None) -> bool:
        async with self._waiting():
            done, _ = await asyncio.wait({task}, timeout=seconds)
        return bool(done)

    def _held_back(self, file: Renewable) -> Verdict | None:
        now = self._clock.now()
        known = self._failures.of(file)
        if known is not None and now < known.until:
            return replace(known.verdict, retry_after=known.until - now)
        circuit = self._hosts.of(file.origin).circuit
        if not circuit.is_open(now):
            return None
        return self._failures.note(
            file, Verdict(Reason.PROVIDER_UNREACHABLE, rule="circuit", retry_after=circuit.until - now)
        )

    def _start(
        self, file: Renewable, resolved: Resolved, asked: float, permit: Permit
    ) -> "asyncio.Task[Verdict | None]":
        task = asyncio.create_task(self._run(file, resolved, asked))
        self._under_way[file.place] = task

        def end(ended: "asyncio.Task[Verdict | None]") -> None:
            self._under_way.pop(file.place, None)
            self._hosts.give_back(permit)
            _heard(ended)

        task.add_done_callback(end)
        return task

    async def _run(self, file: Renewable, resolved: Resolved, asked: float) -> Verdict | None:
        """One renewal, from seeing that its outcome can be kept to its being kept; None if there is a new file."""
        await self._book.prepare()
        found = await self._book.find(file.place, file.original)
        if found is not None and found.renewed > file.renewed:
            file = file.after(found)
            if not file.is_due(self._clock.now()):
                return None  # another process has done it
        if not self._book.has_room(file.place, file.text.reveal()):
            return self._failures.note_full(file)
        tokens = await self._service.ask(file, resolved.provider)
        if isinstance(tokens, Verdict):
            return self._failures.note(file, tokens)
        now = self._clock.now()
        text = merged(file.text.reveal(), file.auth, tokens, now)
        if text is None:
            return self._failures.note(file, Verdict(Reason.UNRECOGNISED))
        self._failures.forget(file)
        await self._book.put(file.place, RenewedFile(file.original, text, now, tokens.lifetime, asked))
        return None


def _heard(task: "asyncio.Task[Any]") -> None:
    """Those who wait for it are told how it failed; it may be that nobody does."""
    if not task.cancelled():
        task.exception()
