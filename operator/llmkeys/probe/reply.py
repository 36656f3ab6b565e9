"""What came back from a provider, free of any HTTP library's types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Failure(StrEnum):
    """A transport failure: no HTTP reply was read. The names are those of the catalogue's `transport` rules."""

    DNS = "dns"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    READ_TIMEOUT = "read_timeout"
    TLS = "tls"
    PROXY = "proxy"
    PROTOCOL = "protocol"  # the peer spoke, but not HTTP, or hung up half way
    ADDRESS_BLOCKED = "address_blocked"  # our own address guard refused the connection


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer to one probe.

    Args:
        status: the HTTP status, or 0 where `failure` says why there was none.
        headers: names in lower case.
        body: at most 64 KiB of it (1 MiB for lists), as it came; never logged, never stored.
        truncated: the body was longer than the limit.
        failure: what happened when no reply was read.

    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    truncated: bool = False
    failure: Failure | None = None
