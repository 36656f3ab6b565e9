"""`llmkeys providers`: which providers there are, and the page of one."""

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.catalogue.loader import load
from llmkeys.cli.check_arguments import RefusingKeys
from llmkeys.cli.output import print_data, print_facts, print_table, with_every_output
from llmkeys.cli.provider_type import type_named
from llmkeys.explain.page import Language, page_of
from llmkeys.explain.page_text import HEADS, PageText, rows_of


@click.command(cls=RefusingKeys)
@click.argument("name", required=False)
@click.option(
    "--lang",
    "language",
    type=click.Choice(["en", "zh"]),
    default="en",
    show_default=True,
    help="Language of names and notes; what is not translated stays in English.",
)
@with_every_output
def command(name: str | None, language: Language, output: str) -> None:
    """List the providers, or show the page of the one that NAME finds.

    A name is a type, or what RAGFlow, Dify, Cherry Studio, LiteLLM or XEduLLM call it, in English or Chinese. A page
    says where requests go, which fields and variables there are, how to get a key, and what the request that proves
    keys really proves.

    Exits with 0, or with 1 if nothing has that name.
    """
    try:
        catalogue = load()
        for fault in catalogue.faults:
            click.echo(f"Left out: {fault}", err=True)
        found = list(catalogue.providers.values()) if name is None else [type_named(name, catalogue)]
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    pages = [page_of(one, language) for one in found]
    if output != "table":
        print_data(output, pages if name is None else pages[0])
    elif name is None:
        print_table(HEADS, rows_of(found, language))
    else:
        print_facts(PageText(pages[0], language).facts())
