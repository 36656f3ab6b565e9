"""Where `llmkeys seal` has its public keys and providers from: files, pins, the catalogue, the cluster."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from llmkeys.api.errors import UserError
from llmkeys.api.objects import Metadata
from llmkeys.api.provider import LLMProvider, ProviderSpec
from llmkeys.cli.seal_arguments import Options
from llmkeys.cli.seal_files import read_text
from llmkeys.cli.seal_pins import pin_for, settle
from llmkeys.sealing.errors import ManifestMalformedError
from llmkeys.sealing.manifests import Manifests, read_manifests
from llmkeys.sealing.public_keys import PublicKeys, public_keys_in


class FileUnusableError(UserError):
    """A file of manifests cannot be read; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known.

    Args:
        keys: of the operator.
        origin: where they are from, in words.
        providers: by name.

    """

    keys: PublicKeys
    origin: str
    providers: dict[str, LLMProvider]


def sources_of(options: Options, wanted: Collection[str], *, pin: bool) -> Sources:
    """The public keys, and the providers of which there is something to be known.

    Args:
        options: say where to look.
        wanted: names of LLMProviders to ask the cluster for, if it is asked at all and no file has them.
        pin: keep what the cluster shows, and refuse what differs from what was kept.

    Raises:
        PublicKeyChangedError: the cluster shows another key than the one that was pinned.
        LlmkeysError: a source cannot be used; the text says why.

    """
    providers = {one.metadata.name: one for path in options.providers for one in manifests_of(path).providers}
    if not options.fetch:
        keys, origin = _offline(options)
        return Sources(keys, origin, providers)
    # Everything that talks to a cluster takes longer to import than all the rest takes to run.
    from llmkeys.cli.seal_cluster import fetch  # noqa: PLC0415

    shown = fetch(options.operator_namespace, [name for name in wanted if name and name not in providers])
    keys = public_keys_in(read_text(options.public_key)) if options.public_key else shown.keys
    origin = _named(options) if options.public_key else f"fetched from {shown.server}"
    if pin and not options.public_key:
        settle(options.cluster, shown.server, shown.keys, options.accept or None)
    return Sources(keys, origin, shown.providers | providers)


def manifests_of(path: Path) -> Manifests:
    """The manifests of a file.

    Raises:
        FileUnusableError: it cannot be read; the text names file and line.

    """
    try:
        return read_manifests(read_text(path))
    except ManifestMalformedError as error:
        raise FileUnusableError(f"{path}: {error}") from None


def provider_of_type(options: Options) -> LLMProvider:
    """An LLMProvider of which nothing is known but its type."""
    name = options.provider_name or options.provider_type
    return LLMProvider(Metadata(name), ProviderSpec(options.provider_type, region=options.region or None))


def _offline(options: Options) -> tuple[PublicKeys, str]:
    if options.public_key:
        return public_keys_in(read_text(options.public_key)), _named(options)
    name, pin = pin_for(options.cluster)
    return pin.keys, f"pinned as {name}"


def _named(options: Options) -> str:
    return f"from {options.public_key}"
