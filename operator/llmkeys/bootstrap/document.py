"""From the bytes of a template to a tree of values with places. YAML is only composed: no tag ever makes an object."""

import re
from typing import Any, Final

import msgspec
import yaml

from llmkeys.bootstrap.template import MAX_BYTES, Place, TemplateInvalidError
from llmkeys.bootstrap.tree import TAG, ListNode, MappingNode, Node, ScalarNode

MAX_VALUES: Final = 50_000
"""Values of a template after aliases are expanded."""
MAX_DEPTH: Final = 64

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE: Final = f"{TAG}merge"
# What YAML 1.2 (5.1) lets stand in a text.
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ufffd\U00010000-\U0010ffff]")
_PAIR: Final = re.compile(r"\\u([Dd][89ABab][0-9A-Fa-f]{2})\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})")
_ESCAPE: Final = re.compile(r"\\(?:u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}|.)", re.DOTALL)
_INDENT: Final = re.compile(r"[ \t]*")

_REMEDIES: Final = {
    "mapping values are not allowed in this context": "a text that holds ': ' must stand in quotes",
    "found character that cannot start any token": "a text that begins so must stand in quotes",
    "found undefined alias": "there is no such anchor (&); a text that begins with '*' must stand in quotes",
    "found unexpected end of stream": "a quote is opened and never closed",
    "did not find expected ',' or '}'": "a text that holds a brace, as a variable does, must stand in quotes here",
    "did not find expected ',' or ']'": "a text that holds a bracket must stand in quotes here",
    "did not find expected key": "the line does not fit those above it; look at its indentation and at the quotes",
}


def decoded(content: bytes, limit: int = MAX_BYTES) -> str:
    """The text of a template.

    Args:
        content: UTF-8, with or without a byte order mark.
        limit: the most bytes that it may have.

    Raises:
        TemplateInvalidError: it is too large, or no text in UTF-8.

    """
    if len(content) > limit:
        raise TemplateInvalidError(
            Place(), f"it has {len(content)} bytes, and at most {limit} are read. Split it, and apply the rest later."
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or content[1:2] == b"\0" or content[:1] == b"\0":
        raise TemplateInvalidError(Place(1, 1), "it is written in UTF-16 or UTF-32. Save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        raise TemplateInvalidError(_place_behind(before), "this is no UTF-8. Save the template as UTF-8.") from None
    wrong = _UNPRINTABLE.search(text)
    if wrong is not None:
        place = _place_behind(text[: wrong.start()])
        raise TemplateInvalidError(
            place,
            f"the character U+{ord(wrong[0]):04X} cannot stand in YAML. Remove it, or write it in quotes as an escape.",
        )
    return text


def documents_in(text: str, at: Place | None = None) -> tuple[Node, ...]:
    """The documents of YAML or JSON text, those with nothing in them left out.

    Args:
        text: as `decoded` gives it.
        at: the place of everything in it, where the text is itself a value of a template.

    Raises:
        TemplateInvalidError: it is not YAML, a name stands twice, or it is too large or deep when it is expanded.

    """
    text = _without_surrogates(text)
    try:
        roots = list(yaml.compose_all(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        raise _malformed(error, text, at) from None
    except (RecursionError, UnicodeError):
        raise TemplateInvalidError(at or Place(), "it is nested too deeply, or holds half a character.") from None
    tree = _Tree(at)
    nodes = [tree.node(root, tree.place(root), 1) for root in roots]
    return tuple(node for node in nodes if not (isinstance(node, ScalarNode) and node.is_null))


class _Tree:
    """Turns YAML's nodes into ours, and keeps count."""

    def __init__(self, at: Place | None) -> None:
        self._at = at
        self._values = 0
        self._above: set[int] = set()

    def place(self, node: Any) -> Place:
        return self._at or Place(node.start_mark.line + 1, node.start_mark.column + 1)

    def node(self, node: Any, here: Place, depth: int) -> Node:
        """One node with all below it; `here` is where it is spoken of, which for an alias is not where it stands."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise TemplateInvalidError(
                here, f"with aliases (*) expanded there are more than {MAX_VALUES} values here. Use fewer of them."
            )
        if isinstance(node, yaml.ScalarNode):
            return ScalarNode(self.place(node), node.value, node.tag)
        if id(node) in self._above:
            raise TemplateInvalidError(here, "an alias (*) here is of something that it stands in. Remove it.")
        if depth > MAX_DEPTH:
            raise TemplateInvalidError(here, f"this is more than {MAX_DEPTH} levels deep.")
        self._above.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                place = self.place(node)
                return ListNode(
                    place, tuple(self.node(item, self._nearer(item, here), depth + 1) for item in node.value)
                )
            return self._mapping(node, here, depth)
        finally:
            self._above.discard(id(node))

    def _nearer(self, item: Any, here: Place) -> Place:
        """An item's own place, unless it is an alias of something above the list."""
        return max(self.place(item), here)

    def _mapping(self, node: Any, here: Place, depth: int) -> MappingNode:
        values: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        merged: list[tuple[Any, Place]] = []
        for key, value in node.value:
            place = self.place(key)
            if not isinstance(key, yaml.ScalarNode):
                raise TemplateInvalidError(place, "a name must be one text, not a list or names with values.")
            if key.value in keys:
                raise TemplateInvalidError(
                    place, f"the same name stands on line {keys[key.value].line} already. Keep one of the two."
                )
            keys[key.value] = place
            if key.tag == _MERGE:
                merged.append((value, place))
            else:
                values[key.value] = self.node(value, max(place, here), depth + 1)
        for value, place in merged:
            del keys["<<"]
            self._merge(value, place, values, keys, depth)
        return MappingNode(self.place(node), values, keys)

    def _merge(self, value: Any, place: Place, values: dict[str, Node], keys: dict[str, Place], depth: int) -> None:
        """Add what `<<` names; what is there already wins, and of several the first."""
        for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            found = self.node(one, place, depth + 1)
            if not isinstance(found, MappingNode):
                raise TemplateInvalidError(place, "'<<' merges names with values, and nothing else.")
            for name, node in found.values.items():
                if name not in values:
                    values[name] = node
                    keys[name] = found.keys[name]


def _malformed(error: yaml.YAMLError, text: str, at: Place | None) -> TemplateInvalidError:
    """The error in words of ours and libyaml's, which quote nothing of the text."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "context", None) or "it cannot be read"
    if at is not None or mark is None:
        return TemplateInvalidError(at or Place(), f"this is no YAML or JSON: {problem}.")
    place = Place(mark.line + 1, mark.column + 1)
    lines = text.splitlines()
    indent = _INDENT.match(lines[mark.line]) if mark.line < len(lines) else None
    if indent is not None and "\t" in indent[0]:
        return TemplateInvalidError(place, "the line is indented with a tab. Use spaces.")
    remedy = _REMEDIES.get(problem)
    return TemplateInvalidError(place, f"this is no YAML: {problem}{f'; {remedy}' if remedy else ''}.")


def _without_surrogates(text: str) -> str:
    """JSON's two escapes for one character as YAML's one; nothing else is changed."""
    if text.lstrip()[:1] not in ("{", "[") or _PAIR.search(text) is None:
        return text
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return text
    return _ESCAPE.sub(_joined, text)


def _joined(escape: re.Match[str]) -> str:
    pair = _PAIR.fullmatch(escape[0])
    if pair is None:
        return escape[0]
    high, low = (int(half, 16) for half in pair.groups())
    return f"\\U{0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF):08X}"


def _place_behind(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - text.rfind("\n"))
