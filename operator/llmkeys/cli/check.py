"""`llmkeys check`: is this key good? Asked from here, without a cluster."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.catalogue.loader import load
from llmkeys.cli.check_arguments import RefusingKeys
from llmkeys.cli.check_keys import Sources, read_keys
from llmkeys.cli.check_spec import duration, spec_of
from llmkeys.cli.check_target import target_of
from llmkeys.cli.output import with_every_output
from llmkeys.cli.provider_type import type_named

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=RefusingKeys)
@click.argument("kind", metavar="TYPE")
@click.option("--from-file", type=click.Path(exists=True, dir_okay=False, allow_dash=True), help="Read the keys here.")
@click.option("--from-env", "variables", is_flag=True, help="Read the type's conventional variables.")
@click.option("--variable", default="", metavar="NAME", help="Read this variable.")
@click.option("--base-url", metavar="URL", help="Ask here; the rules are those of spec.baseURL.")
@click.option("--region", help="One of the type's regions, or auto: the one that knows the key.")
@click.option("--endpoint", "endpoints", multiple=True, metavar="NAME=URL", help="Another URL of the type. Repeatable.")
@click.option("--config", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the type. Repeatable.")
@click.option("--ca", type=_FILE, metavar="FILE", help="PEM certificates to trust instead of the system's.")
@click.option("--proxy", metavar="URL", help="HTTP proxy; those of the environment are not used.")
@click.option("--allow-private-addresses", is_flag=True, help="Private addresses may be asked, and plain http there.")
@click.option(
    "--default", "defaults", multiple=True, metavar="TYPE=MODEL", help="This one, not the catalogue's choice."
)
@click.option("--require-model", "required", multiple=True, metavar="MODEL", help="It must be there. Repeatable.")
@click.option("--paid", is_flag=True, help="The request may cost money, if the type has none that is free.")
@click.option(
    "--timeout",
    metavar="DURATION",
    callback=duration,
    help="For the request (default: 10s, or what the type needs at times).",
)
@click.option("--watch", is_flag=True, help="Look again whenever the operator would, until interrupted.")
@click.option(
    "--interval",
    metavar="DURATION",
    callback=duration,
    default="6h",
    show_default=True,
    help="With --watch: between looks at a good key.",
)
@with_every_output
def command(kind: str, output: str, *, watch: bool, **given: Any) -> None:
    """Prove a key of TYPE from here, without a cluster: verdict, models, defaults, balance, and what to do next.

    The key is read from standard input, a file, a variable, or a prompt that shows nothing; never from an argument.
    Several keys, one a line or separated by commas, become a table. Types with several secret fields take a JSON
    object, or lines NAME=value.

    \b
    llmkeys check openai < key.txt
    llmkeys check deepseek --from-env
    llmkeys check moonshot --region auto
    llmkeys check openai --require-model gpt-5 --from-env -o json
    llmkeys check ollama --base-url http://127.0.0.1:11434 --allow-private-addresses < /dev/null

    The answer is read as the operator would read it. Where it is not known whether the provider checks keys at all, a
    made-up key is shown to it first. Requests that cost money are sent with --paid only. A list of models that cannot
    be read, and a balance that is not told, change no verdict.

    Exits with 0 if every key is good; with 3 if one cannot be used (refused, expired, without quota, permission, or a
    model that was asked for); with 4 if nothing was decided about one (no answer, throttled, a server that checks no
    keys); with 1 if nothing could be asked; with 2 if the command line is wrong.
    """  # noqa: D301  click wants the backspace itself
    try:
        entry = type_named(kind, load())
        target = target_of(spec_of(entry, **given), entry, tuple(given["required"]))
        sources = Sources(given["from_file"], given["variables"], given["variable"])
        keys = read_keys(sources, entry, target.host)
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'input'}: {error.strerror}") from None
    try:
        from llmkeys.cli import check_run  # noqa: PLC0415  the client takes longer to import than all the rest
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"`llmkeys check` needs more packages, among them {error.name}: pip install 'llmkeys[controller]'"
        ) from None
    run = check_run.watch if watch else check_run.check
    sys.exit(run(target, keys, output))
