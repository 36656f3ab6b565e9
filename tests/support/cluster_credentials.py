"""The files by which the control plane and its clients know each other: keys, tokens, kubeconfigs."""

import base64
import os
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_NAME = "llmkeys-test"


def write_private(file: Path, content: bytes) -> Path:
    """Write a file that only its owner may read, from the first byte on."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        handle.write(content)
    return file


def write_service_account_keys(private: Path, public: Path) -> None:
    """Make the key pair that signs and checks ServiceAccount tokens."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    write_private(
        private,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ),
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def kubeconfig(*, server: str, ca: bytes, token: str, namespace: str = "default") -> bytes:
    """Return a kubeconfig that needs no other file.

    Args:
        server: the API server's URL.
        ca: the PEM certificates that its own must lead to.
        token: the bearer token.
        namespace: where commands without a namespace go.

    """
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": _NAME, "cluster": {"server": server, "certificate-authority-data": base64.b64encode(ca).decode()}}
        ],
        "users": [{"name": _NAME, "user": {"token": token}}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME, "namespace": namespace}}],
        "current-context": _NAME,
    }
    return yaml.safe_dump(content, sort_keys=False).encode()


def endpoint(flattened: dict[str, Any]) -> tuple[str, bytes]:
    """Return the server's URL and CA of what `kubectl config view --raw --minify --flatten` gives.

    Raises:
        ValueError: it names no CA; then the server's certificate is one that the system trusts, or is not checked.

    """
    cluster = flattened["clusters"][0]["cluster"]
    encoded = cluster.get("certificate-authority-data")
    if not encoded:
        raise ValueError("the current context's cluster has no certificate authority")
    return cluster["server"], base64.b64decode(encoded)
