"""`llmkeys unseal`: has mounted envelopes opened and writes what they hold, once or for as long as the pod lives."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from llmkeys.cli.pod_options import (
    EXIT_CODES,
    duration,
    end_on_sigterm,
    failing_with_exit_codes,
    limits_from,
    pod_options,
    settings_from,
)
from llmkeys.client.clock import Clock
from llmkeys.client.following import Follower
from llmkeys.client.opening import open_mounted
from llmkeys.client.output import Form, output
from llmkeys.client.sealed import ENVELOPES, SEALED_FOLDER, TOKEN, Sealed, is_credential_name
from llmkeys.client.several import Several, Wanted, is_ready

_MODE: Final = 0o440
_MODE_OF_SEVERAL: Final = 0o444


@click.command(epilog=EXIT_CODES + "\nWith --all: that of the first of --require that fails.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="File in a memory volume; a folder for --format files and for --all.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Form]),
    show_default=Form.ENV.value,
    help="env: NAME='value' lines for fileKeyRef and shells; files: one file a value; json: one object.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Every envelope that is mounted: CREDENTIAL.env and a folder CREDENTIAL of each. Those that are refused are "
    "left out with an empty CREDENTIAL.env.",
)
@click.option(
    "--require",
    metavar="NAMES",
    multiple=True,
    help="With --all: credentials that must open, else it fails; names between commas, or given more than once.",
)
@click.option(
    "--optional",
    metavar="NAMES",
    multiple=True,
    help="With --all: credentials that get an empty CREDENTIAL.env even if no envelope of theirs is mounted.",
)
@click.option(
    "--sealed",
    type=click.Path(path_type=Path, file_okay=False),
    default=SEALED_FOLDER,
    show_default=True,
    help=f"With --all: folder with {ENVELOPES}/CREDENTIAL and {TOKEN}.",
)
@click.option(
    "--mode",
    type=click.Choice(["0400", "0440", "0444"]),
    show_default="0440, with --all 0444",
    help="Permissions of what is written.",
)
@click.option("--follow", is_flag=True, help="Go on: write again when another envelope is mounted, end with access.")
@click.option(
    "--renew",
    type=duration,
    metavar="DURATION",
    default="5m",
    show_default=True,
    help="With --follow: ask again so often.",
)
@click.option("--keep", is_flag=True, help="With --follow: leave what is written when access ends, and go on.")
@click.option("--ready", is_flag=True, help="Only look whether --out is written: exit code 0 if so, else 1 (a probe).")
@pod_options
def command(everything: bool, **options: Any) -> None:
    """In a pod: have envelopes opened and write what they hold.

    Needs the generated Secret and a token for audience llmkeys.dev, both mounted; the credential's
    status.unsealer says what to set $LLMKEYS_UNSEALER and $LLMKEYS_CA to.
    """
    if everything:
        _several(**options)
    else:
        _one(**options)


def _one(
    out: Path, form: str | None, mode: str | None, follow: bool, renew: float, keep: bool, ready: bool, **options: Any
) -> None:
    if options["require"] or options["optional"]:
        raise click.UsageError("--require and --optional are for --all.")
    target = output(Form(form or Form.ENV), out, _permissions(mode, _MODE))
    if ready:
        raise SystemExit(0 if target.exists() else 1)
    settings, limits = settings_from(options), limits_from(options)
    with failing_with_exit_codes():
        if follow:
            end_on_sigterm(0)
            Follower(settings, target, limits, _say, renew, keep).run()
        end_on_sigterm()
        target.write(open_mounted(settings, limits, Clock()).content)


def _several(
    out: Path, form: str | None, mode: str | None, follow: bool, renew: float, keep: bool, ready: bool, **options: Any
) -> None:
    if form or options["envelope"]:
        raise click.UsageError("--format and --envelope are for one credential, without --all.")
    wanted = Wanted(_names(options["require"], "--require"), _names(options["optional"], "--optional"))
    folder: Path = options["sealed"]
    settings = replace(settings_from(options), token=options["token"] or folder / TOKEN)
    sealed = Sealed(folder, settings)
    if ready:
        raise SystemExit(0 if is_ready(sealed, wanted, out) else 1)
    permissions = _permissions(mode, _MODE_OF_SEVERAL)
    several = Several(sealed, wanted, out, limits_from(options), _say, permissions, renew, keep)
    with failing_with_exit_codes():
        if follow:
            end_on_sigterm(0)
            several.follow()
        end_on_sigterm()
        several.open()


def _names(given: Sequence[str], option: str) -> tuple[str, ...]:
    names = [name for one in given for part in one.split(",") if (name := part.strip())]
    for name in names:
        if not is_credential_name(name):
            raise click.BadParameter(f"{name} is no name of an LLMCredential.", param_hint=option)
    return tuple(dict.fromkeys(names))


def _permissions(mode: str | None, default: int) -> int:
    return int(mode, 8) if mode else default


def _say(text: str) -> None:
    click.echo(f"llmkeys: {text}", err=True)
