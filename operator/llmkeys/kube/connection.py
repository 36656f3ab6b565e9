"""Where the API server is and who we are there: `$KUBECONFIG`, else the pod's own account, else `~/.kube/config`."""

import importlib.util
import logging
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kopf
import yaml

from llmkeys.api.errors import PlatformError


class NoConnectionError(PlatformError):
    """There is no way to the API server; the text says what to set."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A way to the API server.

    Args:
        server: its URL, without a slash at the end.
        headers: that say who we are; never printed.
        tls: verifies the server, and holds a client certificate if there is one.
        info: the same in kopf's words.

    """

    server: str
    headers: dict[str, str] = field(repr=False)
    tls: ssl.SSLContext = field(repr=False)
    info: kopf.ConnectionInfo = field(repr=False)


def connect() -> Connection:
    """Read the credentials afresh; tokens on disk rotate.

    Raises:
        NoConnectionError: there are none, or they need a program that cannot be run.

    """
    info = _login()
    if not info.server:
        raise NoConnectionError("The kubeconfig's current context names no server.")
    return Connection(info.server.rstrip("/"), info.as_http_headers(), info.as_ssl_context(), info)


def _login() -> kopf.ConnectionInfo:
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
    info = kopf.login_via_client(**arguments)
    if not isinstance(info, kopf.ConnectionInfo):
        raise NoConnectionError("The official client could not log in with this kubeconfig.")
    return info
