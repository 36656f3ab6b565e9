"""Changes of values brought into the text in which they are spelled; whatever keeps its value keeps every byte."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from llmkeys.inject.errors import ManifestRefusedError
from llmkeys.inject.spelling import Block, as_json, inline
from llmkeys.inject.tree import Alias, Entry, Mapping, Node, Pair, Scalar, Sequence, followed, plain

# YAML 1.1, 4.2.
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_BREAKS: Final = "\n\r\x85\u2028\u2029"

_NO_ROOM: Final = (
    "This is spelled in a way that leaves no room for new lines (an alias, an anchor, a tag, or a key that shares its "
    "line). Write it out, a key a line."
)


@dataclass(frozen=True, slots=True)
class Change:
    """What a pair of a document is to hold.

    Args:
        pair: as it was read from the text.
        value: its new value, as dictionaries and lists; what is new in it stands behind what it is to follow.

    """

    pair: Pair
    value: Any


def patched(text: str, changes: Iterable[Change]) -> str:
    """The text with these changes and no others.

    Args:
        text: that the pairs were read from.
        changes: of pairs none of which is part of another.

    Raises:
        ManifestRefusedError: a part is spelled in a way that leaves no room for its change.

    """
    patcher = _Patcher(text)
    for change in changes:
        patcher.change(change.pair, change.value)
    return patcher.result()


@dataclass(frozen=True, slots=True)
class _Edit:
    """What takes the place of a span; at one place the higher rank comes first."""

    begin: int
    end: int
    text: str
    rank: int = 0


class _Patcher:
    def __init__(self, text: str) -> None:
        self._text = text
        found = _BREAK.search(text)
        self._newline = found[0] if found else "\n"
        self._edits: list[_Edit] = []
        self._done: dict[Node, Any] = {}
        self._block = Block()
        self._spelled: Callable[[Any], str] = inline

    def change(self, pair: Pair, value: Any) -> None:
        self._block = Block(_dashes(followed(pair.value)))
        # Whoever quotes keys writes JSON, which programs read that know no YAML.
        self._spelled = as_json if self._text.startswith('"', pair.key.begin) else inline
        self._pair(pair, value, flow=False)

    def result(self) -> str:
        parts: list[str] = []
        done = 0
        for edit in sorted(self._edits, key=lambda one: (one.begin, one.end > one.begin, -one.rank)):
            if edit.begin < done:
                raise ManifestRefusedError(self._line(edit.begin), _NO_ROOM)
            parts += (self._text[done : edit.begin], edit.text)
            done = edit.end
        return "".join((*parts, self._text[done:]))

    def _pair(self, pair: Pair, value: Any, *, flow: bool) -> None:
        try:
            if not self._descended(pair.value, value, self._after_key(pair)):
                self._replaced(pair, value, flow=flow)
        except ManifestRefusedError as error:
            # What an alias stands for may be far away.
            line = pair.value.line if isinstance(pair.value, Alias) else error.line
            raise ManifestRefusedError(line, error.problem) from None

    def _descended(self, node: Node, value: Any, head: int | None) -> bool:
        """Whether the change could be brought into the parts of a node; `head` is where its first line may stand."""
        target = followed(node)
        if plain(target) == value:
            return True
        if self._done.get(target) == value:  # by an alias
            return True
        self._done[target] = value
        if isinstance(target, Mapping) and isinstance(value, dict):
            self._mapping(target, value, head)
        elif isinstance(target, Sequence) and isinstance(value, list) and value:
            self._sequence(target, value, head)
        else:
            return False
        return True

    def _mapping(self, node: Mapping, value: dict[str, Any], head: int | None) -> None:
        before = plain(node)
        own = {pair.name: pair for pair in node.pairs}
        previous: Pair | None = None
        for name, new in value.items():
            if name in own:
                previous = own[name]
                self._pair(previous, new, flow=node.flow)
            elif name not in before or before[name] != new:
                self._added_pair(node, previous, name, new, head)
        doomed = [pair.name in before and pair.name not in value for pair in node.pairs]
        if node.flow:
            self._cut([(pair.begin, pair.value.end) for pair in node.pairs], doomed)
        else:
            for pair, gone in zip(node.pairs, doomed, strict=True):
                if gone:
                    self._without_lines(pair.begin, pair.value)

    def _added_pair(self, node: Mapping, previous: Pair | None, name: str, value: Any, head: int | None) -> None:
        if node.flow:
            spelled = f"{self._spelled(name)}: {self._spelled(value)}"
            self._added_in_flow(node, [(pair.begin, pair.value.end) for pair in node.pairs], previous, [spelled])
            return
        column = node.pairs[0].column
        place = head if previous is None else self._after(previous.value)
        if place is None:
            place = self._after(node.pairs[-1].value)
        self._added_lines(node, place, self._block.pair(name, value, column), 2 * column)

    def _replaced(self, pair: Pair, value: Any, *, flow: bool) -> None:
        old = followed(pair.value)
        if flow:
            self._edits.append(_Edit(pair.value.begin, pair.value.end, _spaced(pair) + self._spelled(value)))
            return
        lines = self._block.pair(pair.name or "", value, pair.column)
        if isinstance(old, Scalar) and not old.block and len(lines) == 1:
            self._edits.append(_Edit(pair.value.begin, pair.value.end, _spaced(pair) + self._spelled(value)))
        elif isinstance(old, Scalar) and not old.block and not isinstance(value, str):
            # Nothing, in words or without; what is behind it on the line stays.
            begin = len(self._text[: pair.value.begin].rstrip(" "))
            self._edits.append(_Edit(begin, pair.value.end, ""))
            self._added_lines(old, self._after(pair.value), lines[1:], 2 * pair.column + 1)
        else:
            begin = self._without_lines(pair.begin, pair.value)
            self._added_lines(pair.value, begin, lines, 2 * pair.column)

    def _sequence(self, node: Sequence, value: list[Any], head: int | None) -> None:
        kept = dict(_kept(node.entries, value))
        before = {new: old for old, new in kept.items()}
        for old, new in kept.items():
            part = node.entries[old].value
            if not self._descended(part, value[new], None):
                raise ManifestRefusedError(part.line, _NO_ROOM)
        doomed = [number not in kept for number in range(len(node.entries))]
        spans = [(entry.begin, entry.value.end) for entry in node.entries]
        runs = list(_runs(value, before))
        if node.flow and all(doomed):
            begin = spans[0][0] if spans else node.end - 1
            self._edits.append(_Edit(begin, node.end - 1, ", ".join(map(self._spelled, value))))
        elif node.flow:
            for after, run in runs:
                previous = None if after is None else node.entries[after]
                self._added_in_flow(node, spans, previous, [self._spelled(one) for one in run])
            self._cut(spans, doomed)
        else:
            column = node.entries[0].column
            for after, run in runs:
                place = head if after is None else self._after(node.entries[after].value)
                lines = [line for one in run for line in self._block.entry(one, column)]
                self._added_lines(node, place, lines, 2 * column + 1)
            for entry, gone in zip(node.entries, doomed, strict=True):
                if gone:
                    self._without_lines(entry.begin, entry.value)

    def _added_lines(self, near: Node, place: int | None, lines: list[str], rank: int) -> None:
        if place is None:
            raise ManifestRefusedError(near.line, _NO_ROOM)
        body = self._newline.join(lines)
        at_line = place == 0 or self._text[place - 1] in _BREAKS
        self._edits.append(_Edit(place, place, body + self._newline if at_line else self._newline + body, rank))

    def _without_lines(self, begin: int, value: Node) -> int:
        """Take out the lines from a dash or key to the end of its value; gives where they began."""
        start = self._line_start(begin)
        if self._text[start:begin].strip(" \ufeff"):
            raise ManifestRefusedError(value.line, _NO_ROOM)
        self._edits.append(_Edit(start, self._after(value), ""))
        return start

    def _added_in_flow(
        self, node: Node, spans: list[tuple[int, int]], previous: Pair | Entry | None, spelled: list[str]
    ) -> None:
        if previous is not None:
            place = previous.value.end
            self._edits.append(_Edit(place, place, "".join(f", {one}" for one in spelled)))
        elif spans:
            self._edits.append(_Edit(spans[0][0], spans[0][0], "".join(f"{one}, " for one in spelled)))
        else:
            self._edits.append(_Edit(node.end - 1, node.end - 1, ", ".join(spelled)))

    def _cut(self, spans: list[tuple[int, int]], doomed: list[bool]) -> None:
        """Take parts out of brackets, each with one comma."""
        last = max((number for number, gone in enumerate(doomed) if not gone), default=-1)
        for number, gone in enumerate(doomed):
            if gone and number < last:
                self._edits.append(_Edit(spans[number][0], spans[number + 1][0], ""))
            elif gone:
                self._edits.append(_Edit(spans[number - 1][1] if number else spans[0][0], spans[number][1], ""))

    def _after_key(self, pair: Pair) -> int | None:
        """Where the first line of a value's block may stand: below the key, above comments on what comes first."""
        match pair.value:
            case Mapping(pairs=parts) | Sequence(entries=parts) if parts:
                anchored = pair.value.begin < parts[0].begin
                return self._next_line(pair.value.begin if anchored else pair.key.end)
            case _:
                return None

    def _after(self, node: Node) -> int:
        """Where the line behind a value begins; what is folded or literal ends there itself."""
        if isinstance(node, Scalar) and node.block:
            return node.end
        match node:
            case Mapping(flow=False, pairs=parts) | Sequence(flow=False, entries=parts):
                return self._after(parts[-1].value)
            case _:
                return self._next_line(node.end)

    def _next_line(self, position: int) -> int:
        found = _BREAK.search(self._text, position)
        return found.end() if found else len(self._text)

    def _line_start(self, position: int) -> int:
        while position and self._text[position - 1] not in _BREAKS:
            position -= 1
        return position

    def _line(self, position: int) -> int:
        return len(_BREAK.findall(self._text, 0, position)) + 1


def _dashes(root: Node) -> int:
    """How far dashes stand behind their keys, as it is done there."""
    for pair in root.pairs if isinstance(root, Mapping) else ():
        if isinstance(pair.value, Sequence) and not pair.value.flow:
            return max(pair.value.entries[0].column - pair.column, 0)
    return Block().dashes


def _spaced(pair: Pair) -> str:
    return " " if pair.value.begin == pair.value.end else ""


def _kept(entries: tuple[Entry, ...], value: list[Any]) -> Iterator[tuple[int, int]]:
    """The entries that stay, with their new indexes: those of one name, or if they have none, of one value."""
    old, new = list(_identities(plain(one.value) for one in entries)), list(_identities(value))
    for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        yield from zip(range(block.a, block.a + block.size), range(block.b, block.b + block.size), strict=True)


def _identities(values: Iterable[Any]) -> Iterator[tuple[str, int]]:
    seen: dict[str, int] = {}
    for one in values:
        name = (
            one["name"]
            if isinstance(one, dict) and isinstance(one.get("name"), str)
            else json.dumps(one, sort_keys=True)
        )
        seen[name] = seen.get(name, 0) + 1
        yield name, seen[name]


def _runs(value: list[Any], before: dict[int, int]) -> Iterator[tuple[int | None, list[Any]]]:
    """The entries that are new, each run of them with the old entry that it follows."""
    after: int | None = None
    run: list[Any] = []
    for number, one in enumerate(value):
        if number not in before:
            run.append(one)
            continue
        if run:
            yield after, run
        after, run = before[number], []
    if run:
        yield after, run
