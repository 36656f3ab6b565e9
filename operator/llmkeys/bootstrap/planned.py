"""What a bootstrap would create, object by object, its keys still in clear and never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from llmkeys.bootstrap.template import Left, Place
from llmkeys.crypto.header import Binding
from llmkeys.crypto.secret import Secret

NAMESPACE_KIND: Final = "Namespace"
Kind = Literal["Namespace", "LLMProvider", "LLMCredential"]


@dataclass(frozen=True, slots=True)
class PlannedValue:
    """One field of a key that is still in clear.

    Args:
        secret: the value.
        binding: what it is going to be sealed for.

    """

    secret: Secret
    binding: Binding


@dataclass(frozen=True, slots=True)
class PlannedKey:
    """One entry of `spec.keys`.

    Args:
        manifest: what is written as it is.
        values: fields to be sealed, by name.

    """

    manifest: Mapping[str, Any]
    values: Mapping[str, PlannedValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """One object to be made.

    Args:
        kind: of it.
        namespace: empty for what is in none.
        name: of it.
        manifest: without keys and without our label.
        keys: of an LLMCredential.
        place: in the template.
        host: where its keys may go, or where the LLMProvider is; for people, empty where that is not known.

    """

    kind: Kind
    namespace: str
    name: str
    manifest: Mapping[str, Any]
    place: Place
    keys: tuple[PlannedKey, ...] = ()
    host: str = ""

    @property
    def reference(self) -> str:
        """Kind, namespace and name, as one word that tells objects apart."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be made.

    Args:
        shape: name of the product whose shape the template has.
        objects: each after what it needs.
        left: what is not taken over.

    """

    shape: str
    objects: tuple[PlannedObject, ...]
    left: tuple[Left, ...]
