"""`llmkeys unsealer`: the service that opens envelopes for pods."""

import asyncio
import sys
from pathlib import Path

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.crypto.wrapping import Wrapper, kek_from
from llmkeys.kube.internal import own_namespace
from llmkeys.telemetry.confinement import warn_of_excess_rights
from llmkeys.telemetry.logs import configure
from llmkeys.unsealer.service import Address, Options, run


def _address(_context: click.Context, option: click.Parameter, text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise click.BadParameter(f"{text} is not HOST:PORT", param=option)
    return Address(host.strip("[]"), int(port))


@click.command()
@click.option("--namespace", envvar="LLMKEYS_NAMESPACE", help="The operator's own namespace (default: the pod's).")
@click.option("--listen", callback=_address, default="127.0.0.1:8443", show_default=True, help="Address of HTTPS.")
@click.option(
    "--metrics-listen",
    callback=_address,
    default="127.0.0.1:8080",
    show_default=True,
    help="Address of /healthz, /readyz, /metrics.",
)
@click.option(
    "--keyring-kek",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the key-encryption key that wraps the rings; the controller's.",
)
@click.option(
    "--address-rate",
    type=click.FloatRange(min=1),
    default=50.0,
    show_default=True,
    help="Requests a second from one peer address.",
)
@click.option(
    "--account-rate",
    type=click.FloatRange(min=1),
    default=100.0,
    show_default=True,
    help="Requests a second of one service account.",
)
@click.option(
    "--refresh-seconds",
    type=click.FloatRange(min=0.1),
    default=30.0,
    show_default=True,
    help="Between two looks at the ring and the certificate.",
)
@click.option("--log-format", type=click.Choice(["json", "console"]), help="Default: console on a terminal, else json.")
@click.option("--log-level", default="INFO", show_default=True)
def command(
    namespace: str | None,
    listen: Address,
    metrics_listen: Address,
    keyring_kek: Path | None,
    address_rate: float,
    account_rate: float,
    refresh_seconds: float,
    log_format: str | None,
    log_level: str,
) -> None:
    """Run the service that opens envelopes for pods, against $KUBECONFIG, else the pod's own account.

    It ends with 0 on SIGTERM and with 1 if it cannot start.
    """
    try:
        configure(
            "console" if log_format == "console" or (not log_format and sys.stderr.isatty()) else "json", log_level
        )
    except ValueError:
        raise click.BadParameter(f"{log_level} is no level", param_hint="--log-level") from None
    warn_of_excess_rights()
    try:
        wrapper = Wrapper(kek_from(keyring_kek.read_bytes())) if keyring_kek else None
        options = Options(
            namespace=namespace or own_namespace(),
            listen=listen,
            metrics_listen=metrics_listen,
            address_rate=address_rate,
            account_rate=account_rate,
            refresh_seconds=refresh_seconds,
            wrapper=wrapper,
        )
        asyncio.run(run(options))
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.strerror}: {error.filename or 'an address to listen on'}") from None
