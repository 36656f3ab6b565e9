"""A file of the catalogue that nobody could find fault with, for tests of what is added to it."""

from typing import Any, Final

import msgspec
import yaml

from llmkeys.catalogue.model import ProviderFile

_MINIMAL: Final = """\
id: made-up
names: {en: Made up}
kind: vendor
version: v1
paths: {chat: /chat/completions, models: /models}
auth: {scheme: bearer}
secret_fields: [{name: apiKey}]
probe: {method: GET, path: /models, authenticated: true, cost: zero, ev: D}
"""


def made_up(region: str, **more: Any) -> ProviderFile:
    """The file of a provider with one region.

    Args:
        region: its name.
        **more: what the file says besides.

    Raises:
        msgspec.ValidationError: a file cannot say that.

    """
    own = {"endpoints": [{"region": region, "url": "https://api.made-up.example/v1"}], "default_region": region}
    return msgspec.convert(yaml.safe_load(_MINIMAL) | own | more, ProviderFile)
