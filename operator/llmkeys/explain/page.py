"""All that is known of a provider, as one value: what `llmkeys providers NAME` shows."""

from typing import Literal

import msgspec

from llmkeys.catalogue.credential import Auth, ConfigField, SecretField
from llmkeys.catalogue.model import Provider
from llmkeys.catalogue.part import Text
from llmkeys.explain.words import COST, EVIDENCE, PROVES

Language = Literal["en", "zh"]


class Base(msgspec.Struct, frozen=True, omit_defaults=True):
    """A base URL that `spec.region` picks."""

    region: str
    url: str
    default: bool = False


class Field(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A secret field, or a setting.

    Args:
        name: in `spec.keys[].secretRef.fields`, `sealed`, or `spec.config`.
        variables: conventional ones; the first is the one that is written.
        required: requests cannot be made without it.
        several: one value may hold several keys, separated by commas or line breaks.
        document: it is a file's content, not a short text.
        prefixes: known beginnings.
        pattern: of a setting, that it must match.
        default: of a setting.
        note: about it.

    """

    name: str
    variables: tuple[str, ...] = ()
    required: bool = False
    several: bool = False
    document: bool = False
    prefixes: tuple[str, ...] = ()
    pattern: str = ""
    default: str = ""
    note: str = ""


class Credential(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A kind of credential that the provider takes.

    Args:
        name: of an alternative; empty for the usual one.
        scheme: how it is shown.
        carrier: the header or parameter that carries it.
        fields: secret ones.
        settings: beside them.

    """

    scheme: str
    name: str = ""
    carrier: str = ""
    fields: tuple[Field, ...] = ()
    settings: tuple[Field, ...] = ()


class Proof(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is sent to prove a key, and what a success of it proves.

    Args:
        request: method and path, with the URL that it follows where that is not the base URL.
        proves: in words.
        checks_keys: whether a refused key is refused there, as the catalogue writes it.
        cost: in words.
        evidence: letter, with `sure` saying in words how sure that makes us.
        src: where the evidence was seen.
        caveat: what a success does not prove.

    """

    request: str
    proves: str
    checks_keys: bool | Literal["unknown"]
    cost: str
    evidence: str
    sure: str
    src: str = ""
    caveat: str = ""


class HowTo(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How a person gets a key."""

    console: str = ""
    other_console: str = ""
    how: str = ""
    free: str = ""


class Closing(msgspec.Struct, frozen=True, omit_defaults=True):
    """That the service closed, or will."""

    state: str
    since: str
    note: str
    src: str = ""


class Page(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A provider's page.

    Args:
        type: the id, for `spec.type`.
        name: in the language that was asked for.
        kind: vendor, aggregator, hosting, self-hosted, oauth-cli or generic.
        lifecycle: None while nothing is known to end.
        base_urls: the vendor's own; none where `spec.baseURL` must be set.
        other_urls: that `spec.endpoints` overrides by name.
        base_url_variables: conventional ones; the first is the one that is written.
        chat: path of the chat endpoint, below the base URL.
        models: path of the list of models.
        credentials: the usual kind first.
        proof: of a key.
        balance: what is asked for it, empty where nobody knows.
        get_a_key: how.
        also_called: other names that find it.
        note: for people.

    """

    type: str
    name: str
    kind: str
    proof: Proof
    credentials: tuple[Credential, ...]
    lifecycle: Closing | None = None
    base_urls: tuple[Base, ...] = ()
    base_url_required: bool = False
    other_urls: dict[str, str] = {}
    base_url_variables: tuple[str, ...] = ()
    chat: str = ""
    models: str = ""
    balance: str = ""
    get_a_key: HowTo = HowTo()
    also_called: tuple[str, ...] = ()
    note: str = ""


def page_of(entry: Provider, language: Language = "en") -> Page:
    """The page of a provider; texts that there are in English only stay so."""
    return Page(
        type=entry.id,
        name=text_in(entry.names, language),
        kind=entry.kind,
        lifecycle=_lifecycle(entry, language),
        base_urls=tuple(Base(one.region, one.url, one.region == entry.default_region) for one in entry.endpoints),
        base_url_required=entry.base_url_required,
        other_urls=entry.other_endpoints,
        base_url_variables=entry.env_base_url,
        chat=entry.paths.chat,
        models=entry.models.path or entry.paths.models,
        credentials=_credentials(entry, language),
        proof=_proof(entry, language),
        balance=_balance(entry, language),
        get_a_key=HowTo(
            console=entry.console.url,
            other_console=entry.console.alt_url,
            how=text_in(entry.console.how, language),
            free=text_in(entry.console.free, language),
        ),
        also_called=_other_names(entry, language),
        note=entry.note,
    )


def text_in(text: Text | None, language: Language) -> str:
    """A text in a language; in English where it was not translated; empty where there is none."""
    if text is None:
        return ""
    return (text.zh or text.en) if language == "zh" else text.en


def _lifecycle(entry: Provider, language: Language) -> Closing | None:
    end = entry.lifecycle
    return Closing(end.state, end.since.isoformat(), text_in(end.note, language), end.src) if end else None


def _credentials(entry: Provider, language: Language) -> tuple[Credential, ...]:
    usual = _credential("", entry.auth, entry.secret_fields, entry.config_fields, language)
    others = (
        _credential(one.name, one.auth, one.secret_fields, one.config_fields, language) for one in entry.alternatives
    )
    return (usual, *others)


def _credential(
    name: str, auth: Auth, secrets: tuple[SecretField, ...], settings: tuple[ConfigField, ...], language: Language
) -> Credential:
    return Credential(
        scheme=auth.scheme,
        name=name,
        carrier=auth.header or auth.query,
        fields=tuple(
            Field(
                name=one.name,
                variables=one.env,
                required=not one.optional,
                several=one.list,
                document=one.type == "json",
                prefixes=one.prefixes,
                note=text_in(one.note, language),
            )
            for one in secrets
        ),
        settings=tuple(
            Field(
                name=one.name,
                variables=one.env,
                required=one.required,
                pattern=one.pattern,
                default=one.default,
                note=text_in(one.note, language),
            )
            for one in settings
        ),
    )


def _proof(entry: Provider, language: Language) -> Proof:
    probe = entry.probe
    place = entry.other_endpoints.get(probe.endpoint, "")
    return Proof(
        request=f"{probe.method} {place}{probe.path}",
        proves=text_in(PROVES[probe.authenticated], language),
        checks_keys=probe.authenticated,
        cost=text_in(COST[probe.cost], language),
        evidence=probe.ev,
        sure=text_in(EVIDENCE[probe.ev], language),
        src=probe.src,
        caveat=text_in(probe.caveat, language),
    )


def _balance(entry: Provider, language: Language) -> str:
    balance = entry.balance
    if balance is None:
        return ""
    place = entry.other_endpoints.get(balance.endpoint, "")
    regions = f" [{', '.join(balance.regions)}]" if balance.regions else ""
    return f"GET {place}{balance.path}{regions} ({balance.ev}: {text_in(EVIDENCE[balance.ev], language)})"


def _other_names(entry: Provider, language: Language) -> tuple[str, ...]:
    """All names but the one that the page is headed with."""
    aliases = entry.aliases
    names = [entry.names.en, entry.names.zh]
    names += [name for product in aliases.__struct_fields__ for name in getattr(aliases, product)]
    shown = {entry.id, text_in(entry.names, language), ""}
    return tuple(dict.fromkeys(name for name in names if name not in shown))
