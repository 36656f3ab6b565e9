"""`unseal --follow`: keeps what was written as current as what is mounted, and takes it away when access ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn

from llmkeys.client.clock import Clock
from llmkeys.client.content import Opened
from llmkeys.client.errors import AccessEndedError, EnvelopeMissingError, UnavailableError, UnsealError, WithdrawnError
from llmkeys.client.exchange import Post, post
from llmkeys.client.local import is_for_recipients
from llmkeys.client.mounted import Version, read_envelope, version_of
from llmkeys.client.opening import Limits, earliest, open_mounted, open_text, pauses, spread
from llmkeys.client.output import Output
from llmkeys.client.settings import Settings

RENEW_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
_ATTEMPT_SECONDS: Final = 10.0
_ENDED: Final = (AccessEndedError, EnvelopeMissingError)


@dataclass
class Follower:
    """One envelope, followed.

    It is opened again when another one is mounted, and every `renew` seconds in any case, since the unsealer is the
    first to know that access has ended. An answer that says nothing about access (an outage, a token that is not
    accepted, a damaged envelope) leaves what is written and is reported once.

    Args:
        settings: where things are.
        output: where values go.
        limits: for the first opening.
        renew: seconds.
        keep: leave what is written when access ends, and go on asking.
        report: gets sentences for people.
        optional: the end of access takes away what is written, and is no error: it goes on asking.
        clock: what time is measured by.
        ask: sends the questions.

    """

    settings: Settings
    output: Output
    limits: Limits
    report: Callable[[str], None]
    renew: float = RENEW_SECONDS
    keep: bool = False
    optional: bool = False
    clock: Clock = field(default_factory=Clock)
    ask: Post = post
    _text: str = field(default="", init=False, repr=False)
    _seen: Version | None = field(default=None, init=False)
    _written: Opened | None = field(default=None, init=False)
    _said: str = field(default="", init=False)
    _pauses: Iterator[float] = field(init=False, repr=False)
    _due: float = field(default=0.0, init=False)
    _not_before: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._pauses = pauses(_LONGEST_PAUSE)

    def run(self) -> NoReturn:
        """Write, and go on until access ends.

        Raises:
            UnsealError: the first opening failed, or access ended and what was written is removed.

        """
        self.start()
        while True:
            self.clock.sleep(_LOOK_SECONDS)
            self.look()

    def start(self) -> None:
        """The first opening, which may wait and is tried until its deadline.

        Raises:
            UnsealError: it failed. If access has ended, or the Secret is empty, what an earlier run wrote is removed.

        """
        self._seen = version_of(self.settings.envelope)
        try:
            opened = open_mounted(self.settings, self.limits, self.clock)
        except UnsealError as error:
            self.fail(error)
            raise
        self._text = self._mounted() or self._text
        self._accept(opened)

    def attempt(self, seconds: float = _ATTEMPT_SECONDS) -> None:
        """Open what is mounted, once, and write it.

        Raises:
            UnsealError: it did not open in so many seconds, or cannot be written.

        """
        self._seen = version_of(self.settings.envelope)
        self._accept(self._open(seconds))

    def fail(self, error: UnsealError) -> None:
        """Take away what an earlier run wrote, if a first opening failed because access has ended."""
        if isinstance(error, _ENDED) and not self.keep:
            self.output.remove()

    def leave_out(self, error: UnsealError) -> None:
        """Go on without what is optional, and try again later. What an earlier run wrote stays, if it may."""
        if not self.output.exists() or (isinstance(error, _ENDED) and not self.keep):
            self.output.remove()
        self._postpone(error)

    def look(self) -> None:
        """Open again if it is time to.

        Raises:
            AccessEndedError: access has ended, and what was written is removed.
            UnsealError: what was opened cannot be written.

        """
        if not self._is_due():
            return
        try:
            opened = self._open(_ATTEMPT_SECONDS)
        except AccessEndedError as error:
            if self.keep or self.optional:
                self.leave_out(error)
            else:
                self.output.remove()
                raise
        except UnsealError as error:
            self._postpone(error)
        else:
            self._accept(opened)

    def _is_due(self) -> bool:
        if self.clock.now() < self._not_before:
            return False
        before, self._seen = self._seen, version_of(self.settings.envelope)
        return (self._seen != before and self._is_another()) or self.clock.now() >= self._due

    def _is_another(self) -> bool:
        # The kubelet writes all files of a volume anew when one of them changes, and the token does all the time.
        try:
            return self._mounted() != self._text
        except UnsealError:
            return True

    def _open(self, seconds: float) -> Opened:
        mounted = self._mounted()
        if not mounted and not self._text:
            read_envelope(self.settings.envelope)
        if not mounted and is_for_recipients(self._text):
            raise WithdrawnError("The envelope is no longer mounted: the LLMCredential is withdrawn, or disabled.")
        # Without a mounted one the last is shown, so that the unsealer says whether access has ended.
        self._text = mounted or self._text
        lowest = self._written.sequence if self._written else 0
        return open_text(self.settings, self._text, seconds, self.clock, lowest, self.ask)

    def _mounted(self) -> str:
        try:
            return read_envelope(self.settings.envelope)
        except EnvelopeMissingError:
            return ""

    def _accept(self, opened: Opened) -> None:
        if self._written is None or opened.content != self._written.content or not self.output.exists():
            self.output.write(opened.content)
            self.report(f"wrote {', '.join(sorted(opened.content))} (delivery {opened.sequence})")
        self._written = opened
        self._said, self._pauses = "", pauses(_LONGEST_PAUSE)
        self._not_before, self._due = 0.0, self.clock.now() + spread(self.renew)

    def _postpone(self, error: UnsealError) -> None:
        if (said := str(error)) != self._said:
            self.report(f"{'what was written stays' if self.output.exists() else 'not written'}: {said}")
            self._said = said
        # Another envelope is opened at once, unless the unsealer has asked not to be.
        asked = error.retry_after if isinstance(error, UnavailableError) else 0.0
        self._not_before = self.clock.now() + asked
        self._due = self.clock.now() + earliest(error, next(self._pauses))
