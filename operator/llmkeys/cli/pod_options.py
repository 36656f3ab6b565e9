"""What `unseal` and `exec` have in common: where things are in a pod, exit codes, and ending on SIGTERM."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar

import click

from llmkeys.api.durations import seconds
from llmkeys.api.errors import UserError
from llmkeys.client.errors import UnsealError
from llmkeys.client.opening import Limits
from llmkeys.client.settings import ENVELOPE_FILE, TOKEN_FILE, Settings

EXIT_CODES: Final = """\b
Exit codes:
   2  an option or variable is missing or wrong
  10  no envelope is mounted          11  no token is mounted
  12  the token is not accepted       13  the token is for another audience
  14  denied                          15  withdrawn or disabled
  16  no such credential              17  only an old envelope is mounted
  18  the envelope does not open      19  no private key for it
  20  the unsealer does not answer    21  its certificate is not trusted
  22  its answer is not understood    30  the volume is full
  31  the output cannot be written    32  a name or value has no place there
"""

_Command = TypeVar("_Command", bound=Callable[..., Any])
_TERMINATED: Final = 128 + signal.SIGTERM


def duration(text: str) -> float:
    """Seconds of a duration such as 90s or 10m."""
    try:
        return seconds(text)
    except UserError as error:
        raise click.BadParameter(f"{error}.") from None


_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_OPTIONS: Final = (
    click.option("--credential", envvar="LLMKEYS_CREDENTIAL", help="Name of the LLMCredential [$LLMKEYS_CREDENTIAL]."),
    click.option("--unsealer", envvar="LLMKEYS_UNSEALER", help="https://HOST[:PORT] [$LLMKEYS_UNSEALER]."),
    click.option(
        "--ca", type=_FILE, help="The unsealer's CA certificates, PEM [$LLMKEYS_CA (text), $LLMKEYS_CA_FILE]."
    ),
    click.option("--envelope", type=_FILE, show_default=str(ENVELOPE_FILE), help="Where the envelope is mounted."),
    click.option("--token", type=_FILE, show_default=str(TOKEN_FILE), help="Where the token is mounted."),
    click.option("--identity", type=_FILE, help="Private key, for an envelope to recipients; no service is asked."),
    click.option(
        "--wait",
        type=duration,
        metavar="DURATION",
        default="60s",
        show_default=True,
        help="How long to wait for an envelope.",
    ),
    click.option(
        "--deadline",
        type=duration,
        metavar="DURATION",
        default="60s",
        show_default=True,
        help="How long to try to have it opened.",
    ),
)


def pod_options(command: _Command) -> _Command:
    """Give a command the options that `settings_from` and `limits_from` read."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_from(options: dict[str, Any]) -> Settings:
    """Where things are, by options and variables."""
    return Settings.given(
        credential=options["credential"],
        unsealer=options["unsealer"],
        authorities_file=options["ca"],
        envelope=options["envelope"],
        token=options["token"],
        identity=options["identity"],
    )


def limits_from(options: dict[str, Any]) -> Limits:
    """How long to wait."""
    return Limits(options["wait"], options["deadline"])


@contextmanager
def failing_with_exit_codes() -> Iterator[None]:
    """Print an error of the client as one line, and end with its code."""
    try:
        yield
    except UnsealError as error:
        fail(str(error), error.exit_code)


def fail(text: str, code: int) -> NoReturn:
    """Say what is wrong, and end with an exit code."""
    click.echo(f"Error: {text}", err=True)
    raise SystemExit(code)


def end_on_sigterm(code: int = _TERMINATED) -> None:
    """Exit on SIGTERM; the kernel keeps it from the first process of a container that does not ask for it.

    Args:
        code: to exit with.

    """

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(code)

    signal.signal(signal.SIGTERM, end)
