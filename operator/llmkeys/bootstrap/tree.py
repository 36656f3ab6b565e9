"""A document as values that know where they stand. Nothing of it shows itself: any of the texts may be a key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from llmkeys.bootstrap.template import Place, TemplateInvalidError

TAG: Final = "tag:yaml.org,2002:"
_NULL: Final = f"{TAG}null"


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A text, a number, a truth value, or nothing.

    Args:
        place: of it.
        text: as it is written, without the quotes of YAML.
        tag: what YAML takes it for.

    """

    place: Place
    text: str = field(repr=False)
    tag: str

    @property
    def is_null(self) -> bool:
        return self.tag == _NULL


@dataclass(frozen=True, slots=True)
class ListNode:
    """Values in an order."""

    place: Place
    items: tuple["Node", ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Names and values.

    Args:
        place: of it.
        values: by name, as the name is written.
        keys: where each name stands.

    """

    place: Place
    values: Mapping[str, "Node"] = field(repr=False)
    keys: Mapping[str, Place] = field(repr=False)

    def get(self, name: str) -> "Node | None":
        """The value of a name; None where there is none, or nothing is written behind it."""
        found = self.values.get(name)
        return None if isinstance(found, ScalarNode) and found.is_null else found


Node = ScalarNode | ListNode | MappingNode


def mapping_of(node: Node, what: str) -> MappingNode:
    """The node, which has to be a mapping.

    Args:
        node: to be looked at.
        what: how messages call it.

    Raises:
        TemplateInvalidError: it is something else.

    """
    if isinstance(node, MappingNode):
        return node
    raise TemplateInvalidError(node.place, f"{what} must hold names with values (name: value), not {_kind(node)}.")


def list_of(node: Node, what: str) -> ListNode:
    """The node, which has to be a list; arguments and errors as for `mapping_of`."""
    if isinstance(node, ListNode):
        return node
    raise TemplateInvalidError(node.place, f"{what} must be a list (lines that begin with '- '), not {_kind(node)}.")


def scalar_of(node: Node, what: str) -> ScalarNode:
    """The node, which has to be a text or a number; arguments and errors as for `mapping_of`."""
    if isinstance(node, ScalarNode):
        return node
    raise TemplateInvalidError(node.place, f"{what} must be one text, not {_kind(node)}.")


def _kind(node: Node) -> str:
    match node:
        case ListNode():
            return "a list"
        case MappingNode():
            return "names with values"
        case ScalarNode(is_null=True):
            return "nothing"
    return "one text"
