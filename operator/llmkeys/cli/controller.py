"""`llmkeys controller`: runs the operator until SIGTERM."""

import asyncio
import sys
import warnings
from pathlib import Path

import click

from llmkeys.api.durations import seconds
from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import UNSEALER_SERVICE
from llmkeys.cli.controller_anew import begin_anew
from llmkeys.cli.controller_wiring import Options, run
from llmkeys.crypto.wrapping import kek_from
from llmkeys.kube.internal import own_namespace
from llmkeys.kube.lease import LeaseLostError
from llmkeys.telemetry.confinement import warn_of_excess_rights
from llmkeys.telemetry.logs import configure


@click.command()
@click.option("--namespace", envvar="LLMKEYS_NAMESPACE", help="The operator's own namespace (default: the pod's).")
@click.option(
    "--watch-namespaces", default="", envvar="LLMKEYS_WATCH_NAMESPACES", help="Serve only these, comma-separated."
)
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Address of /healthz, /readyz, /metrics.")
@click.option("--unsealer", help="URL at which workloads reach the unsealer (default: its Service).")
@click.option(
    "--unsealer-replicas", metavar="HOST:PORT", help="Leads to every replica (default: its headless Service)."
)
@click.option(
    "--usage-token",
    default="/var/run/secrets/llmkeys.dev/token",
    show_default=True,
    type=click.Path(path_type=Path),
    help="File with our token for the unsealer, to fetch counts of use; none are fetched without it.",
)
@click.option("--usage-interval", default="1m", show_default=True, help="Time between two fetches of those counts.")
@click.option(
    "--keyring-kek",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the 32-byte key that wraps the operator's own keys; it must not lie in the cluster's etcd.",
)
@click.option("--key-renewal", default="2160h", show_default=True, help="Time between two keys of a ring, at least 1h.")
@click.option("--no-bootstrap", is_flag=True, help="Consume no template, whoever hands one over.")
@click.option(
    "--no-leader-election",
    is_flag=True,
    help="Lead without a Lease; only where no other controller of this namespace runs.",
)
@click.option(
    "--rollouts", is_flag=True, envvar="LLMKEYS_ROLLOUTS", help="Restart the workloads that target.rollout names."
)
@click.option(
    "--nudge", is_flag=True, envvar="LLMKEYS_NUDGE", help="Have pods that read a changed Secret notice it at once."
)
@click.option("--log-format", type=click.Choice(["json", "console"]), help="Default: console on a terminal, else json.")
@click.option("--log-level", default="INFO", show_default=True)
def command(
    namespace: str | None,
    watch_namespaces: str,
    listen: str,
    unsealer: str | None,
    unsealer_replicas: str | None,
    usage_token: Path,
    usage_interval: str,
    keyring_kek: Path | None,
    key_renewal: str,
    log_format: str | None,
    log_level: str,
    *,
    no_bootstrap: bool,
    no_leader_election: bool,
    rollouts: bool,
    nudge: bool,
) -> None:
    """Run the operator against $KUBECONFIG, else the pod's own account."""
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise click.BadParameter(f"{listen} is not HOST:PORT", param_hint="--listen")
    own = namespace or own_namespace()
    try:
        configure(
            "console" if log_format == "console" or (not log_format and sys.stderr.isatty()) else "json", log_level
        )
    except ValueError:
        raise click.BadParameter(f"{log_level} is no level", param_hint="--log-level") from None
    warn_of_excess_rights()
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    try:
        options = Options(
            namespace=own,
            watch_namespaces=tuple(one.strip() for one in watch_namespaces.split(",") if one.strip()),
            listen_host=host.strip("[]"),
            listen_port=int(port),
            unsealer=unsealer or f"https://{UNSEALER_SERVICE}.{own}.svc",
            replicas=unsealer_replicas or f"{UNSEALER_SERVICE}-replicas.{own}.svc:8443",
            usage_token=usage_token,
            usage_every=max(seconds(usage_interval), 1.0),
            kek=kek_from(keyring_kek.read_bytes()) if keyring_kek else None,
            renew_every=_renewal(key_renewal),
            bootstrap=not no_bootstrap,
            election=not no_leader_election,
            rollouts=rollouts,
            nudge=nudge,
        )
        asyncio.run(run(options))
    except LeaseLostError as error:
        begin_anew(error)
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{host}:{port}: {error.strerror}") from None


def _renewal(text: str) -> float:
    every = seconds(text)
    if every < 3600:  # noqa: PLR2004  an hour
        raise click.BadParameter("must be a duration of at least 1h, such as 2160h", param_hint="--key-renewal")
    return every
