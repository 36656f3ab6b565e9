"""XEduLLM's `provider: key` pairs."""

from collections.abc import Iterator

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shapes.account import account_of, key_values
from llmkeys.bootstrap.template import Account, Accounts, Place
from llmkeys.bootstrap.tree import ListNode, MappingNode, Node, ScalarNode, mapping_of


def read_xedu(root: Node, reader: Reader) -> Accounts:
    """What the pairs say; a list of entries with `provider` and `api_key` is read as well.

    Args:
        root: the document.
        reader: fills variables in, and notes what is wrong or left.

    """
    accounts: list[Account] = []
    for place, provider, value in _pairs(root, reader):
        with reader.faults.gathered():
            accounts += _accounts(place, provider, value, reader)
    return Accounts("XEduLLM", tuple(accounts), reader.left)


def factory_of(name: str, reader: Reader) -> str:
    """A provider by the product's own rule: its Chinese label holds what is asked for; the name itself otherwise."""
    if reader.entry(name) is not None or len(name) < 2:  # noqa: PLR2004  one character is no name
        return name
    found = {one.id for one in reader.catalogue.providers.values() if any(name in label for label in one.aliases.xedu)}
    return found.pop() if len(found) == 1 else name


def _pairs(root: Node, reader: Reader) -> Iterator[tuple[Place, str, Node]]:
    if isinstance(root, MappingNode):
        for name, value in root.values.items():
            yield root.keys[name], name, value
        return
    for item in root.items if isinstance(root, ListNode) else ():
        with reader.faults.gathered():
            entry = mapping_of(item, "an item of the list")
            yield entry.place, reader.text(entry, "provider").strip(), entry


def _accounts(place: Place, provider: str, value: Node, reader: Reader) -> Iterator[Account]:
    factory = factory_of(provider, reader)
    what = reader.shown(provider)
    if isinstance(value, ListNode):
        for item in value.items:
            yield from _accounts(item.place, provider, item, reader)
        return
    if isinstance(value, ScalarNode):
        values = key_values(reader.packed(value), reader.entry(factory))
        yield account_of(reader, place, factory, values, what=what)
        return
    names = [name for name in value.values if name not in {"provider", "model"} and value.get(name) is not None]
    model = reader.set_text(value, "model")
    yield account_of(
        reader,
        place,
        factory,
        {name: reader.text(value, name) for name in names},
        what=what,
        places=value.keys,
        defaults={ModelType.LLM: model} if model else {},
    )
