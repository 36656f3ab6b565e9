"""Cherry Studio's backup (JSON text in JSON text), and plain lists of its providers."""

import re
from collections.abc import Iterator
from typing import Final

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.placeholders import is_placeholder
from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shapes.account import account_of, is_keyless
from llmkeys.bootstrap.template import Account, Accounts, TemplateInvalidError
from llmkeys.bootstrap.tree import ListNode, MappingNode, Node, ScalarNode, list_of, mapping_of, scalar_of

STORE: Final = "localStorage"
_STATE: Final = "persist:cherry-studio"
MARKS: Final = frozenset({"apiKey", "apiHost", "apiKeys"})
"""By which of these names a provider of this product is known."""

_COMMA: Final = re.compile(r"(?<!\\),")
# A provider that a person has added is of a type; the first is any server that speaks OpenAI's API.
_TYPES: Final = {"": "custom", "openai": "custom", "openai-response": "custom", "vertex-anthropic": "vertexai"}
_SETTINGS: Final = ("apiKey", "apiHost", "apiVersion")
# What an entry is, and how the product shows it.
_READ: Final = frozenset({*_SETTINGS, *MARKS, "enabled", "id", "isAuthed", "isSystem", "models", "name", "type"})


def read_cherry_studio(root: Node, reader: Reader) -> Accounts:
    """What the backup or the list says.

    Args:
        root: the document.
        reader: fills variables in, and notes what is wrong or left.

    Raises:
        TemplateInvalidError: it is misshapen.

    """
    state = _state(root, reader)
    providers = state if isinstance(state, ListNode) else _part(state, "providers")
    defaults = _defaults(state, reader) if isinstance(state, MappingNode) else {}
    accounts: list[Account] = []
    for item in list_of(providers, "providers").items:
        with reader.faults.gathered():
            accounts += _accounts(mapping_of(item, "a provider"), defaults, reader)
    return Accounts("Cherry Studio", tuple(accounts), reader.left)


def _state(root: Node, reader: Reader) -> Node:
    """The part that holds providers, whichever of its wrappings is there."""
    if isinstance(root, MappingNode) and STORE in root.values:
        store = mapping_of(_unpacked(root.values[STORE], STORE, reader), STORE)
        root = mapping_of(_unpacked(_part(store, _STATE), _STATE, reader), _STATE)
    if isinstance(root, MappingNode) and "llm" in root.values:
        return mapping_of(_unpacked(root.values["llm"], "llm", reader), "llm")
    return root


def _unpacked(node: Node, what: str, reader: Reader) -> Node:
    """A value that may be JSON text; a backup holds no variables."""
    if not isinstance(node, ScalarNode):
        return node
    found = reader.object_in(scalar_of(node, what).text, node.place)
    if found is None:
        raise TemplateInvalidError(node.place, f"{what} holds no JSON object. Take the file as Cherry Studio wrote it.")
    return found


def _part(node: Node, name: str) -> Node:
    found = mapping_of(node, "the backup").get(name)
    if found is None:
        raise TemplateInvalidError(node.place, f"there is no {name} here. Take the file as Cherry Studio wrote it.")
    return found


def _accounts(item: MappingNode, defaults: dict[str, str], reader: Reader) -> Iterator[Account]:
    identity = reader.text(item, "id").strip()
    name = reader.text(item, "name").strip()
    own = reader.entry(identity) is None and reader.entry(name) is None
    factory = _factory(item, identity, name, reader)
    what = reader.shown(name or identity)
    enabled = reader.truth(item, "enabled", usual=True)
    values = {one: reader.text(item, one) for one in _SETTINGS if item.get(one) is not None}
    texts = list(_keys(values.pop("apiKey", ""), item, what, reader))
    # It lists every provider that it knows, most of them off and without a key.
    if not texts and not (enabled and is_keyless(reader.entry(factory))):
        if enabled:
            reader.leave(item.place, what, "It has no key.")
        return
    _leave_others(item, what, reader)
    model = defaults.get(identity, "")
    for text in texts or [""]:
        yield account_of(
            reader,
            item.place,
            factory,
            {**values, "apiKey": text},
            what=what,
            places=item.keys,
            name=name if own else "",
            enabled=enabled,
            defaults={ModelType.LLM: model} if model else {},
        )


def _leave_others(item: MappingNode, what: str, reader: Reader) -> None:
    for name in item.values:
        if name not in _READ:
            reader.leave_setting(item, name, what)
    if "models" in item.values:
        reader.leave_setting(item, "models", what, "The provider itself is asked which models it has.")


def _factory(item: MappingNode, identity: str, name: str, reader: Reader) -> str:
    if reader.entry(identity) is not None:
        return identity
    if reader.entry(name) is not None:
        return name
    kind = reader.text(item, "type").strip()
    return _TYPES.get(kind, kind)


def _keys(text: str, item: MappingNode, what: str, reader: Reader) -> Iterator[str]:
    """The keys of a provider: between commas that no backslash escapes, or in the list that version 2 has."""
    for part in _COMMA.split(text):
        key = part.replace("\\,", ",").strip()
        if "," in key:
            reader.leave(item.place, what, "A key holds a comma ('\\,'), which no key does. Put the keys apart.")
        elif not is_placeholder(key):
            yield key
    listed = item.get("apiKeys")
    for one in list_of(listed, "apiKeys").items if listed is not None else ():
        entry = mapping_of(one, "a key")
        if not reader.truth(entry, "isEnabled", usual=True):
            reader.leave(entry.place, f"{what}.apiKeys", "This key is switched off.")
        elif reader.set_text(entry, "key"):
            yield reader.text(entry, "key")


def _defaults(state: MappingNode, reader: Reader) -> dict[str, str]:
    """Provider to the model that new conversations begin with."""
    node = state.get("defaultModel")
    if not isinstance(node, MappingNode):
        return {}
    provider, model = reader.text(node, "provider"), reader.text(node, "id")
    return {provider: model} if provider and model else {}
