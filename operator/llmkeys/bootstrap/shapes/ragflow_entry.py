"""The parts of RAGFlow's `user_default_llm`: the section itself, and the default models in it, as they are written."""

import re
from dataclasses import dataclass, field, replace
from typing import Final

from llmkeys.bootstrap.placeholders import is_placeholder
from llmkeys.bootstrap.reader import Packed, Reader
from llmkeys.bootstrap.shapes.account import is_keyless
from llmkeys.bootstrap.template import Place
from llmkeys.bootstrap.tree import MappingNode, Node, scalar_of

_CUSTOM: Final = re.compile(r"___[A-Za-z][A-Za-z0-9 -]*$")


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands together: a factory, a key and an address; for a default model its name, too.

    Args:
        place: of it.
        name: under which it stands, such as `chat_model`; empty for the section itself.
        model, factory, base_url: empty where not given.
        instance: RAGFlow's name of the account, where the model's name holds one.
        key: what stands in the key's place; None where nothing does.

    """

    place: Place
    name: str = ""
    model: str = ""
    factory: str = ""
    instance: str = ""
    key: Packed | None = field(default=None, repr=False)
    base_url: str = ""

    def is_same_model(self, other: "Entry | None") -> bool:
        """Whether another default model is this one, of the same account."""
        return other is not None and replace(other, place=self.place, name=self.name) == self


def entry_in(node: MappingNode, name: str, place: Place, reader: Reader) -> Entry:
    """What a mapping says.

    Args:
        node: the section, or a default model that is written out.
        name: under which it stands.
        place: of it.
        reader: fills variables in.

    Raises:
        TemplateInvalidError: a part is a list, or a variable in it is not set.

    """
    named = named_entry(reader.set_text(node, "name") or reader.set_text(node, "model"), name, place)
    return replace(
        named,
        factory=reader.set_text(node, "factory").strip() or named.factory,
        key=_key(node, reader),
        base_url=reader.set_text(node, "base_url").strip(),
    )


def named_entry(text: str, name: str, place: Place) -> Entry:
    """What a model's name says: `name`, `name@factory`, or `name@account@factory`.

    Args:
        text: variables filled in.
        name: under which it stands.
        place: of it.

    """
    model, at, factory = text.strip().rpartition("@")
    if not at:
        return Entry(place, name, _CUSTOM.sub("", factory))
    # A name may begin with '@'; an account stands behind the name.
    first, _, instance = model[1:].partition("@")
    return Entry(place, name, _CUSTOM.sub("", model[:1] + first), factory.strip(), instance)


def with_fallback(one: Entry, top: Entry, reader: Reader) -> Entry | None:
    """A default model with what it does not say itself taken from the section; None if that would send a key astray.

    RAGFlow takes each part from the section by itself, so that one vendor's key may go to another vendor. Here a key
    goes along with its factory, or with its address (a gateway has several factories behind one of both).
    """
    factory = one.factory or top.factory
    entry = reader.entry(factory)
    same = not top.factory or _is_same(factory, top.factory, reader)
    if one.key is not None:
        return replace(one, factory=factory, base_url=one.base_url or (top.base_url if same else ""))
    if same or (top.base_url and not one.base_url):
        return replace(one, factory=factory, key=top.key, base_url=one.base_url or top.base_url)
    if is_keyless(entry) or top.key is None:
        return replace(one, factory=factory)
    return None


def _is_same(one: str, other: str, reader: Reader) -> bool:
    known = reader.entry(one)
    return one == other or (known is not None and known is reader.entry(other))


def _key(node: MappingNode, reader: Reader) -> Packed | None:
    key: Node | None = node.get("api_key")
    if key is None:
        return None
    # RAGFlow packs several fields as JSON text; people write them out.
    if isinstance(key, MappingNode):
        return Packed("", {name: reader.text(key, name) for name in key.values}, key.keys)
    packed = reader.packed(scalar_of(key, "api_key"))
    return None if is_placeholder(packed.text) else packed
