"""On which terms a value is sealed: how far it may be used, where it may be sent, how it may be handed on."""

from collections.abc import Iterator
from dataclasses import dataclass

from llmkeys.crypto.header import ANY, ENVELOPE, Binding, Purpose, Scope


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person decides about a value besides its place.

    Args:
        audience: the host that it may be sent to, or `any`.
        scope: whether one credential may use it, or any of the namespace.
        delivery: how it may be handed on.

    """

    audience: str
    scope: Scope = Scope.CREDENTIAL
    delivery: str = ENVELOPE

    def binding(self, namespace: str, name: str, field: str) -> Binding:
        """The binding of one field of one credential.

        Raises:
            BindingInvalidError: a part is none; the text names it.

        """
        return Binding(
            purpose=Purpose.SEAL,
            scope=self.scope,
            namespace=namespace,
            name=name if self.scope is Scope.CREDENTIAL else "",
            field=field,
            audience=self.audience,
            delivery=self.delivery,
        )


def widenings(bound: Terms | Binding) -> Iterator[str]:
    """A sentence for each way in which a value may be used more widely than by default."""
    if bound.scope == Scope.NAMESPACE:
        yield "any LLMCredential of the namespace may use it"
    if bound.audience == ANY:
        yield "it may be sent to any host"
    if bound.delivery == ANY:
        yield "it may be delivered in clear, or to anybody"
