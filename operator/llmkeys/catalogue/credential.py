"""What a provider wants to be shown: how it is sent, the secret fields, the settings beside them."""

from typing import Final, Literal

import msgspec

from llmkeys.catalogue.calls import Probe
from llmkeys.catalogue.part import Part, Text


class TokenExchange(Part, frozen=True, kw_only=True):
    """Where a long-lived credential is exchanged for the access token that the probe then shows (RFC 6749, 4.4).

    Args:
        endpoint: a name in `other_endpoints`, which `spec.endpoints` may override.
        path: follows that endpoint's URL; may hold `{field}` of config fields that have a pattern.
        form: sent in the body of a POST; values may hold `{field}` of config fields and of secret fields.
        token: path of the token in the reply.

    """

    endpoint: str
    path: str
    form: dict[str, str] = msgspec.field(default_factory=dict)
    token: str = "access_token"  # noqa: S105  a path


class ForeignFile(Part, frozen=True, kw_only=True):
    """What tells that a file is another program's.

    Args:
        at: a path that is there in such a file.
        prefix: how the text at the path begins; empty: that it is there says enough.
        kind: what it is, for people: `the file of Claude Code`.

    """

    at: str
    prefix: str = ""
    kind: Text


class TokenRenewal(Part, frozen=True, kw_only=True):
    """How a new access token is had for the refresh token in a file (RFC 6749, 6), where `spec.config.refresh` says so.

    Args:
        endpoint: a name in `other_endpoints`, which `spec.endpoints` may override.
        path: follows that endpoint's URL.
        refresh_token: where the file keeps it; paths are tried in order, and a new one is written to the same place.
        body: how the request is written: as a form, or as JSON.
        client_id: of the program that the file is of; public.
        client_secret: the config field that holds the program's secret; empty: it has none.
        rotates: whether the reply brings another refresh token and ends the old one, so that whoever has the file
            elsewhere is logged out.

    """

    endpoint: str
    path: str
    refresh_token: tuple[str, ...]
    body: Literal["form", "json"] = "form"
    client_id: str
    client_secret: str = ""
    rotates: bool | Literal["unknown"]


class CredentialFile(Part, frozen=True, kw_only=True):
    """Where a credential file keeps what we read. Paths are tried in order, so that all known shapes are read.

    Args:
        access_token: what is shown to the provider.
        expiry: when that ends: a number, in seconds or milliseconds, which its size tells.
        required: other texts that must be there.
        address: path of a host or URL that the file names. It is compared with `allowed_addresses` as it is written,
            and never followed.
        settings: config fields that the file may hold, for bodies of requests; `spec.config` goes first.
        foreign: other programs' files.
        renewal: how its access token is renewed, if the program's way is known.

    """

    access_token: tuple[str, ...] = ()
    expiry: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    address: str = ""
    allowed_addresses: tuple[str, ...] = ()
    settings: dict[str, str] = msgspec.field(default_factory=dict)
    foreign: tuple[ForeignFile, ...] = ()
    renewal: TokenRenewal | None = None


REFRESH: Final = "refresh"
"""The config field that says whether access tokens in files are renewed."""


class Auth(Part, frozen=True, kw_only=True):
    """How the credential is shown to the provider.

    Args:
        scheme: `bearer`, `header` and `query` send secret fields as they are; `none` sends one if it is there; the
            others name what signs, mints or reads a token.
        field: the secret field that is sent, or the document that is read. An optional field that is absent means a
            request without credentials.
        fields: the secret fields that `bearer_pair` joins with a colon.
        header: the header's name, for `header`.
        prefix: written before the value, for `header`.
        query: the parameter's name, for `query`; redacted everywhere.
        parameters: parameter to secret field, for `query` where several are sent; redacted everywhere.
        headers: fixed headers that the API wants besides, name to value.
        optional_headers: header name to the config field that fills it when it is set.
        service: the signing name of a signature scheme.
        region: the signing region, where it is always the same.
        region_field: the config field that holds the signing region.
        audience: of an assertion that we sign.
        scope: of the token asked for.

    """

    scheme: Literal[
        "bearer",
        "bearer_pair",
        "header",
        "query",
        "none",
        "jwt_hs256",
        "gcp_service_account",
        "aws_sigv4",
        "tc3_hmac_sha256",
        "oauth_client_credentials",
        "oauth_creds_json",
    ]
    field: str = "apiKey"
    fields: tuple[str, ...] = ()
    header: str = ""
    prefix: str = ""
    query: str = ""
    parameters: dict[str, str] = msgspec.field(default_factory=dict)
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    optional_headers: dict[str, str] = msgspec.field(default_factory=dict)
    service: str = ""
    region: str = ""
    region_field: str = ""
    audience: str = ""
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


class Unmistakable(Part, frozen=True, kw_only=True):
    """A beginning that the credentials of one vendor have, and no others.

    Args:
        prefix: compared as it is with the start of the value.
        types: whose it is.
        kind: what it is, for people.

    """

    prefix: str
    types: tuple[str, ...]
    kind: Text


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
        path_env: the conventional variable that holds the path of the document.

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
    path_env: str = ""
    note: Text | None = None


class ConfigField(Part, frozen=True, kw_only=True):
    """A setting that is not secret.

    Args:
        required: without it no request can be built, unless `spec.baseURL` takes the place of the template it is in.
        default: used where it is not set.
        pattern: a regular expression that the whole value must match; needed by fields of URL templates.
        refusal: what to say where the value does not match, if there is more to say.

    """

    name: str
    env: tuple[str, ...] = ()
    required: bool = False
    default: str = ""
    pattern: str = ""
    note: Text | None = None
    refusal: Text | None = None


class Alternative(Part, frozen=True, kw_only=True):
    """Another kind of credential that the same provider takes; the secret fields that are there tell which it is.

    Args:
        secret_fields: with names that no other kind of the provider has.
        config_fields: besides those of the provider.
        probe: what proves it, if not the provider's own probe.

    """

    name: str
    auth: Auth
    secret_fields: tuple[SecretField, ...]
    config_fields: tuple[ConfigField, ...] = ()
    probe: Probe | None = None
