"""The type that a person named on the command line."""

import click

from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.catalogue.model import Provider


def type_named(name: str, catalogue: Catalogue) -> Provider:
    """The type of that name, which may be any of its names.

    Raises:
        ClickException: there is none.

    """
    try:
        return catalogue.find(name)
    except UnknownProviderTypeError as error:
        raise click.ClickException(f"{error} All of them: llmkeys providers") from None
