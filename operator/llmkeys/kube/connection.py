"""Where the API server is and who we are there: `$KUBECONFIG`, else the pod's own account, else `~/.kube/config`.

kopf knows every kind of kubeconfig, and costs 6 MiB; it is imported only for those that we do not read ourselves.
"""

from __future__ import annotations

import base64
import binascii
import importlib.util
import logging
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llmkeys.api.errors import PlatformError

if TYPE_CHECKING:
    import kopf

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class NoConnectionError(PlatformError):
    """There is no way to the API server; the text says what to set."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A way to the API server.

    Args:
        server: its URL, without a slash at the end.
        headers: that say who we are; never printed.
        tls: verifies the server, and holds a client certificate if there is one.

    """

    server: str
    headers: dict[str, str] = field(repr=False)
    tls: ssl.SSLContext = field(repr=False)


def connect() -> Connection:
    """Read the credentials afresh; tokens on disk rotate.

    Raises:
        NoConnectionError: there are none, or they need a program that cannot be run.

    """
    found = _token_kubeconfig() if os.environ.get("KUBECONFIG") else _pod_account()
    if found is not None:
        return found
    info = login()
    return Connection(str(info.server).rstrip("/"), info.as_http_headers(), info.as_ssl_context())


def login() -> kopf.ConnectionInfo:
    """The credentials in kopf's words.

    Raises:
        NoConnectionError: there are none, or they need a program that cannot be run.

    """
    info = _login()
    if not info.server:
        raise NoConnectionError("The kubeconfig's current context names no server.")
    return info


def _pod_account() -> Connection | None:
    """Our own account, where this is a pod; the token is read afresh, for it rotates."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        token = (_ACCOUNT / "token").read_text(encoding="ascii").strip()
        tls = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))
    except (OSError, ssl.SSLError):
        return None
    if not host or not token:
        return None
    address = f"[{host}]" if ":" in host else host
    return Connection(f"https://{address}:{port}", {"Authorization": f"Bearer {token}"}, tls)


def _token_kubeconfig() -> Connection | None:
    """The commonest of kubeconfigs: one file with a server, its CA and a token inside; None for any other."""
    import yaml  # noqa: PLC0415  a pod never needs it

    try:
        config = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text(encoding="utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        if set(user) != {"token"} or set(cluster) != {"server", "certificate-authority-data"}:
            return None
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        tls = ssl.create_default_context(cadata=authority)
    except (OSError, KeyError, TypeError, ValueError, StopIteration, binascii.Error, yaml.YAMLError):
        return None
    return Connection(str(cluster["server"]).rstrip("/"), {"Authorization": f"Bearer {user['token']}"}, tls)


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _login() -> kopf.ConnectionInfo:
    import kopf  # noqa: PLC0415
    import yaml  # noqa: PLC0415

    settings = kopf.OperatorSettings()
    logger = logging.getLogger("llmkeys.login")
    arguments: dict[str, Any] = {"settings": settings, "logger": logger}
    if not os.environ.get("KUBECONFIG"):
        account = kopf.login_with_service_account(**arguments)
        if account is not None:
            return account
    if _needs_plugin():
        return _login_with_plugin(arguments)
    try:
        info = kopf.login_with_kubeconfig(**arguments)
    except (OSError, KeyError, yaml.YAMLError, kopf.LoginError) as error:
        raise NoConnectionError(f"The kubeconfig cannot be used: {type(error).__name__}.") from None
    if info is None:
        raise NoConnectionError("Set KUBECONFIG to a kubeconfig file; this is no pod and ~/.kube/config is not there.")
    return info


def _needs_plugin() -> bool:
    """Whether the current user's credentials come from a program (EKS, GKE, AKS…)."""
    import yaml  # noqa: PLC0415

    for path in _kubeconfigs():
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, yaml.YAMLError):
            continue
        if any("exec" in (user.get("user") or {}) for user in config.get("users") or []):
            return True
    return False


def _kubeconfigs() -> list[Path]:
    text = os.environ.get("KUBECONFIG") or "~/.kube/config"
    return [Path(part).expanduser() for part in text.split(os.pathsep) if part.strip()]


def _login_with_plugin(arguments: dict[str, Any]) -> kopf.ConnectionInfo:
    if importlib.util.find_spec("kubernetes") is None:
        raise NoConnectionError(
            "This kubeconfig gets its token from a program. Install the official client for that: "
            "pip install kubernetes; or use a kubeconfig with a token, such as `kubectl create token` makes."
        )
    import kopf  # noqa: PLC0415

    info = kopf.login_via_client(**arguments)
    if not isinstance(info, kopf.ConnectionInfo):
        raise NoConnectionError("The official client could not log in with this kubeconfig.")
    return info
