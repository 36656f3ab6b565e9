"""`llmkeys bootstrap`: providers and credentials once from a template, with the rights of whoever runs it."""

from typing import Final

import click

from llmkeys.cli.lazy import LazyGroup

_DEFAULT: Final = "run"
_COMMANDS: Final = {
    "run": "Plan FILE, seal its keys and hand it over; `llmkeys bootstrap FILE` is the same.",
    "status": "Tell what became of it.",
    "forget": "Remove the template from the cluster once it was consumed.",
}
_HELP: Final = ("-h", "--help")


class _Bootstrap(LazyGroup):
    """Takes what is none of its commands for the arguments of the usual one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*_COMMANDS, *_HELP):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_Bootstrap,
    listed=_COMMANDS,
    prefix="llmkeys.cli.bootstrap_",
    subcommand_metavar="FILE | COMMAND [ARGS]...",
)
def command() -> None:
    """Create providers and sealed credentials from a template, once.

    \b
    llmkeys bootstrap service_conf.yaml.template --dry-run
    llmkeys bootstrap service_conf.yaml.template
    llmkeys bootstrap status
    llmkeys bootstrap forget

    FILE has the shape of RAGFlow, LiteLLM, Dify, Cherry Studio or XEduLLM, or is a list of LLMProviders and
    LLMCredentials. `llmkeys bootstrap run --help` has the options.
    """  # noqa: D301  click wants the backspace itself
