"""The input of a bootstrap in which every key is sealed already, and the Secret that hands it over."""

from base64 import b64encode
from typing import Any, Final

import msgspec

from llmkeys.api.errors import PlatformError
from llmkeys.api.names import BOOTSTRAP_LABEL, BOOTSTRAP_SECRET
from llmkeys.bootstrap.handed_over import SEALED
from llmkeys.bootstrap.manifests import manifest_of
from llmkeys.bootstrap.planned import NAMESPACE_KIND, Plan
from llmkeys.bootstrap.read import MAX_SEALED_BYTES
from llmkeys.crypto.keypair import PublicKey

_FIRST: Final = 1


class InputTooLargeError(PlatformError):
    """What is sealed does not fit into a Secret."""


def sealed_input(plan: Plan, public: PublicKey) -> str:
    """All objects of a plan with their keys sealed: a JSON list, an object a line.

    Args:
        plan: with keys in clear.
        public: the operator's key.

    Raises:
        InputTooLargeError: it does not fit into a Secret.

    """
    lines = (
        msgspec.json.encode(_unlabelled(manifest_of(one, public, _FIRST))).decode()
        for one in plan.objects
        if one.kind != NAMESPACE_KIND  # follow from the credentials
    )
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    if len(text.encode()) > MAX_SEALED_BYTES:
        raise InputTooLargeError(
            f"Sealed, the template is larger than {MAX_SEALED_BYTES} bytes, and a Secret holds no more. Split it in "
            "two: hand over the first, and when it is consumed the second with --again."
        )
    return text


def input_secret(sealed: str, namespace: str) -> dict[str, Any]:
    """The Secret that hands it over; there is no key in clear in it."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": BOOTSTRAP_SECRET, "namespace": namespace},
        "type": "Opaque",
        "data": {SEALED: b64encode(sealed.encode()).decode()},
    }


def printed_secret(sealed: str, namespace: str) -> str:
    """The same for Git, in a form in which a review shows what changes."""
    body = "".join(f"    {line}\n" for line in sealed.splitlines())
    return (
        "# Larger than 256 KiB it takes: kubectl apply --server-side\n"
        "apiVersion: v1\n"
        "kind: Secret\n"
        f"metadata:\n  name: {BOOTSTRAP_SECRET}\n  namespace: {namespace}\n"
        "type: Opaque\n"
        f"stringData:\n  {SEALED}: |\n{body}"
    )


def _unlabelled(manifest: dict[str, Any]) -> dict[str, Any]:
    """Which bootstrap it is, is for the operator to say."""
    metadata = dict(manifest["metadata"])
    labels = {name: value for name, value in metadata.pop("labels", {}).items() if name != BOOTSTRAP_LABEL}
    return {**manifest, "metadata": metadata | ({"labels": labels} if labels else {})}
