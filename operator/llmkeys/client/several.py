"""All credentials of a pod: opened once, or followed for as long as it lives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from llmkeys.client.clock import Clock
from llmkeys.client.credential_files import CredentialFiles, env_file_of
from llmkeys.client.errors import NotExpressibleError, UnsealError
from llmkeys.client.exchange import KeptConnection
from llmkeys.client.first_opening import FirstOpening, of
from llmkeys.client.following import RENEW_SECONDS, Follower
from llmkeys.client.opening import Limits
from llmkeys.client.sealed import Sealed

_LOOK_SECONDS: Final = 1.0
_MOUNT_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which credentials a pod names; what else is mounted is optional too.

    Args:
        required: containers must not start without these.
        optional: containers read these, if they are there.

    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def all_with(self, mounted: tuple[str, ...]) -> tuple[str, ...]:
        """Every name once, in the order in which they are asked for."""
        return tuple(dict.fromkeys((*self.required, *self.optional, *mounted)))


def is_ready(sealed: Sealed, wanted: Wanted, out: Path) -> bool:
    """Whether containers may start: there is an env file of each credential, be it an empty one."""
    names = wanted.all_with(sealed.names())
    return bool(names) and all(env_file_of(out, name).is_file() for name in names)


@dataclass
class Several:
    """The credentials of a pod, all over one connection to the unsealer.

    Args:
        sealed: what is mounted.
        wanted: which of it must open.
        out: folder for the files of all.
        limits: for the first opening.
        report: gets sentences for people.
        mode: permissions of the files.
        renew: seconds after which each is asked for again.
        keep: leave what is written when access ends, and go on asking.
        clock: what time is measured by.

    """

    sealed: Sealed
    wanted: Wanted
    out: Path
    limits: Limits
    report: Callable[[str], None]
    mode: int = 0o444
    renew: float = RENEW_SECONDS
    keep: bool = False
    clock: Clock = field(default_factory=Clock)
    _followers: dict[str, Follower] = field(default_factory=dict, init=False)
    _connection: KeptConnection = field(default_factory=KeptConnection, init=False, repr=False)

    def open(self) -> None:
        """The first opening: waits until what is required is mounted, then writes all that can be opened.

        Raises:
            UnsealError: a required one failed, the first of them decides; or none opened.

        """
        self._wait()
        self._take_up()
        with self._connected():
            FirstOpening(self._followers, self.limits.deadline, self.report, self.clock).run()

    def follow(self) -> NoReturn:
        """Write, and go on until access to a required one ends.

        Raises:
            UnsealError: the first opening failed, or access has ended and what was written of that one is removed.

        """
        self.open()
        while True:
            self.clock.sleep(_LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Open again what it is time for, and what is mounted only now.

        Raises:
            UnsealError: access to a required one has ended, or something cannot be written; the others were looked at.

        """
        self._take_up()
        errors: list[UnsealError] = []
        with self._connected():
            for name, follower in self._followers.items():
                try:
                    follower.look()
                except UnsealError as error:
                    if follower.optional and isinstance(error, NotExpressibleError):
                        follower.leave_out(error)
                    else:
                        errors.append(of(name, error))
        if errors:
            raise errors[0]

    def _wait(self) -> None:
        ends, told = self.clock.now() + self.limits.wait, False
        while missing := self.sealed.missing(self.wanted.required):
            if self.clock.now() >= ends:
                raise missing
            if not told:
                self.report(f"waiting: {missing}")
                told = True
            self.clock.sleep(_MOUNT_SECONDS)

    def _take_up(self) -> None:
        for name in self.wanted.all_with(self.sealed.names()):
            if name not in self._followers:
                self._followers[name] = self._follower(name)

    def _follower(self, name: str) -> Follower:
        def report(text: str) -> None:
            self.report(f"{name}: {text}")

        required = name in self.wanted.required
        return Follower(
            self.sealed.settings_of(name),
            CredentialFiles(self.out, name, self.mode, required, report),
            self.limits,
            report,
            self.renew,
            self.keep,
            optional=not required,
            clock=self.clock,
            ask=self._connection.post,
        )

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._connection.close()
