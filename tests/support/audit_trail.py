"""What our two accounts asked of every API server of a test session, read from the audit logs."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from llmkeys.api.names import CONTROLLER_ACCOUNT, DEFAULT_NAMESPACE, UNSEALER_ACCOUNT

ACCOUNTS: Final = (CONTROLLER_ACCOUNT, UNSEALER_ACCOUNT)
_USER: Final = re.compile(rf"system:serviceaccount:([^:]+):({'|'.join(ACCOUNTS)})")
# Tests take the accounts' tokens too, to try what they may not do.
PROGRAMS: Final = ("llmkeys/", "kopf/")


@dataclass(frozen=True, order=True)
class Use:
    """One thing that was asked for, whatever came of it.

    Args:
        account: whose token it was, `llmkeys-controller`.
        group: empty for the core.
        resource: with its subresource, `llmcredentials/status`.
        verb: `get`, `list`, `watch`, `create`, `patch`, …
        namespace: empty for the whole cluster. An account's own counts as `llmkeys-system`, whatever it is called.
        name: of one object, also where a list was asked for that one; else empty.

    """

    account: str
    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""


class _Reference(msgspec.Struct, rename="camel"):
    resource: str = ""
    subresource: str = ""
    api_group: str = ""
    namespace: str = ""
    name: str = ""


class _User(msgspec.Struct):
    username: str = ""


class _Event(msgspec.Struct, rename="camel"):
    verb: str
    user: _User
    user_agent: str = ""
    object_ref: _Reference | None = None


_event = msgspec.json.Decoder(_Event)


def uses_in(log: bytes) -> Iterator[Use]:
    """What an audit log tells of our programs.

    Args:
        log: a JSON object a line; the last may be half written.

    """
    for line in log.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return
        event = _event.decode(line)
        user = _USER.fullmatch(event.user.username)
        of = event.object_ref
        if user is None or of is None or not event.user_agent.startswith(PROGRAMS):
            continue  # paths such as /apis are no resources: everybody who is logged in may read them
        resource = f"{of.resource}/{of.subresource}" if of.subresource else of.resource
        namespace = "" if of.resource == "namespaces" else of.namespace
        own = DEFAULT_NAMESPACE if namespace == user[1] else namespace
        yield Use(user[2], of.api_group, resource, event.verb, own, of.name)


@dataclass
class Trail:
    """The uses of all control planes so far, of those that run and of those that were."""

    _known: set[Use] = field(default_factory=set)
    _running: set[Path] = field(default_factory=set)

    def follow(self, log: Path) -> None:
        self._running.add(log)

    def take(self, log: Path) -> None:
        """Read a log for the last time, before its folder is removed."""
        if log in self._running:
            self._running.discard(log)
            self._known |= set(_read(log))

    def uses(self) -> frozenset[Use]:
        return frozenset(self._known.union(*map(_read, self._running)))


def _read(log: Path) -> Iterator[Use]:
    return uses_in(log.read_bytes()) if log.exists() else iter(())


_kept: list[Trail] = []


@contextmanager
def trail_kept(known: Iterable[Use] = ()) -> Iterator[Trail]:
    """Have every control plane that starts meanwhile write an audit log, and keep what it says.

    Args:
        known: what is known already.

    """
    trail = Trail(set(known))
    _kept.append(trail)
    try:
        yield trail
    finally:
        _kept.remove(trail)


def is_kept() -> bool:
    """Whether somebody wants to know."""
    return bool(_kept)


def follow(log: Path) -> None:
    """A control plane starts to write this log."""
    for trail in _kept:
        trail.follow(log)


def take(log: Path) -> None:
    """That control plane has ended."""
    for trail in _kept:
        trail.take(log)
