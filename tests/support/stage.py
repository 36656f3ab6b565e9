"""What cluster tests share: simulated providers, an operator at a time, and the search for keys that leaked."""

import base64
import json
import secrets
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from llmkeys.api.names import API_VERSION, CREDENTIAL_PLURAL, DEFAULT_NAMESPACE, PROVIDER_PLURAL
from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane
from tests.support.operator_process import OperatorProcess
from tests.support.simulator.simulator import Simulator

CANARY: Final = "CANARY"
# Some providers repeat the first eight characters of a key in their refusals.
_SEARCHED: Final = CANARY[:5]
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_OURS: Final = f"/apis/{API_VERSION}"
# A server for each LLMProvider, so that no test meets the circuit, the budget or the suspicion that another one left.
_SERVERS: Final = {
    "openai": 150,
    "openai-compatible": 12,
    "anthropic": 16,
    "deepseek": 10,
    "dashscope": 8,
    "moonshot": 8,
    "ollama": 10,
}


def new_key(prefix: str = "sk-") -> str:
    """Make a key that nobody else has and that the search for leaks recognises."""
    return f"{prefix}{CANARY}-{secrets.token_hex(12)}"


class Stage:
    """What all tests of a session share: the API server and the providers; and the operator of the present module."""

    def __init__(self, plane: ControlPlane, simulator: Simulator, folder: Path) -> None:
        """Take what `stage` has made."""
        self.plane = plane
        self.simulator = simulator
        self.api = AdminApi(plane)
        self._folder = folder
        self._free = list(simulator.names)
        self._operator: OperatorProcess | None = None
        self._arguments: tuple[str, ...] = ()

    @property
    def operator(self) -> OperatorProcess:
        assert self._operator is not None, "no operator is at work"
        return self._operator

    @contextmanager
    def at_work(self, *arguments: str) -> Iterator[None]:
        """Have an operator run, which must survive everything. Other modules have others, and two would quarrel."""
        self._arguments = arguments
        self._operator = OperatorProcess.start(self.plane, self._folder, arguments)
        try:
            yield
            self.operator.wait_ready()
        finally:
            self.operator.stop()
            self._operator = None

    def restart_operator(self) -> None:
        self.operator.stop()
        self._operator = OperatorProcess.start(self.plane, self._folder, self._arguments)

    def take_server(self, kind: str) -> str:
        """Return the name of a server of this type that nobody has used."""
        name = next((one for one in self._free if one.partition(":")[0] == kind), None)
        assert name is not None, f"no server of type {kind} is left: raise its number in _SERVERS"
        self._free.remove(name)
        return name

    def leaks(self) -> list[str]:
        """Where a key can be read that should not be there; empty if all is well."""
        searched = traces(_SEARCHED)
        return [place for place, text in self._readable() if any(trace in text for trace in searched)]

    def _readable(self) -> Iterator[tuple[str, str]]:
        """All that the operator writes for others to read, generated Secrets' data excepted."""
        yield "the operator's log", self.operator.text()
        for page in ("/metrics", "/healthz", "/readyz"):
            yield page, self.operator.page(page)
        for path in ("/api/v1/events", f"{_OURS}/{PROVIDER_PLURAL}", f"{_OURS}/{CREDENTIAL_PLURAL}"):
            for item in self.api.get(path)["items"]:
                yield f"{path} {item['metadata']['name']}", json.dumps(item, ensure_ascii=False)
        for item in self.api.get(f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/configmaps")["items"]:
            yield f"ConfigMap {item['metadata']['name']}", json.dumps(item, ensure_ascii=False)
        for item in self.api.get("/api/v1/secrets")["items"]:
            metadata = item["metadata"]
            if metadata["namespace"] == DEFAULT_NAMESPACE:
                yield f"Secret {metadata['name']}", json.dumps(item) + "".join(decoded(item).values())
            metadata.get("annotations", {}).pop(LAST_APPLIED, None)
            yield f"metadata of Secret {metadata['name']}", json.dumps(metadata)


def traces(text: str) -> set[str]:
    """How a text looks in clear, hex, base64 (at each of its three offsets) and URL encoding."""
    raw = text.encode()
    found = {text, text.lower(), raw.hex(), raw.hex().upper(), "".join(f"%{byte:02X}" for byte in raw)}
    found |= {"".join(f"%{byte:02x}" for byte in raw), urllib.parse.quote(text, safe="")}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        # The characters at both ends depend on what stands beside the text, too.
        found.add(encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6])
    return found


@contextmanager
def stage(plane: ControlPlane, folder: Path) -> Iterator[Stage]:
    """Start providers.

    Args:
        plane: with our CRDs and roles on it.
        folder: gets the operator's log.

    """
    names = [f"{kind}:{number}" for kind, count in _SERVERS.items() for number in range(count)]
    with Simulator.start(types=names) as simulator:
        yield Stage(plane, simulator, folder)


def decoded(secret: Mapping[str, Any]) -> dict[str, str]:
    """What a Secret holds."""
    data = secret.get("data") or {}
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in data.items()}
