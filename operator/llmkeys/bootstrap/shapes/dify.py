"""Dify's lists of model providers with their credentials, from its API, its database, or written by hand."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shapes.account import MODEL_TYPES, account_of
from llmkeys.bootstrap.template import Account, Accounts, Place
from llmkeys.bootstrap.tree import ListNode, MappingNode, Node, ScalarNode, list_of, mapping_of

LISTS: Final = ("model_providers", "providers", "provider_credentials", "data")
"""Under which of these names the list stands, where it is not the whole document."""
NAMES: Final = ("provider", "provider_name")
CREDENTIALS: Final = ("credentials", "encrypted_config", "custom_configuration")

# Base64 of `HYBRID:`, and of the 256 bytes of RSA that older versions wrote.
_ENCRYPTED: Final = re.compile(r"SFlCUklEO[A-Za-z0-9+/=]*|[A-Za-z0-9+/]{342}==")


@dataclass(frozen=True, slots=True)
class _Credential:
    """The fields of one credential, by Dify's names."""

    place: Place
    values: Mapping[str, str] = field(repr=False)


def read_dify(root: Node, reader: Reader) -> Accounts:
    """What the list says.

    Args:
        root: the document.
        reader: fills variables in, and notes what is wrong or left.

    Raises:
        TemplateInvalidError: it is misshapen.

    """
    accounts: list[Account] = []
    for item in _items(root, reader):
        with reader.faults.gathered():
            accounts += _accounts(mapping_of(item, "a provider"), _defaults(root, reader), reader)
    return Accounts("Dify", tuple(accounts), reader.left)


def _items(root: Node, reader: Reader) -> tuple[Node, ...]:
    if isinstance(root, ListNode):
        return root.items
    whole = mapping_of(root, "the file")
    found: list[Node] = []
    for name, value in whole.values.items():
        if name in LISTS:
            found += list_of(value, name).items
        elif name != "default_models":
            reader.leave(whole.keys[name], reader.shown(name), "This is nothing about a provider's credentials.")
    return tuple(found)


def _accounts(item: MappingNode, defaults: dict[str, dict[ModelType, str]], reader: Reader) -> Iterator[Account]:
    name = next((text for text in (reader.text(item, one) for one in NAMES) if text), "")
    factory = name.strip().rsplit("/", 1)[-1]
    what = reader.shown(factory)
    enabled = reader.truth(item, "enabled", usual=True)
    credentials = list(_credentials(item, reader))
    if not credentials:
        reader.leave(item.place, what, "It has no credentials, or those that Dify gives to everybody.")
    for one in credentials:
        if any(map(_ENCRYPTED.fullmatch, one.values.values())):
            why = "It is encrypted with a key that only Dify has. Write the credential in clear, or as a variable."
            reader.leave(one.place, what, why)
            continue
        own = defaults.get(factory, {})
        yield account_of(reader, one.place, factory, one.values, what=what, enabled=enabled, defaults=own)


def _credentials(item: MappingNode, reader: Reader) -> Iterator[_Credential]:
    """Every mapping of an entry that holds a credential; a credential of one model counts like the provider's."""
    for name in CREDENTIALS:
        node = item.get(name)
        if node is not None:
            yield from _opened(node, name, reader)
    models = item.get("models")
    for model in models.items if isinstance(models, ListNode) else ():
        if isinstance(model, MappingNode):
            yield from _credentials(model, reader)


def _opened(node: Node, name: str, reader: Reader) -> Iterator[_Credential]:
    if isinstance(node, ListNode):
        for item in node.items:
            yield from _opened(item, name, reader)
        return
    if isinstance(node, ScalarNode):
        packed = reader.packed(node)
        yield _Credential(node.place, packed.fields or {name: packed.text})
        return
    inner = [node.get(one) for one in ("provider", *CREDENTIALS, "models")]
    if not any(isinstance(one, MappingNode | ListNode) for one in inner):
        texts = {one: reader.text(node, one) for one, value in node.values.items() if isinstance(value, ScalarNode)}
        yield _Credential(node.place, texts)
    for one in inner:
        if isinstance(one, MappingNode | ListNode):
            yield from _opened(one, name, reader)


def _defaults(root: Node, reader: Reader) -> dict[str, dict[ModelType, str]]:
    """Provider to the models that are Dify's defaults: `default_models`, a list of `{model_type, model, provider}`."""
    node = root.get("default_models") if isinstance(root, MappingNode) else None
    found: dict[str, dict[ModelType, str]] = {}
    for item in node.items if isinstance(node, ListNode) else ():
        one = mapping_of(item, "a default model")
        provider = next((text for text in (reader.text(one, name) for name in NAMES) if text), "").rsplit("/", 1)[-1]
        model = reader.set_text(one, "model") or reader.set_text(one, "model_name")
        kind = MODEL_TYPES.get(reader.text(one, "model_type"))
        if kind is not None and model:
            found.setdefault(provider, {}).setdefault(kind, model)
    return found
