"""YAML as a tree that knows where each of its parts is spelled, so that single parts can be changed in the text."""

from collections.abc import Iterator
from collections.abc import Mapping as Named
from dataclasses import dataclass
from typing import Any, Final

import yaml
from yaml.nodes import ScalarNode
from yaml.tokens import BlockEntryToken, KeyToken, Token

from llmkeys.inject.errors import ManifestRefusedError

_MERGE: Final = "<<"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"
_TAG: Final = "tag:yaml.org,2002:"
_MOST_PARTS: Final = 500_000  # of a document with its aliases followed, which can be made to multiply


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A part of a document.

    Args:
        begin: position in the text of its first character, an anchor and a tag included.
        end: position behind its last one.
        line: of its beginning, counted from 1.

    """

    begin: int
    end: int
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class Scalar(Node):
    """A text, a number, a truth value, or nothing. What is folded or literal (`|`, `>`) is `block`."""

    value: str | int | bool | None
    block: bool


@dataclass(frozen=True, slots=True, eq=False)
class Alias(Node):
    """Stands for another node."""

    target: Node


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One of a sequence; `begin` and `column` (from 0) are those of its dash, where it has one."""

    begin: int
    column: int
    value: Node


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Node):
    """Entries in brackets (`flow`), or each behind a dash."""

    entries: tuple[Entry, ...]
    flow: bool


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One of a mapping; `begin` and `column` (from 0) are those of its key, or of the question mark before it."""

    begin: int
    column: int
    key: Node
    value: Node

    @property
    def name(self) -> str | None:
        """The key, where it is a text."""
        key = followed(self.key)
        return key.value if isinstance(key, Scalar) and isinstance(key.value, str) else None


@dataclass(frozen=True, slots=True, eq=False)
class Mapping(Node):
    """Pairs in braces (`flow`), or each on a line."""

    pairs: tuple[Pair, ...]
    flow: bool

    def pair(self, name: str) -> Pair | None:
        """The pair of that name that stands here itself; of several the last, as YAML's loaders have it."""
        return next((pair for pair in reversed(self.pairs) if pair.name == name), None)

    def child(self, name: str) -> Node | None:
        """The value of a name, also where it is merged in (`<<`)."""
        if pair := self.pair(name):
            return followed(pair.value)
        return next((value for one in self.merged() if (value := one.child(name))), None)

    def merged(self) -> Iterator["Mapping"]:
        """The mappings that this one takes over, the strongest first."""
        for pair in self.pairs:
            if pair.name == _MERGE:
                value = followed(pair.value)
                listed = [one.value for one in value.entries] if isinstance(value, Sequence) else [value]
                yield from (one for one in map(followed, listed) if isinstance(one, Mapping))


def followed(node: Node) -> Node:
    """What an alias stands for, any other node as it is."""
    return node.target if isinstance(node, Alias) else node


def documents_of(text: str) -> list[Node]:
    """The roots of the documents in a text.

    Raises:
        ManifestRefusedError: it is no YAML.

    """
    try:
        return list(_Reader(text).documents())
    except yaml.YAMLError as error:
        # PyYAML's whole message quotes the text.
        mark = getattr(error, "problem_mark", None)
        raise ManifestRefusedError(mark.line + 1 if mark else 1, "This is no YAML that can be read.") from None
    except RecursionError:
        raise ManifestRefusedError(1, "This YAML is nested too deeply.") from None


def plain(node: Node, instead: Named[int, Any] | None = None) -> Any:
    """The value that a node has, as dictionaries and lists; aliases are followed, merged pairs come first.

    Args:
        node: of a tree.
        instead: by the `id` of nodes, values that they are to have.

    Raises:
        ManifestRefusedError: it has too many parts, or none but itself.

    """
    try:
        return _Plain(instead or {}).of(node)
    except RecursionError:
        raise ManifestRefusedError(node.line, "This YAML holds itself, or is nested too deeply.") from None


@dataclass(slots=True)
class _Plain:
    instead: Named[int, Any]
    parts: int = 0

    def of(self, node: Node) -> Any:
        self.parts += 1
        if self.parts > _MOST_PARTS:
            raise ManifestRefusedError(node.line, "This YAML has too many parts, or aliases of aliases.")
        if id(node) in self.instead:
            return self.instead[id(node)]
        match followed(node):
            case Sequence(entries=entries):
                return [self.of(one.value) for one in entries]
            case Mapping() as mapping:
                return dict(self._pairs(mapping))
            case Scalar(value=value):
                return value
            case _:
                return None

    def _pairs(self, mapping: Mapping) -> Iterator[tuple[Any, Any]]:
        for one in reversed(list(mapping.merged())):
            yield from self._pairs(one)
        for pair in mapping.pairs:
            if pair.name != _MERGE:
                key = self.of(pair.key)
                yield key if isinstance(key, str) else repr(key), self.of(pair.value)


class _Parser(yaml.SafeLoader):
    """PyYAML's own parser in Python, whose marks are positions in the text, and which tells where dashes and keys are.

    The marks of libyaml leave a byte order mark out.
    """

    # A date in a manifest is text to Kubernetes.
    yaml_implicit_resolvers = {  # noqa: RUF012  as PyYAML declares it
        first: [(tag, pattern) for tag, pattern in known if tag != _TIMESTAMP]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    dash: yaml.Mark
    key: yaml.Mark

    def get_token(self) -> Token:
        token: Token = super().get_token()  # type: ignore[no-untyped-call]
        if isinstance(token, BlockEntryToken):
            self.dash = token.start_mark
        elif isinstance(token, KeyToken):
            self.key = token.start_mark
        return token


class _Reader:
    """Makes the tree of the parser's events; none is looked at before its turn, so that dash and key are its own."""

    def __init__(self, text: str) -> None:
        self._parser: Any = _Parser(text)  # of which little is typed
        self._anchors: dict[str, Node] = {}

    def documents(self) -> Iterator[Node]:
        while True:
            match self._next():
                case yaml.DocumentStartEvent():
                    self._anchors = {}
                    yield self._node(self._next())
                case None:
                    return
                case _:
                    continue

    def _next(self) -> Any:
        return self._parser.get_event() if self._parser.check_event() else None

    def _node(self, event: Any) -> Node:
        begin, line = event.start_mark.index, event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise ManifestRefusedError(line, "This alias stands for nothing, or for what it is a part of.")
            return Alias(begin, _end(event), line, self._anchors[event.anchor])
        match event:
            case yaml.SequenceStartEvent():
                node = self._sequence(event, begin, line)
            case yaml.MappingStartEvent():
                node = self._mapping(event, begin, line)
            case _:
                node = Scalar(begin, _end(event), line, self._value(event), event.style in {"|", ">"})
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _sequence(self, start: Any, begin: int, line: int) -> Node:
        entries: list[Entry] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            place = event.start_mark if start.flow_style else self._parser.dash
            entries.append(Entry(place.index, place.column, self._node(event)))
        end = _end(event) if start.flow_style else entries[-1].value.end
        return Sequence(begin, end, line, tuple(entries), bool(start.flow_style))

    def _mapping(self, start: Any, begin: int, line: int) -> Node:
        pairs: list[Pair] = []
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            place = event.start_mark if start.flow_style else self._parser.key
            key = self._node(event)
            pairs.append(Pair(place.index, place.column, key, self._node(self._next())))
        end = _end(event) if start.flow_style else pairs[-1].value.end
        return Mapping(begin, end, line, tuple(pairs), bool(start.flow_style))

    def _value(self, event: Any) -> str | int | bool | None:
        given = None if event.tag == "!" else event.tag
        tag = given or self._parser.resolve(ScalarNode, event.value, event.implicit)
        match tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return event.value.lower() in {"true", "yes", "on"}
            case "int":
                return _integer(event.value)
            case _:
                return str(event.value)


def _end(event: Any) -> int:
    return int(event.end_mark.index)


def _integer(text: str) -> int | str:
    try:
        return int(yaml.constructor.SafeConstructor().construct_yaml_int(ScalarNode("", text)))
    except ValueError:
        return text
