"""Credentials of every scheme, made up, with a canary in each secret."""

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.material import Material

NOW = 1767225600.0  # 2026-01-01T00:00:00Z
CANARY = "canary-7f3a"
SETTINGS = {
    "region": "us-east-1",
    "resource": "team",
    "location": "us-phoenix-1",
    "tenantId": "11111111-2222-3333-4444-555555555555",
    "clientId": "66666666-7777-8888-9999-000000000000",
}


@cache
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem() -> str:
    return private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def service_account(**changed: Any) -> str:
    document = {
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "0123",
        "private_key": pem(),
        "client_email": "operator@a-project.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return written({**document, **changed})


def written(document: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in document.items() if value is not None})


DOCUMENTS = {
    "qwen-code": {"access_token": CANARY, "refresh_token": "r", "resource_url": "portal.qwen.ai"},
    "gemini-cli": {"access_token": f"ya29.{CANARY}", "refresh_token": "r", "scope": "s", "projectId": "a-project"},
    "claude-code": {"claudeAiOauth": {"accessToken": f"sk-ant-oat01-{CANARY}", "refreshToken": "r", "scopes": []}},
}


def text_for(kind: Provider, field: str) -> str:
    if kind.auth.scheme == "gcp_service_account":
        return service_account()
    if kind.auth.scheme == "oauth_creds_json":
        return written(DOCUMENTS[kind.id])
    return f"{CANARY}.{CANARY}" if kind.auth.scheme == "jwt_hs256" else f"{CANARY}-{field}"


def material_for(kind: Provider) -> Material:
    """All secret fields of one kind of credential, keyless types included."""
    return Material(tuple((one.name, Secret(text_for(kind, one.name))) for one in kind.secret_fields))


def spec_for(entry: Provider, base_url: str | None = "https://gw.example") -> ProviderSpec:
    needed = {one.name for one in entry.all_config_fields if one.required}
    return ProviderSpec(entry.id, base_url=base_url, config={name: SETTINGS[name] for name in sorted(needed)})
