"""Read from YAML text what matters for sealed values: credentials, providers, and where exactly each value stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from llmkeys.api.credential import Target
from llmkeys.api.names import CREDENTIAL_KIND, GROUP, PROVIDER_KIND
from llmkeys.api.provider import LLMProvider
from llmkeys.sealing.errors import ManifestMalformedError

_MERGE: Final = "tag:yaml.org,2002:merge"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"

_T = TypeVar("_T")


class _Loader(yaml.SafeLoader):
    """PyYAML's own parser in Python: its marks are positions in the text; libyaml's leave a byte order mark out."""

    # A date in a manifest is text to Kubernetes.
    yaml_implicit_resolvers = {  # noqa: RUF012  as PyYAML declares it
        first: [(tag, pattern) for tag, pattern in known if tag != _TIMESTAMP]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True, slots=True)
class Span:
    """Where a scalar is spelled.

    Args:
        begin: position in the text of its first character; an anchor and a tag before it belong to it.
        end: position behind its last one.
        line: of its beginning, counted from 1.

    """

    begin: int
    end: int
    line: int


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A value below `spec.keys[].sealed`.

    Args:
        entry: name of the key, empty if it has none.
        field: of the type.
        text: as YAML reads it; empty if it is no text.
        span: where it stands.

    """

    entry: str
    field: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class CredentialManifest:
    """What an LLMCredential in a text says.

    Args:
        namespace: empty if it names none.
        name: likewise.
        provider: name of its LLMProvider, likewise.
        target: what it asks for.
        values: in the order of the text.

    """

    namespace: str
    name: str
    provider: str
    target: Target
    values: tuple[SealedValue, ...]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Manifests:
    """The manifests of a text that are of our kinds."""

    credentials: tuple[CredentialManifest, ...]
    providers: tuple[LLMProvider, ...]


def read_manifests(text: str) -> Manifests:
    """The LLMCredentials and LLMProviders in YAML text of any number of documents, those in a List included.

    Raises:
        ManifestMalformedError: it is no YAML, or what is read of such a manifest has another shape.

    """
    credentials: list[CredentialManifest] = []
    providers: list[LLMProvider] = []
    for document in _documents(text):
        for root in _objects(document):
            kind = _word(root, "kind")
            if not _word(root, "apiVersion").startswith(f"{GROUP}/"):
                continue
            if kind == CREDENTIAL_KIND:
                credentials.append(_credential(root))
            elif kind == PROVIDER_KIND:
                providers.append(_typed(root, LLMProvider, "This LLMProvider"))
    return Manifests(tuple(credentials), tuple(providers))


def _documents(text: str) -> list[Node]:
    try:
        return list(yaml.compose_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        # PyYAML's whole message quotes the text, which may hold a key.
        mark = getattr(error, "problem_mark", None)
        raise ManifestMalformedError(mark.line + 1 if mark else 1, "this is no YAML that can be read.") from None
    except RecursionError:
        raise ManifestMalformedError(1, "this YAML is nested too deeply.") from None


def _objects(document: Node) -> Iterator[MappingNode]:
    if not isinstance(document, MappingNode):
        return
    items = _child(document, "items")
    if _word(document, "kind").endswith("List") and isinstance(items, SequenceNode):
        yield from (item for item in items.value if isinstance(item, MappingNode))
    else:
        yield document


def _credential(root: MappingNode) -> CredentialManifest:
    metadata, spec = _child(root, "metadata"), _child(root, "spec")
    target = _child(spec, "target")
    return CredentialManifest(
        namespace=_word(metadata, "namespace"),
        name=_word(metadata, "name"),
        provider=_word(_child(spec, "providerRef"), "name"),
        target=Target() if target is None else _typed(target, Target, "spec.target"),
        values=tuple(_values(_child(spec, "keys"))),
    )


def _values(keys: Node | None) -> Iterator[SealedValue]:
    if not isinstance(keys, SequenceNode):
        return
    for entry in keys.value:
        name = _word(entry, "name")
        for key, value in _pairs(_child(entry, "sealed")):
            text = value.value if isinstance(value, ScalarNode) else ""
            begin, end = value.start_mark, value.end_mark
            yield SealedValue(name, key, text, Span(begin.index, end.index, begin.line + 1))


def _typed(node: Node, kind: type[_T], what: str) -> _T:
    try:
        plain: Any = yaml.constructor.SafeConstructor().construct_document(node)
        return msgspec.convert(plain, kind)
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError):
        raise ManifestMalformedError(node.start_mark.line + 1, f"{what} is not as its schema wants it.") from None


def _child(node: Node | None, name: str) -> Node | None:
    """The value of a name; of several the last, as YAML's loaders have it."""
    return dict(_pairs(node)).get(name)


def _word(node: Node | None, name: str) -> str:
    child = _child(node, name)
    return child.value if isinstance(child, ScalarNode) else ""


def _pairs(node: Node | None) -> list[tuple[str, Node]]:
    """The pairs of a mapping, what it merges (`<<`) first; nothing for any other node."""
    return list(_merged(node, set()))


def _merged(node: Node | None, seen: set[int]) -> Iterator[tuple[str, Node]]:
    # A mapping may merge itself, and many may merge many: each is followed once.
    if not isinstance(node, MappingNode) or id(node) in seen:
        return
    seen.add(id(node))
    for key, value in node.value:
        if key.tag == _MERGE:
            for one in value.value if isinstance(value, SequenceNode) else [value]:
                yield from _merged(one, seen)
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.tag != _MERGE:
            yield key.value, value
