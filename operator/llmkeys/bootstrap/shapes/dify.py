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
DEFAULTS: Final = "default_models"
CREDENTIALS: Final = ("credentials", "encrypted_config", "custom_configuration")

# Base64 of `HYBRID:`, and of the 256 bytes of RSA that older versions wrote.
_ENCRYPTED: Final = re.compile(r"SFlCUklEO[A-Za-z0-9+/=]*|[A-Za-z0-9+/]{342}==")


@dataclass(frozen=True, slots=True)
class _Credential:
    """The fields of one credential, by Dify's names."""

    place: Place
    values: Mapping[str, str] = field(repr=False)
    places: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Default:
    """The model that Dify uses where a type of models is wanted and none is named."""

    place: Place
    model: str


_Defaults = Mapping[str, Mapping[ModelType, _Default]]


def read_dify(root: Node, reader: Reader) -> Accounts:
    """What the list says.

    Args:
        root: the document.
        reader: fills variables in, and notes what is wrong or left.

    Raises:
        TemplateInvalidError: it is misshapen.

    """
    accounts: list[Account] = []
    defaults: _Defaults = {}
    with reader.faults.gathered():
        defaults = _defaults(root, reader)
    there: set[str] = set()
    for item in _items(root, reader):
        with reader.faults.gathered():
            provider = mapping_of(item, "a provider")
            factory = _factory(provider, reader)
            there.add(factory)
            own = {kind: one.model for kind, one in defaults.get(factory, {}).items()}
            accounts += _accounts(provider, factory, own, reader)
    _leave_defaults({name: models for name, models in defaults.items() if name not in there}, reader)
    return Accounts("Dify", tuple(accounts), reader.left)


def _items(root: Node, reader: Reader) -> tuple[Node, ...]:
    if isinstance(root, ListNode):
        return root.items
    whole = mapping_of(root, "the file")
    found: list[Node] = []
    for name, value in whole.values.items():
        if name in LISTS:
            found += list_of(value, name).items
        elif name != DEFAULTS:
            reader.leave(whole.keys[name], reader.shown(name), "This is nothing about a provider's credentials.")
    return tuple(found)


def _factory(item: MappingNode, reader: Reader) -> str:
    """The provider's own name, without those of the plugin that brings it."""
    name = next((text for text in (reader.text(item, one) for one in NAMES) if text), "")
    return name.strip().rsplit("/", 1)[-1]


def _accounts(item: MappingNode, factory: str, defaults: Mapping[ModelType, str], reader: Reader) -> Iterator[Account]:
    what = reader.shown(factory)
    enabled = reader.truth(item, "enabled", usual=True)
    credentials = list(_credentials(item, what, reader))
    if not credentials:
        reader.leave(item.place, what, "It has no credentials, or those that Dify gives to everybody.")
    for one in credentials:
        if any(map(_ENCRYPTED.fullmatch, one.values.values())):
            why = "It is encrypted with a key that only Dify has. Write the credential in clear, or as a variable."
            reader.leave(one.place, what, why)
            continue
        yield account_of(
            reader,
            one.place,
            factory,
            one.values,
            what=what,
            places=one.places,
            enabled=enabled,
            defaults=defaults,
        )


def _credentials(item: MappingNode, what: str, reader: Reader) -> Iterator[_Credential]:
    """Every mapping of an entry that holds a credential; a credential of one model counts like the provider's."""
    for name in CREDENTIALS:
        node = item.get(name)
        if node is not None:
            yield from _opened(node, name, what, reader)
    models = item.get("models")
    for model in models.items if isinstance(models, ListNode) else ():
        if isinstance(model, MappingNode):
            yield from _credentials(model, what, reader)


def _opened(node: Node, name: str, what: str, reader: Reader) -> Iterator[_Credential]:
    if isinstance(node, ListNode):
        for item in node.items:
            yield from _opened(item, name, what, reader)
        return
    if isinstance(node, ScalarNode):
        packed = reader.packed(node)
        yield _Credential(node.place, packed.fields or {name: packed.text})
        return
    inner = [node.get(one) for one in ("provider", *CREDENTIALS, "models")]
    if not any(isinstance(one, MappingNode | ListNode) for one in inner):
        yield _Credential(node.place, _texts(node, what, reader), node.keys)
    for one in inner:
        if isinstance(one, MappingNode | ListNode):
            yield from _opened(one, name, what, reader)


def _texts(node: MappingNode, what: str, reader: Reader) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in node.values.items():
        if isinstance(value, ScalarNode):
            found[name] = reader.text(node, name)
        else:
            reader.leave_setting(node, name, what)
    return found


def _defaults(root: Node, reader: Reader) -> _Defaults:
    """What `default_models` says, a list of `{model_type, model, provider}`; the first of a type counts."""
    node = root.get(DEFAULTS) if isinstance(root, MappingNode) else None
    found: dict[str, dict[ModelType, _Default]] = {}
    for item in list_of(node, DEFAULTS).items if node is not None else ():
        with reader.faults.gathered():
            one = mapping_of(item, "a default model")
            models = found.setdefault(_factory(one, reader), {})
            model = reader.set_text(one, "model") or reader.set_text(one, "model_name")
            kind = MODEL_TYPES.get(reader.text(one, "model_type"))
            if kind is None or not model:
                reader.leave(one.place, DEFAULTS, "It names no model, or no model_type that ours have.")
            elif kind in models:
                reader.leave(one.place, DEFAULTS, "One before it is for the same provider and model_type.")
            else:
                models[kind] = _Default(one.place, model)
    return found


def _leave_defaults(defaults: _Defaults, reader: Reader) -> None:
    for provider, models in defaults.items():
        why = f"The file has no provider {reader.shown(provider)}. Write its credentials into it."
        for one in models.values():
            reader.leave(one.place, DEFAULTS, why)
