"""The public key that a template's keys are sealed to: of a file, or of the cluster if it is the one that is known."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from llmkeys.api.errors import PlatformError, RetryableError
from llmkeys.api.names import BOOTSTRAP_SECRET
from llmkeys.api.provider import LLMProvider
from llmkeys.cli.seal_files import read_text
from llmkeys.cli.seal_pins import settle
from llmkeys.crypto.keypair import PublicKey
from llmkeys.sealing.public_keys import public_keys_in


class NoPublicKeyError(PlatformError):
    """There is no public key to seal to; the text says what else to do."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the operator's cluster.

    Args:
        public: the key to seal to.
        origin: where it is from, in words.
        providers: LLMProviders that are there, by name.

    """

    public: PublicKey
    origin: str
    providers: dict[str, LLMProvider]


def known_from_file(file: Path, providers: dict[str, LLMProvider]) -> Known:
    """The public key in a file that `llmkeys keys generate --ring` or the cluster filled.

    Raises:
        PublicKeysMalformedError: there is none in it.
        OSError: it cannot be read.

    """
    return Known(public_keys_in(read_text(file)).active, f"from {file}", providers)


def known_from_cluster(namespace: str, wanted: Collection[str], accept: str, template: Path) -> Known:
    """What the cluster shows.

    Args:
        namespace: the operator's.
        wanted: names of LLMProviders.
        accept: id of a public key that a person takes for the right one.
        template: its file, for the text that says what else to do.

    Raises:
        NoPublicKeyError: the cluster shows none.
        PublicKeyChangedError: it shows another one than before.

    """
    # Everything that talks to a cluster takes longer to import than all the rest takes to run.
    from llmkeys.cli.seal_cluster import fetch  # noqa: PLC0415

    try:
        shown = fetch(namespace, wanted)
    except (PlatformError, RetryableError) as error:
        raise NoPublicKeyError(_way_out(str(error), namespace, template)) from None
    settle("", shown.server, shown.keys, accept or None)
    return Known(shown.keys.active, f"fetched from {shown.server}", shown.providers)


def _way_out(why: str, namespace: str, template: Path) -> str:
    return (
        f"There is no public key to seal to. {why}\n"
        "Name its file (--public-key FILE; `llmkeys keys generate --ring` makes a ring before the operator's first "
        "start), or have the operator seal, from a plain Secret:\n"
        f"  kubectl create secret generic {BOOTSTRAP_SECRET} --from-file=bootstrap.yaml={quote(str(template))} "
        f"-n {namespace}\n"
        "with each variable of the template as another key, --from-file=NAME=FILE, its value alone in a file of its "
        "own (without a line break at the end): on the command line it would stay in the shell's history;\n"
        "and once it is consumed: llmkeys bootstrap forget"
    )
