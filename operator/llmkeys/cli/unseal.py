"""`llmkeys unseal`: has the mounted envelope opened and writes what it holds, once or for as long as the pod lives."""

from pathlib import Path
from typing import Any

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


@click.command(epilog=EXIT_CODES)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="File (folder for --format files) in a memory volume."
)
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Form]),
    default=Form.ENV.value,
    show_default=True,
    help="env: NAME='value' lines for fileKeyRef and shells; files: one file a value; json: one object.",
)
@click.option(
    "--mode",
    type=click.Choice(["0400", "0440", "0444"]),
    default="0440",
    show_default=True,
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
def command(
    out: Path, form: str, mode: str, follow: bool, renew: float, keep: bool, ready: bool, **options: Any
) -> None:
    """In a pod: have an envelope opened and write what it holds.

    Needs the generated Secret and a token for audience llmkeys.dev, both mounted; the credential's
    status.unsealer says what to set $LLMKEYS_UNSEALER and $LLMKEYS_CA to.
    """
    target = output(Form(form), out, int(mode, 8))
    if ready:
        raise SystemExit(0 if target.exists() else 1)
    settings, limits = settings_from(options), limits_from(options)
    with failing_with_exit_codes():
        if follow:
            end_on_sigterm(0)
            Follower(settings, target, limits, _say, renew, keep).run()
        end_on_sigterm()
        target.write(open_mounted(settings, limits, Clock()).content)


def _say(text: str) -> None:
    click.echo(f"llmkeys: {text}", err=True)
