"""A certificate authority of the simulator's own."""

import ssl
from typing import Final

import trustme

REGIONS: Final = {"cn": "api.moonshot.cn", "intl": "api.moonshot.ai"}
"""Names of real hosts that a simulated server may be reached by, through a `HostsProxy`: Moonshot's, by region."""


class Authority:
    """One CA; nothing of it outlives the process but the certificate that is handed out."""

    def __init__(self) -> None:
        self._ca: Final = trustme.CA(organization_name="Simulated providers")
        self._leaf: Final = self._ca.issue_cert("127.0.0.1", "localhost", "::1", *REGIONS.values())

    @property
    def pem(self) -> str:
        return self._ca.cert_pem.bytes().decode("ascii")

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._leaf.configure_cert(context)
        return context
