"""The base-URL rule: from what a person writes to the URLs that are called.

Trim; ending in `#`: use exactly as it is; ending in `/`: append the endpoint without a version; else append the
type's version unless a segment such as `v1`, `v4` or `v1beta` is in the path; a path that already ends in a known
endpoint is used as it is. Query, userinfo, no scheme, or empty is a BadEndpoint. The two suffixes are those of Cherry
Studio's settings; the segment rule is what its users ended up needing.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from llmkeys.api.errors import PlatformError

_VERSION: Final = re.compile(r"^v\d+(?:(?:alpha|beta)\d*)?$", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z0-9._-]+")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_MAX_PORT: Final = 65535


class BadEndpointError(PlatformError):
    """A URL of an LLMProvider cannot be used; the text says why and never repeats a secret."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what budgets, circuits and audiences are kept by."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}")


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A base URL after the rule.

    Args:
        base: what SDKs want as their base URL, without a slash at the end.
        root: the same without the version segments at its end.
        exact: nothing is appended to it (it ended in `#`).

    """

    base: str
    root: str
    exact: bool
    origin: Origin

    def join(self, path: str) -> str:
        """The URL of an endpoint below the base; the base itself where it is to be used exactly as it is."""
        if not path or self.exact:
            return self.base
        # A path that begins with a colon is a method of the base itself: `v1internal:loadCodeAssist`.
        is_method = path.startswith(":") and self.base != str(self.origin)
        return self.base + path if is_method else f"{self.base}/{path.lstrip('/')}"


def origin_of(url: str) -> Origin:
    """The origin of a URL.

    Raises:
        BadEndpointError: it has none, or one that cannot be called.

    """
    return _origin(_split(url))


def resolve_base(written: str, version: str, endpoints: tuple[str, ...]) -> BaseUrl:
    """Apply the rule.

    Args:
        written: `spec.baseURL`, or the catalogue's default.
        version: the type's version segment (`v1`, `v1beta`), empty where its paths have none.
        endpoints: the known endpoints that a full URL may end in (`chat/completions`, `models`).

    Raises:
        BadEndpointError: it cannot be made into a URL; the text says why.

    """
    text = written.strip()
    exact = text.endswith("#")
    if exact:
        text = text[:-1]
    parts = _split(text)
    origin = _origin(parts)
    path = parts.path.rstrip("/")
    for endpoint in endpoints:
        suffix = "/" + endpoint.strip("/")
        if len(suffix) > 1 and path.endswith(suffix):
            return _base(origin, path.removesuffix(suffix).rstrip("/"))
    if exact:
        return _base(origin, parts.path, exact=True)
    if not text.endswith("/") and version and not any(_VERSION.match(segment) for segment in path.split("/")):
        path = f"{path}/{version}"
    return _base(origin, path)


def other_form(base: BaseUrl, version: str) -> str:
    """The base URL that a person would write for the same with the version, or without it; empty if there is none.

    Args:
        base: after the rule.
        version: the type's version segment, empty where its paths have none.

    """
    if base.exact or not version:
        return ""
    above, _, last = base.base.rpartition("/")
    # The '/' says that no version is appended.
    return f"{above}/" if _VERSION.match(last) else f"{base.base}/{version}"


def _base(origin: Origin, path: str, *, exact: bool = False) -> BaseUrl:
    root = path
    while _VERSION.match(root.rsplit("/", 1)[-1]):
        root = root.rsplit("/", 1)[0]
    return BaseUrl(f"{origin}{path}", f"{origin}{root}", exact, origin)


def _split(text: str) -> SplitResult:
    if not text:
        raise BadEndpointError("The URL is empty.")
    if any(ch.isspace() or ord(ch) < 0x21 or ord(ch) == 0x7F for ch in text) or "\\" in text:  # noqa: PLR2004
        raise BadEndpointError("The URL holds white space, a backslash or a control character.")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise BadEndpointError("The URL cannot be parsed.") from None
    if parts.scheme.lower() not in _DEFAULT_PORTS or not text.lower().startswith(f"{parts.scheme.lower()}://"):
        raise BadEndpointError("The URL needs a scheme: https://host/path.")
    if "@" in parts.netloc:
        raise BadEndpointError("The URL holds user information; keys belong into an LLMCredential.")
    if parts.query or "?" in text:
        raise BadEndpointError("The URL holds a query; only scheme, host, port and path may be given.")
    if parts.fragment or "#" in text:
        raise BadEndpointError("The URL holds a '#' that is not its last character.")
    return parts


def _origin(parts: SplitResult) -> Origin:
    host = (parts.hostname or "").rstrip(".")
    try:
        address = ip_address(host)
        host = f"{address}" if not isinstance(address, IPv6Address) else address.compressed
    except ValueError:
        try:
            # The dot at the end may have been a full-width one, which becomes a dot only here.
            host = host.encode("idna").decode("ascii").lower().rstrip(".")
        except UnicodeError:
            raise BadEndpointError("The URL's host is not a valid name.") from None
        if host and not _NAME.fullmatch(host):
            # What is no letter may become one that ends a host, such as a blank, when its width is normalised.
            raise BadEndpointError("The URL's host is not a valid name.") from None
    if not host:
        raise BadEndpointError("The URL names no host.")
    scheme = parts.scheme.lower()
    port = parts.port if parts.port is not None else _DEFAULT_PORTS[scheme]
    if not 0 < port <= _MAX_PORT:
        raise BadEndpointError("The URL's port is out of range.")
    return Origin(scheme, host, port)
