"""What every shape's reader needs: texts with their variables filled in, and a place for what is wrong or left."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from llmkeys.bootstrap.document import documents_in
from llmkeys.bootstrap.faults import Faults
from llmkeys.bootstrap.placeholders import is_placeholder
from llmkeys.bootstrap.template import Left, Place, TemplateInvalidError
from llmkeys.bootstrap.tree import ListNode, MappingNode, Node, ScalarNode, scalar_of
from llmkeys.bootstrap.variables import Variables
from llmkeys.catalogue.lookup import Catalogue, fold
from llmkeys.catalogue.model import Provider

NOT_TAKEN: Final = "Nothing of ours takes this setting."
"""Why most settings are left."""

_LONGEST_NAME: Final = 63
_KEY_LIKE: Final = re.compile(r"(?=.*[0-9])[A-Za-z0-9+/=.-]{20,}")


@dataclass(frozen=True, slots=True)
class Packed:
    """A text in a key's place.

    Args:
        text: the whole of it.
        fields: what it holds, if it is a JSON object; empty if it is none.
        places: where each of these stands, if they are written out.

    """

    text: str = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    places: Mapping[str, Place] = field(default_factory=dict, compare=False)


class Reader:
    """Reads one template.

    Args:
        variables: fills them in.
        catalogue: knows providers by all their names.

    """

    def __init__(self, variables: Variables, catalogue: Catalogue) -> None:
        self.variables = variables
        self.catalogue = catalogue
        self.faults = Faults()
        self._left: dict[tuple[Place, str], Left] = {}
        self._told: set[str] = set()

    @property
    def left(self) -> tuple[Left, ...]:
        """What is not taken over, in the order in which it was found."""
        return tuple(self._left.values())

    def leave(self, place: Place, what: str, why: str) -> None:
        """Note a part that is not taken over, once."""
        self._left.setdefault((place, what), Left(place, what, why))

    def leave_once(self, place: Place, what: str, why: str) -> None:
        """Note a setting that is not taken over where it stands first, and not again for every entry that has it."""
        if what not in self._told:
            self._told.add(what)
            self.leave(place, what, why)

    def leave_setting(self, parent: MappingNode, name: str, what: str, why: str = NOT_TAKEN) -> None:
        """Note a setting that is not taken over where it stands first, unless nothing is set there.

        Args:
            parent: that holds it.
            name: of it.
            what: how the file calls the parent.
            why: and what to do, as a sentence.

        """
        if not _is_unset(parent.values[name]):
            self.leave_once(parent.keys[name], f"{what}.{self.shown(name)}", why)

    def text(self, parent: MappingNode, name: str, what: str = "") -> str:
        """A text by its name; empty where there is none.

        Args:
            parent: that may hold it.
            name: of it.
            what: how messages call it, if not by its name.

        Raises:
            TemplateInvalidError: it is a list or names with values, or a variable in it is not set.

        """
        found = parent.get(name)
        if found is None:
            return ""
        if not isinstance(found, ScalarNode):
            found = scalar_of(found, what or self.shown(name))
        return self.variables.text(found)

    def texts(self, node: Node, what: str) -> list[str]:
        """The texts of a list, or of one text with commas between them.

        Raises:
            TemplateInvalidError: as for `text`.

        """
        if isinstance(node, ListNode):
            return [self.variables.text(scalar_of(item, f"an item of {what}")).strip() for item in node.items]
        text = self.variables.text(scalar_of(node, what))
        return [part.strip() for part in text.replace("\uff0c", ",").split(",") if part.strip()]

    def set_text(self, parent: MappingNode, name: str, what: str = "") -> str:
        """As `text`; empty where nobody has put a value there yet."""
        text = self.text(parent, name, what)
        return "" if is_placeholder(text) else text

    def truth(self, parent: MappingNode, name: str, *, usual: bool) -> bool:
        """A switch by its name.

        Raises:
            TemplateInvalidError: it is neither on nor off.

        """
        text = self.text(parent, name).strip().casefold()
        if text in {"", "true", "yes", "on", "1"}:
            return bool(text) or usual
        if text in {"false", "no", "off", "0"}:
            return False
        raise TemplateInvalidError(parent.values[name].place, f"{name} must be true or false.")

    def packed(self, node: ScalarNode) -> "Packed":
        """A text that may hold several fields as a JSON object, in which variables are filled in value by value.

        Raises:
            TemplateInvalidError: a variable is not set.

        """
        inner = _fields_in(node.text, node.place)
        if inner:
            fields = {name: self.variables.text(one) for name, one in inner.items()}
            return Packed(self.variables.text(node), fields)
        text = self.variables.text(node)
        # It came out of a variable: nothing in it is one.
        return Packed(text, {name: one.text for name, one in _fields_in(text, node.place).items()})

    def object_in(self, text: str, place: Place) -> MappingNode | None:
        """The object that a text is as JSON, each part of it at the text's place; None if it is none.

        Raises:
            TemplateInvalidError: it begins like one, and cannot be read.

        """
        if not text.lstrip().startswith("{"):
            return None
        found = documents_in(text, place)
        return found[0] if len(found) == 1 and isinstance(found[0], MappingNode) else None

    def entry(self, factory: str) -> Provider | None:
        """The catalogue's entry of any product's name; None where it has none."""
        # `find` looks for the nearest names where there is none, and that takes long.
        known = self.catalogue.index.get(fold(factory)) if len(factory) <= _LONGEST_NAME else None
        return None if known is None else self.catalogue.providers[known]

    def shown(self, name: str) -> str:
        """A name of the template as it may be shown: not where it looks like a key that stands on the wrong side."""
        if self.entry(name) is not None:
            return name
        like_a_key = name.startswith(self.catalogue.redaction.prefixes) or _KEY_LIKE.fullmatch(name)
        return "a name that looks like a key" if like_a_key or len(name) > _LONGEST_NAME else name


def _is_unset(node: Node) -> bool:
    match node:
        case ScalarNode(text=text):
            return node.is_null or text.casefold() in {"", "false"}
        case ListNode(items=items):
            return not items
        case MappingNode(values=values):
            return not values


def _fields_in(text: str, place: Place) -> dict[str, ScalarNode]:
    """The texts of a JSON object; none where it is no such object, as keys are that begin with a brace."""
    if not text.lstrip().startswith("{") or is_placeholder(text):
        return {}
    try:
        found = documents_in(text, place)
    except TemplateInvalidError:
        return {}
    values = found[0].values if len(found) == 1 and isinstance(found[0], MappingNode) else {}
    return {name: node for name, node in values.items() if isinstance(node, ScalarNode) and not node.is_null}
