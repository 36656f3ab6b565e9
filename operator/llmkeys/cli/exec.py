"""`llmkeys exec -- CMD`: becomes a command that has the opened variables in its environment."""

import os
import signal
from typing import Any, Final, NoReturn

import click

from llmkeys.cli.pod_options import (
    EXIT_CODES,
    end_on_sigterm,
    fail,
    failing_with_exit_codes,
    limits_from,
    pod_options,
    settings_from,
)
from llmkeys.client.clock import Clock
from llmkeys.client.opening import open_mounted
from llmkeys.client.variables import variables_of

_NOT_EXECUTABLE: Final = 126
_NOT_FOUND: Final = 127
# Python ignores these, and a program that is executed would inherit that.
_IGNORED_BY_PYTHON: Final = (signal.SIGPIPE, signal.SIGXFSZ)


@click.command(
    epilog=EXIT_CODES + " 126  CMD cannot be run                127  CMD is not found\n\nElse that of CMD.",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@pod_options
@click.argument("cmd", nargs=-1, required=True, type=click.UNPROCESSED)
def command(cmd: tuple[str, ...], **options: Any) -> None:
    """In a pod: run CMD with the opened variables in its environment.

    They win over variables of the same name. An envelope that holds a variable which changes how programs start
    (PATH, LD_*, PYTHON*, ...) is refused as a whole. CMD takes the place of this process; it is not started
    anew when the key changes.
    """
    end_on_sigterm()
    with failing_with_exit_codes():
        variables = variables_of(open_mounted(settings_from(options), limits_from(options), Clock()).content)
    _become(cmd, {**os.environb, **{name.encode(): value for name, value in variables.items()}})


def _become(cmd: tuple[str, ...], environment: dict[bytes, bytes]) -> NoReturn:
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(cmd[0], cmd, environment)  # noqa: S606  to run what was asked for is the purpose
    except OSError as error:
        code = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
        fail(f"{cmd[0]} cannot be run: {error.strerror}.", code)
