"""The API server as its admin, over HTTPS: a few milliseconds a call, where kubectl takes a process."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.support.cluster import ControlPlane

MERGE = "application/merge-patch+json"
_SECONDS = 30.0


class ApiStatusError(AssertionError):
    """The API server refused; `status` is HTTP's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text}")
        self.status = status


class AdminApi:
    """Calls one API server."""

    def __init__(self, plane: ControlPlane, kubeconfig: Path | None = None) -> None:
        """Log in.

        Args:
            plane: one of ours; its admin has a token.
            kubeconfig: whom to be instead of the admin.

        """
        address = urlsplit(plane.server)
        self._host, self._port = str(address.hostname), int(address.port or 443)
        self._trust = ssl.create_default_context(cafile=str(plane.ca_file))
        self._token = yaml.safe_load((kubeconfig or plane.kubeconfig).read_text(encoding="utf-8"))["users"][0]["user"][
            "token"
        ]

    def call(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """Return what it answers.

        Raises:
            ApiStatusError: with another status than 2xx.

        """
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=_SECONDS, context=self._trust)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= http.client.MULTIPLE_CHOICES:
            raise ApiStatusError(answer.status, content.decode(errors="replace")[:500])
        return json.loads(content)

    def get(self, path: str) -> Any:
        """Return an object, None if it is not there."""
        try:
            return self.call("GET", path)
        except ApiStatusError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    def create(self, path: str, body: object) -> Any:
        return self.call("POST", path, body)

    def merge(self, path: str, body: object, *, manager: str = "") -> Any:
        """Change an object by a merge patch, under the name of a field manager."""
        return self.call("PATCH", f"{path}?fieldManager={manager}" if manager else path, body, MERGE)

    def delete(self, path: str) -> None:
        self.call("DELETE", path)
