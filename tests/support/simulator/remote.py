"""The simulated providers in a process of their own, with the methods of `Simulator`."""

# ruff: noqa: A002  (`type` is the word of the manifests)

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote, urlencode, urlsplit

from tests.support.simulator.behaviour import Behaviour, to_wire
from tests.support.simulator.calls import Call
from tests.support.simulator.control import KEY_HEADER
from tests.support.simulator.dialects.known import DIALECTS

_ROOT: Final = Path(__file__).resolve().parents[3]
_CONTROL_LINE: Final = "control "
_PATIENCE: Final = 30.0


def launch(*arguments: str) -> subprocess.Popen[str]:
    """Start the simulator's command; what it prints can be read from `stdout`."""
    command = [sys.executable, "-m", "tests.support.simulator", *arguments]
    return subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


class RemoteSimulator:
    """A client of a simulator's control endpoint; the owner of its process too, if it was spawned."""

    def __init__(self, control: str, process: subprocess.Popen[str] | None = None) -> None:
        """Attach to `http://127.0.0.1:PORT`, as the simulator printed it."""
        self.control: Final = control
        self._process: Final = process
        self._address: Final = urlsplit(control).netloc
        self.ca_pem: Final = self._exchange("GET", "/ca").decode("ascii")

    @classmethod
    def spawn(cls, types: Sequence[str] = tuple(DIALECTS), latency: float = 0, port_base: int = 0) -> Self:
        """Start a simulator process, which ends with the thread that called this.

        Args:
            types: as for `Simulator.start`.
            latency: milliseconds that each answer is held back.
            port_base: the first port; 0 takes free ones.

        Raises:
            RuntimeError: it ended before it was ready; its own words are on standard error.
        """
        process = launch(
            *("--types", ",".join(types), "--control", "0", "--latency-ms", str(latency)),
            *("--port-base", str(port_base), "--die-with-parent", str(os.getpid())),
        )
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(_CONTROL_LINE):
                return cls(line.removeprefix(_CONTROL_LINE).strip(), process)
        process.stdout.close()
        raise RuntimeError(f"the simulator ended with {process.wait()} before it was ready")

    @property
    def pid(self) -> int | None:
        """Of the process, if it was spawned here."""
        return None if self._process is None else self._process.pid

    def stop(self) -> int | None:
        """End the process if it was spawned here, and return its exit status; a second call ends nothing."""
        if self._process is None or self._process.returncode is not None:
            return None
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.stats()["servers"])

    def url(self, type: str) -> str:
        """`https://127.0.0.1:PORT` with the path of the type's default base URL."""
        return str(self.stats()["servers"][type]["url"])

    def origin(self, type: str) -> str:
        """`https://127.0.0.1:PORT`."""
        return str(self.stats()["servers"][type]["origin"])

    def set(self, key: str, behaviour: Behaviour, type: str | None = None) -> None:
        self.set_many({key: behaviour}, type)

    def set_many(self, behaviours: Mapping[str, Behaviour], type: str | None = None) -> None:
        self._order("/set", type=type, keys={key: to_wire(one) for key, one in behaviours.items()})

    def default(self, type: str, behaviour: Behaviour) -> None:
        self._order("/default", type=type, behaviour=to_wire(behaviour))

    def latency(self, type: str, milliseconds: float) -> None:
        self._order("/latency", type=type, milliseconds=milliseconds)

    def models(self, type: str, models: Iterable[str]) -> None:
        self._order("/models", type=type, models=list(models))

    def down(self, type: str) -> None:
        self._order("/down", type=type)

    def up(self, type: str) -> None:
        self._order("/up", type=type)

    def calls(self, key: str | None = None, type: str | None = None) -> list[Call]:
        query = "" if type is None else "?" + urlencode({"type": type})
        headers = {} if key is None else {KEY_HEADER: quote(key, safe="")}
        return [Call(*one) for one in json.loads(self._exchange("GET", f"/calls{query}", headers=headers))]

    def calls_total(self, type: str | None = None) -> int:
        servers = self.stats()["servers"]
        return sum(one["calls"] for name, one in servers.items() if type in (None, name))

    def peak_concurrency(self, type: str | None = None) -> int:
        servers = self.stats()["servers"]
        return max((one["peak_concurrency"] for name, one in servers.items() if type in (None, name)), default=0)

    def reset(self) -> None:
        self._order("/reset")

    def stats(self) -> dict[str, Any]:
        """What GET /stats says: `now`, `distinct_keys`, and for each server type, origin, url, up, calls, peak."""
        found: dict[str, Any] = json.loads(self._exchange("GET", "/stats"))
        return found

    def _order(self, path: str, **order: object) -> None:
        self._exchange("POST", path, json.dumps(order).encode())

    def _exchange(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
        connection = HTTPConnection(self._address, timeout=_PATIENCE)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise ValueError(f"{method} {path.partition('?')[0]}: {content.decode(errors='replace')}")
        return content
