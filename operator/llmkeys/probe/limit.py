"""How much of an answer is read."""

from typing import Final

from llmkeys.catalogue.model import Provider

ERROR_LIMIT: Final = 64 * 1024
"""Bytes of an answer."""
LIST_LIMIT: Final = 1024 * 1024
"""Bytes of an answer that is a list of models."""


def body_limit(entry: Provider) -> int:
    """Bytes of the probe's answer: it may be the list of models itself."""
    return LIST_LIMIT if entry.probe.path == entry.models.path else ERROR_LIMIT
