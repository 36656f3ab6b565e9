"""The schemes by the names that the catalogue calls them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from llmkeys.catalogue.credential import Auth
from llmkeys.probe.auth import aws_sigv4, exchange, jwt_hs256, oauth_file, plain, service_account, tc3
from llmkeys.probe.auth.scheme import Check, Problem, Scheme

SCHEMES: Final[Mapping[str, Scheme]] = MappingProxyType(
    {
        "bearer": plain.bearer,
        "bearer_pair": plain.bearer_pair,
        "header": plain.header,
        "query": plain.query,
        "none": plain.bearer,
        "jwt_hs256": jwt_hs256.show,
        "gcp_service_account": service_account.show,
        "aws_sigv4": aws_sigv4.show,
        "tc3_hmac_sha256": tc3.show,
        "oauth_client_credentials": exchange.show,
        "oauth_creds_json": oauth_file.show,
    }
)
"""What makes a request that shows the credential."""

_CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {"jwt_hs256": jwt_hs256.check, "gcp_service_account": service_account.check, "oauth_creds_json": oauth_file.check}
)


def check(text: str, auth: Auth) -> Problem | None:
    """Why the field that the scheme reads cannot be shown, found without a call; None if it can."""
    check_of_scheme = _CHECKS.get(auth.scheme)
    return check_of_scheme(text, auth) if check_of_scheme else None
