"""`llmkeys seal` itself: a key becomes a sealed value, or a whole LLMCredential."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from llmkeys.api.provider import LLMProvider
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.cli.seal_arguments import Options, require_name
from llmkeys.cli.seal_files import read_text
from llmkeys.cli.seal_prompt import read_values
from llmkeys.cli.seal_sources import Sources, manifests_of, provider_of_type, sources_of
from llmkeys.crypto.header import ANY, ENVELOPE, Scope
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.recipients import recipients_delivery
from llmkeys.crypto.sealing import seal
from llmkeys.crypto.secret import Secret
from llmkeys.delivery.holders import delivery_of
from llmkeys.sealing.destination import Destination, destination_of
from llmkeys.sealing.errors import DestinationUnsuitableError
from llmkeys.sealing.manifest import NewCredential, fields_of, manifest_of, told
from llmkeys.sealing.manifests import CredentialManifest
from llmkeys.sealing.terms import Terms
from llmkeys.sealing.values import require_suitable

_PUBLIC: Final = "llmkeys-public-"


@dataclass(frozen=True, slots=True)
class _Place:
    """For which credential; `manifest` is the one that it has already, with the file's providers."""

    namespace: str
    name: str
    provider: str
    manifest: CredentialManifest | None = None
    beside: tuple[LLMProvider, ...] = ()


def run(options: Options) -> bool:
    """Seal, and print.

    Raises:
        LlmkeysError: it cannot be; the text says why.
        click.UsageError: something is missing on the command line.

    """
    place = _place(options)
    recipients = _recipients(options, place)
    delivery = _delivery(options, place, recipients)
    needs_no_provider = options.provider_type or (options.any_host and options.field)
    sources = sources_of(options, () if needs_no_provider else [place.provider], pin=True)
    destination = _destination(options, place, sources)
    terms = Terms(_audience(options, destination), Scope(options.scope), delivery)
    sealed = _sealed(_values(options, destination), terms, place, sources.keys.active)
    _print(options, place, sealed, destination, recipients, sources.origin)
    return False


def _place(options: Options) -> _Place:
    if len(options.targets) > 1:
        raise click.UsageError("Name one LLMCredential.")
    name = options.targets[0] if options.targets else ""
    if options.manifest is None:
        namespace = require_name(options.namespace, "namespace (--namespace)", label=True)
        return _Place(namespace, require_name(name, "name of the LLMCredential"), options.provider_name)
    beside = manifests_of(options.manifest)
    found = [one for one in beside.credentials if name in {"", one.name}]
    if len(found) != 1:
        raise click.UsageError(
            f"{options.manifest} holds {len(found) or 'no'} such LLMCredentials; name the one meant."
        )
    manifest = found[0]
    if options.namespace and manifest.namespace and options.namespace != manifest.namespace:
        raise click.UsageError(f"{options.manifest} is for another namespace than --namespace.")
    return _Place(
        require_name(
            manifest.namespace or options.namespace, "namespace (--namespace, or in the manifest)", label=True
        ),
        require_name(manifest.name, "name of the LLMCredential"),
        options.provider_name or manifest.provider,
        manifest,
        beside.providers,
    )


def _recipients(options: Options, place: _Place) -> list[PublicKey]:
    if options.recipients and options.delivery != "recipients":
        raise click.UsageError("--recipient belongs to --delivery recipients.")
    if options.delivery != "recipients":
        return []
    texts = list(options.recipients) or list(place.manifest.target.recipients if place.manifest else ())
    if not texts:
        raise click.UsageError("--delivery recipients needs --recipient, for each of them.")
    return [PublicKey.parse(text if text.startswith(_PUBLIC) else read_text(Path(text))) for text in texts]


def _delivery(options: Options, place: _Place, recipients: list[PublicKey]) -> str:
    if options.delivery == "any":
        return ANY
    delivery = recipients_delivery(recipients) if recipients else ENVELOPE
    if place.manifest and delivery_of(place.manifest.target) != delivery:
        raise click.UsageError(
            f"{options.manifest} asks for another delivery than the value would be sealed for, so it would never be "
            "delivered. Change spec.target, or say which is meant: --delivery any|recipients"
        )
    return delivery


def _destination(options: Options, place: _Place, sources: Sources) -> Destination | None:
    """Where the key will go, None if nothing says so and nothing has to."""
    known = {one.metadata.name: one for one in place.beside} | sources.providers
    if options.provider_type:
        provider = provider_of_type(options)
    elif place.provider in known:
        provider = known[place.provider]
    elif not place.provider and len(known) == 1:
        provider = next(iter(known.values()))
    elif options.any_host and options.field:
        return None
    else:
        raise DestinationUnsuitableError(_unknown(options, place, len(known)))
    return destination_of(provider, _catalogue())


def _catalogue() -> Catalogue:
    from llmkeys.catalogue.loader import load  # noqa: PLC0415  not needed where --any-host and --field are given

    return load()


def _unknown(options: Options, place: _Place, count: int) -> str:
    if place.provider and options.fetch:
        return (
            f"LLMProvider {place.provider} is not there, or you may not read it. Give its manifest (--provider FILE) "
            "or its type (--provider-type)."
        )
    if count > 1:
        return "More than one LLMProvider is given. Say which: --provider-name NAME"
    return (
        "It is not known where the key would be sent, so it cannot be bound to a host. Give the LLMProvider's manifest "
        "(--provider FILE), its name in the cluster (--provider-name with --fetch), or a type (--provider-type)."
    )


def _audience(options: Options, destination: Destination | None) -> str:
    if options.any_host or destination is None:
        return ANY
    destination.require_bindable()
    return destination.audience


def _values(options: Options, destination: Destination | None) -> dict[str, Secret]:
    entry, host = (destination.entry, destination.host) if destination else (None, "")
    values = read_values(options, entry)
    require_suitable(values, entry, host)
    return values


def _sealed(values: Mapping[str, Secret], terms: Terms, place: _Place, public: PublicKey) -> dict[str, str]:
    return {
        field: seal(public, terms.binding(place.namespace, place.name, field), value.reveal().encode())
        for field, value in values.items()
    }


def _print(
    options: Options,
    place: _Place,
    sealed: Mapping[str, str],
    destination: Destination | None,
    recipients: list[PublicKey],
    origin: str,
) -> None:
    if options.field_only or options.manifest:
        click.echo(fields_of(sealed), nl=False)
    else:
        new = NewCredential(
            namespace=place.namespace,
            name=place.name,
            provider=require_name(
                place.provider or (destination.provider if destination else ""), "LLMProvider's name (--provider-name)"
            ),
            entry=require_name(options.entry, "entry's name (--entry)", label=True),
            service_accounts=[require_name(one, "ServiceAccount's name") for one in options.service_accounts],
            recipients=[one.text() for one in recipients],
        )
        click.echo(manifest_of(new, sealed), nl=False)
    for line in told(sealed.values()):
        click.echo(line, err=True)
    click.echo(f"The public key is {origin}.", err=True)
