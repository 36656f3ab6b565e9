"""Which product's shape a template has, told by what is in it and never by its file's name."""

from enum import StrEnum
from typing import Final

from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shapes import cherry_studio, dify, litellm, ragflow
from llmkeys.bootstrap.shapes.xedu import factory_of
from llmkeys.bootstrap.template import Place, TemplateInvalidError
from llmkeys.bootstrap.tree import ListNode, MappingNode, Node, ScalarNode


class Shape(StrEnum):
    """The shapes that are read, each with what it begins with."""

    OURS = "llmkeys (manifests with apiVersion and kind)"
    RAGFLOW = "RAGFlow (user_default_llm:)"
    LITELLM = "LiteLLM (model_list:)"
    DIFY = "Dify (a list of provider: with credentials:)"
    CHERRY_STUDIO = "Cherry Studio (localStorage, or a list of apiKey: with apiHost:)"
    XEDU = "XEduLLM (provider: key)"


# Sections of a RAGFlow file in which `user_default_llm` is commented out, as it is when it is installed.
_RAGFLOW_FILE: Final = frozenset({"ragflow", "mysql", "minio", "redis"})
_ENOUGH: Final = 2


def shape_of(documents: tuple[Node, ...], reader: Reader) -> Shape:
    """The one shape that the documents have.

    Args:
        documents: of the template.
        reader: knows providers by name.

    Raises:
        TemplateInvalidError: they have none that is known, or more than one.

    """
    if not documents:
        raise TemplateInvalidError(Place(), f"there is nothing in it. {_known()}")
    first = documents[0]
    if len(documents) > 1 or _is_manifest(_first_item(first)) or _is_manifest(first):
        found = [Shape.OURS] if all(_is_manifest(_first_item(one)) or _is_manifest(one) for one in documents) else []
    else:
        found = [shape for shape, is_so in _TESTS.items() if is_so(first)]
        found = found or ([Shape.XEDU] if _is_xedu(first, reader) else [])
    if not found:
        raise TemplateInvalidError(first.place, f"this is no shape that is read. {_known()}")
    if len(found) > 1:
        names = " and ".join(found)
        raise TemplateInvalidError(first.place, f"this looks like {names} at once. Give each a bootstrap of its own.")
    return found[0]


def _is_manifest(node: Node | None) -> bool:
    return isinstance(node, MappingNode) and "apiVersion" in node.values and "kind" in node.values


def _is_ragflow(root: Node) -> bool:
    return isinstance(root, MappingNode) and (
        ragflow.SECTION in root.values or len(_RAGFLOW_FILE & set(root.values)) >= _ENOUGH
    )


def _is_litellm(root: Node) -> bool:
    return isinstance(root, MappingNode) and (litellm.MODELS in root.values or litellm.CREDENTIALS in root.values)


def _is_dify(root: Node) -> bool:
    lists = [root] if isinstance(root, ListNode) else _named_lists(root, dify.LISTS)
    return any(_has(_first_item(one), dify.NAMES) and _has(_first_item(one), dify.CREDENTIALS) for one in lists)


def _is_cherry_studio(root: Node) -> bool:
    if isinstance(root, MappingNode) and (cherry_studio.STORE in root.values or "llm" in root.values):
        return True
    lists = [root] if isinstance(root, ListNode) else _named_lists(root, ("providers",))
    return any(_has(_first_item(one), cherry_studio.MARKS) for one in lists)


_TESTS: Final = {
    Shape.RAGFLOW: _is_ragflow,
    Shape.LITELLM: _is_litellm,
    Shape.DIFY: _is_dify,
    Shape.CHERRY_STUDIO: _is_cherry_studio,
}


def _is_xedu(root: Node, reader: Reader) -> bool:
    """Whether it is pairs, of which at least one names a provider: any file of names and texts would do otherwise."""
    if isinstance(root, ListNode):
        return _has(_first_item(root), ("provider",)) and _has(_first_item(root), ("api_key", "key"))
    if not isinstance(root, MappingNode):
        return False
    pairs = [name for name, value in root.values.items() if _is_key(value)]
    return len(pairs) == len(root.values) and any(reader.entry(factory_of(name, reader)) for name in pairs)


def _is_key(value: Node) -> bool:
    return not isinstance(value, ListNode) or all(isinstance(one, ScalarNode) for one in value.items)


def _first_item(node: Node) -> Node | None:
    return node.items[0] if isinstance(node, ListNode) and node.items else None


def _named_lists(root: Node, names: tuple[str, ...]) -> list[Node]:
    return [root.values[name] for name in names if name in root.values] if isinstance(root, MappingNode) else []


def _has(node: Node | None, names: tuple[str, ...] | frozenset[str]) -> bool:
    return isinstance(node, MappingNode) and any(name in node.values for name in names)


def _known() -> str:
    return f"These are: {'; '.join(Shape)}."
