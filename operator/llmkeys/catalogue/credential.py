"""What a provider wants to be shown: how it is sent, the secret fields, the settings beside them."""

from typing import Literal

import msgspec

from llmkeys.catalogue.part import Part, Text


class TokenExchange(Part, frozen=True, kw_only=True):
    """Where a long-lived credential is exchanged for an access token.

    Args:
        endpoint: a name in `other_endpoints`, which `spec.endpoints` may override.
        params: names of what is sent besides the credential; `grant_type=…` is written as it is.

    """

    endpoint: str
    path: str
    encoding: Literal["form", "json", "query"] = "form"
    params: tuple[str, ...] = ()


class CredentialFile(Part, frozen=True, kw_only=True):
    """Where an OAuth client's file keeps what we read. Paths are tried in order, so that all known shapes are read.

    Args:
        expiry_unit: of a number at `expiry`; it may be a float.
        host: path of a host that the file names. It is compared with `allowed_hosts`, never followed.

    """

    access_token: tuple[str, ...]
    refresh_token: tuple[str, ...] = ()
    expiry: tuple[str, ...] = ()
    expiry_unit: Literal["ms", "s"] = "ms"
    host: str = ""
    allowed_hosts: tuple[str, ...] = ()


class Auth(Part, frozen=True, kw_only=True):
    """How the credential is shown to the provider.

    Args:
        scheme: `bearer`, `header` and `query` send the secret field `field` as it is; `none` sends nothing; the others
            name a signer.
        field: the secret field that is sent. An optional field that is absent means a request without credentials.
        header: the header's name, for `header`.
        query: the parameter's name, for `query`; redacted everywhere.
        headers: fixed headers that the API wants besides, name to value.
        optional_headers: header name to the config field that fills it when it is set.
        service: the signing name of a signature scheme.
        region_field: the config field that holds the signing region.
        scope: of the token asked for.

    """

    scheme: Literal[
        "bearer",
        "header",
        "query",
        "none",
        "form",
        "jwt_hs256",
        "gcp_service_account",
        "aws_sigv4",
        "tc3_hmac_sha256",
        "hmac_sha256_url",
        "oauth_client_credentials",
        "oauth_creds_json",
        "device_oauth",
    ]
    field: str = "apiKey"
    header: str = ""
    query: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    optional_headers: dict[str, str] = msgspec.field(default_factory=dict)
    service: str = ""
    region_field: str = ""
    scope: str = ""
    exchange: TokenExchange | None = None
    file: CredentialFile | None = None


class WrongType(Part, frozen=True, kw_only=True):
    """A beginning that says for certain that this is another kind of credential.

    Args:
        prefix: compared as it is with the start of the value.
        kind: what it is, for people: `an Anthropic OAuth token`.
        hosts: where that is certain; empty means everywhere. A gateway may take what the vendor does not.

    """

    prefix: str
    kind: Text
    hosts: tuple[str, ...] = ()


class SecretField(Part, frozen=True, kw_only=True):
    """A secret that the provider wants.

    Args:
        env: conventional variables; the first is the one that is written, all are read.
        optional: requests work without it (keyless servers).
        list: a value may hold a list of keys, separated by commas or newlines; off where one key may hold those.
        type: `key` is a short text for a variable; `json` is a document and is delivered as a file.
        prefixes: known beginnings, for hints and redaction; never a verdict.
        pattern: the usual form, for hints; never a verdict.
        wrong_type: decides `WrongCredentialType` without a call.
        default_file: the file's usual place on a person's machine.

    """

    name: str
    env: tuple[str, ...] = ()
    optional: bool = False
    list: bool = False
    type: Literal["key", "json"] = "key"
    prefixes: tuple[str, ...] = ()
    pattern: str = ""
    wrong_type: tuple[WrongType, ...] = ()
    default_file: str = ""
    note: Text | None = None


class ConfigField(Part, frozen=True, kw_only=True):
    """A setting that is not secret.

    Args:
        required: without it no request can be built, unless `spec.baseURL` takes the place of the template it is in.
        default: used where it is not set.
        pattern: a regular expression that the whole value must match; needed by fields of URL templates.

    """

    name: str
    env: tuple[str, ...] = ()
    required: bool = False
    default: str = ""
    pattern: str = ""
    note: Text | None = None


class Alternative(Part, frozen=True, kw_only=True):
    """Another kind of credential that the same provider takes."""

    name: str
    auth: Auth
    secret_fields: tuple[SecretField, ...]
    config_fields: tuple[ConfigField, ...] = ()
