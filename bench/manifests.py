"""The objects that a run creates."""

import base64
import secrets
from typing import Any, Final

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, PROVIDER_KIND, SOURCE_LABEL

FIELD = "apiKey"
VARIABLE = "OPENAI_API_KEY"
"""The key of the generated Secret that holds the API key."""

Manifest = dict[str, Any]

IN_CLEAR: Final[Manifest] = {"encryption": "None"}
"""Asks for a Secret that holds the key itself."""
ENVELOPE: Final[Manifest] = {}
"""Asks for nothing, which gives an envelope."""


def new_key() -> str:
    """A key that nobody has used before, of the length of a real one."""
    return f"sk-proj-{secrets.token_hex(24)}"


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def provider(name: str, url: str, ca: str, requests_per_second: int, max_concurrent: int) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": PROVIDER_KIND,
        "metadata": {"name": name},
        "spec": {
            "type": "openai",
            "baseURL": url,
            "network": {"caBundle": ca, "allowPrivateAddresses": True},
            "validation": {"requestsPerSecond": requests_per_second, "maxConcurrent": max_concurrent},
        },
    }


def source(name: str, key: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {SOURCE_LABEL: "true"}},
        "data": {FIELD: encoded(key)},
    }


def credential(name: str, provider_name: str, target: Manifest = IN_CLEAR) -> Manifest:
    """A credential whose key is in the Secret `<name>-source`, and which is delivered to the Secret `<name>`."""
    return {
        "apiVersion": API_VERSION,
        "kind": CREDENTIAL_KIND,
        "metadata": {"name": name},
        "spec": {
            "providerRef": {"name": provider_name},
            "keys": [{"name": "primary", "secretRef": {"name": f"{name}-source"}}],
            "target": target,
        },
    }


def foreign(name: str, size: int) -> Manifest:
    """A Secret that has nothing to do with the operator; `size` is in bytes before base64."""
    content = base64.b64encode(secrets.token_bytes(size)).decode()
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"blob": content}}
