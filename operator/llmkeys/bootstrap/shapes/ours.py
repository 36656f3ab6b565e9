"""Manifests of LLMProviders and LLMCredentials in which a key may stand in clear: this file is read once."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import inspect

from llmkeys.api.credential import CredentialSpec, SecretRef
from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, PROVIDER_KIND
from llmkeys.api.provider import ProviderSpec
from llmkeys.bootstrap.placeholders import is_placeholder
from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shapes.typed import require_known, typed
from llmkeys.bootstrap.template import Template, TemplateInvalidError, WantedCredential, WantedKey, WantedProvider
from llmkeys.bootstrap.tree import ListNode, MappingNode, Node, ScalarNode, list_of, mapping_of, scalar_of
from llmkeys.crypto.secret import Secret

SHAPE: Final = "llmkeys"
_SEALED: Final = "llmkeys1."
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_OBJECT: Final = ("apiVersion", "kind", "metadata", "spec", "status")
_WAYS: Final = ("value", "sealed", "secretRef")
_KEPT: Final = frozenset({"name", "namespace", "labels", "annotations"})
# What the API server writes; `kubectl get -o yaml` shows it.
_SERVERS: Final = frozenset({"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"})

_PROVIDER: Final = inspect.type_info(ProviderSpec)
_CREDENTIAL: Final = inspect.type_info(CredentialSpec)
_REFERENCE: Final = inspect.type_info(SecretRef)
_TEXTS: Final = inspect.type_info(dict[str, str])


def read_ours(documents: tuple[Node, ...], reader: Reader) -> Template:
    """What the manifests ask for.

    Args:
        documents: each a manifest, a `kind: List`, or a list of manifests.
        reader: fills variables in, and notes what is wrong or left.

    """
    providers: list[WantedProvider] = []
    credentials: list[WantedCredential] = []
    for item in _objects(documents, reader):
        with reader.faults.gathered():
            wanted = _wanted(mapping_of(item, "a manifest"), reader)
            if isinstance(wanted, WantedProvider):
                providers.append(wanted)
            elif wanted is not None:
                credentials.append(wanted)
    return Template(SHAPE, tuple(providers), tuple(credentials), reader.left)


def _objects(documents: tuple[Node, ...], reader: Reader) -> Iterator[Node]:
    for document in documents:
        if isinstance(document, ListNode):
            yield from _objects(document.items, reader)
        elif isinstance(document, MappingNode) and reader.text(document, "kind").endswith("List"):
            items = document.get("items")
            yield from _objects(list_of(items, "items").items, reader) if items is not None else ()
        else:
            yield document


def _wanted(manifest: MappingNode, reader: Reader) -> WantedProvider | WantedCredential | None:
    kind, version = reader.text(manifest, "kind"), reader.text(manifest, "apiVersion")
    if kind not in {PROVIDER_KIND, CREDENTIAL_KIND}:
        reader.leave(manifest.place, reader.shown(kind) or "a manifest without kind", f"Only {_kinds()} are created.")
        return None
    if version != API_VERSION:
        raise TemplateInvalidError(manifest.place, f"apiVersion of an {kind} must be {API_VERSION}.")
    require_known(manifest, dict.fromkeys(_OBJECT), f"an {kind}")
    metadata, spec = _needed(manifest, "metadata", kind), _needed(manifest, "spec", kind)
    for name in metadata.values:
        if name not in _KEPT | _SERVERS:
            reader.leave(metadata.keys[name], f"metadata.{reader.shown(name)}", "A bootstrap sets no such metadata.")
    return _provider(metadata, spec, reader) if kind == PROVIDER_KIND else _credential(metadata, spec, reader)


def _provider(metadata: MappingNode, spec: MappingNode, reader: Reader) -> WantedProvider:
    return WantedProvider(
        _name(metadata, PROVIDER_KIND, reader),
        typed(spec, _PROVIDER, "spec", reader.variables),
        metadata.place,
        labels=_texts(metadata, "labels", reader),
        annotations=_texts(metadata, "annotations", reader),
    )


def _credential(metadata: MappingNode, spec: MappingNode, reader: Reader) -> WantedCredential | None:
    name = _name(metadata, CREDENTIAL_KIND, reader)
    without_keys = MappingNode(spec.place, {one: node for one, node in spec.values.items() if one != "keys"}, spec.keys)
    plain = typed(without_keys, _CREDENTIAL, "spec", reader.variables)
    node = spec.get("keys")
    entries = () if node is None else list_of(node, "spec.keys").items
    found = (_key(mapping_of(item, "a key"), name, reader) for item in entries)
    keys = tuple(one for one in found if one is not None)
    if entries and not keys:
        reader.leave(metadata.place, f"{CREDENTIAL_KIND} {name}", "None of its keys has a value, so it is not created.")
        return None
    return WantedCredential(
        reader.text(metadata, "namespace").strip(),
        name,
        plain,
        keys,
        metadata.place,
        labels=_texts(metadata, "labels", reader),
        annotations=_texts(metadata, "annotations", reader),
    )


def _key(entry: MappingNode, credential: str, reader: Reader) -> WantedKey | None:
    """An entry of the list; None where its value is only a placeholder."""
    require_known(entry, dict.fromkeys(("name", *_WAYS)), "a key")
    name = reader.text(entry, "name").strip()
    if not name:
        raise TemplateInvalidError(entry.place, "a key needs a name, such as primary.")
    present = [way for way in _WAYS if way in entry.values]
    if len(present) != 1:
        raise TemplateInvalidError(entry.place, f"a key needs exactly one of: {', '.join(_WAYS)}.")
    node = entry.values[present[0]]
    if present[0] == "secretRef":
        return WantedKey(name, entry.place, source=typed(node, _REFERENCE, "secretRef", reader.variables))
    values = {field: text for field, text in _values(node, present[0], reader).items() if not is_placeholder(text)}
    if not values:
        reader.leave(entry.place, f"{CREDENTIAL_KIND} {credential}, key {name}", "It has no value, or a placeholder.")
        return None
    sealed = {field: text for field, text in values.items() if present[0] == "sealed" and text.startswith(_SEALED)}
    clear = {field: Secret(text) for field, text in values.items() if field not in sealed}
    return WantedKey(name, entry.place, clear=clear, sealed=sealed)


def _values(node: Node, way: str, reader: Reader) -> Mapping[str, str]:
    """Field to text; the empty field stands for the type's main one."""
    if way == "value" and isinstance(node, ScalarNode):
        return {"": reader.variables.text(node)}
    return {
        name: reader.variables.text(scalar_of(one, reader.shown(name)))
        for name, one in mapping_of(node, way).values.items()
    }


def _name(metadata: MappingNode, kind: str, reader: Reader) -> str:
    name = reader.text(metadata, "name").strip()
    if not name:
        raise TemplateInvalidError(metadata.place, f"an {kind} needs metadata.name.")
    return name


def _needed(manifest: MappingNode, name: str, kind: str) -> MappingNode:
    node = manifest.get(name)
    if node is None:
        raise TemplateInvalidError(manifest.place, f"an {kind} needs {name}.")
    return mapping_of(node, name)


def _texts(metadata: MappingNode, name: str, reader: Reader) -> Mapping[str, str]:
    node = metadata.get(name)
    found: dict[str, Any] = {} if node is None else typed(node, _TEXTS, f"metadata.{name}", reader.variables)
    return {key: text for key, text in found.items() if key != _LAST_APPLIED}


def _kinds() -> str:
    return f"{PROVIDER_KIND} and {CREDENTIAL_KIND}"
