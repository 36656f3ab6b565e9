"""The LLMCredential that holds sealed values, as text to be committed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND
from llmkeys.crypto.sealing import header_of
from llmkeys.sealing.terms import widenings

_NEVER_FOLDED: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class NewCredential:
    """What a new LLMCredential says besides its sealed values.

    Args:
        namespace: that it is for.
        name: of it.
        provider: name of its LLMProvider.
        entry: name of the key.
        service_accounts: who may have the envelope opened.
        recipients: public keys, as text.

    """

    namespace: str
    name: str
    provider: str
    entry: str
    service_accounts: Sequence[str] = ()
    recipients: Sequence[str] = ()


def manifest_of(new: NewCredential, sealed: Mapping[str, str]) -> str:
    """The whole manifest, with what its values are bound to as comments.

    Args:
        new: what it says besides.
        sealed: texts by field.

    """
    target: dict[str, Any] = {}
    if new.service_accounts:
        target["serviceAccounts"] = list(new.service_accounts)
    if new.recipients:
        target["recipients"] = list(new.recipients)
    content = {
        "apiVersion": API_VERSION,
        "kind": CREDENTIAL_KIND,
        "metadata": {"name": new.name, "namespace": new.namespace},
        "spec": {
            "providerRef": {"name": new.provider},
            "keys": [{"name": new.entry, "sealed": dict(sealed)}],
            **({"target": target} if target else {}),
        },
    }
    comments = (f"# {line}\n" for line in told(sealed.values()))
    return "".join(comments) + _yaml(content)


def fields_of(sealed: Mapping[str, str]) -> str:
    """The values alone: one as its bare text, several as the lines that stand below `sealed:`."""
    return next(iter(sealed.values())) + "\n" if len(sealed) == 1 else _yaml(dict(sealed))


def told(sealed: Iterable[str]) -> Iterator[str]:
    """What sealed texts are bound to, in words; a line for each, and a line for each way in which one is wide."""
    for text in sealed:
        header = header_of(text)
        bound = header.binding
        place = f"LLMCredential {bound.namespace}/{bound.name}" if bound.name else f"namespace {bound.namespace}"
        yield (
            f"{bound.field}: sealed to key {header.key_id} for {place}, host {bound.audience}, "
            f"delivery {bound.delivery}."
        )
        for wide in widenings(bound):
            yield f"{bound.field}: WIDER than usual: {wide}."


def _yaml(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=_NEVER_FOLDED, allow_unicode=True)
