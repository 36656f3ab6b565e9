"""The request of a probe as a plain value."""

from dataclasses import dataclass, field

from llmkeys.crypto.secret import Secret


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """One HTTP request that proves a key. Secrets are in the fields named so, and only there.

    Args:
        method: GET or POST.
        url: without userinfo, query parameters that hold a secret, or fragment.
        headers: not secret.
        secret_headers: header name to value; the value is revealed only when the request is written to the socket.
        secret_query: parameters appended to the URL at the last moment; redacted everywhere else.
        body: sent if not empty; as JSON unless a header says otherwise.
        secret_body: sent in place of `body`, as a form whose parameters are secret.

    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    secret_headers: tuple[tuple[str, Secret], ...] = field(default=(), repr=False)
    secret_query: tuple[tuple[str, Secret], ...] = field(default=(), repr=False)
    body: bytes = b""
    secret_body: Secret | None = field(default=None, repr=False)
