"""What the numbers are held against, and what other secrets controllers do on the same machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Args:
        what: for people.
        path: where the number is in bench.json, with dots.
        unit: `s` is shown in milliseconds below two seconds.
        bound: the target; None if there is none.
        at_least: the bound is a lower one.
        peers: External Secrets Operator (ESO) and Sealed Secrets (SS), as measured.

    """

    what: str
    path: str
    unit: str = ""
    bound: float | None = None
    at_least: bool = False
    peers: str = ""

    def value(self, results: Mapping[str, Any]) -> float | None:
        """The measured number, None if it was not measured."""
        found: Any = results
        for name in self.path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return None if found is None else float(found)

    def met(self, value: float) -> bool | None:
        """Whether the target is met; None if there is none."""
        if self.bound is None:
            return None
        return value >= self.bound if self.at_least else value <= self.bound


def rows(n: int) -> tuple[Row, ...]:
    """The table for a run with `n` credentials."""
    return (
        Row(
            "first reconciliation, beside a bare client",
            "first_reconciliation.ratio",
            "%",
            0.6,
            at_least=True,
            peers="ESO 3 %, at its best 41 %",
        ),
        Row("… credentials per second", "first_reconciliation.per_second", "/s", peers="SS 1.3/s, tuned 56/s"),
        Row("… the bare client", "first_reconciliation.bare_client_per_second", "/s"),
        Row("… while they are being created", "first_reconciliation.arriving_per_second", "/s"),
        Row("… CPU per credential", "cpu_ms_per_reconcile", "ms"),
        Row("changed source, idle, p50", "change_latency_seconds.p50", "s", 0.065, peers="ESO 76, at its best 63 ms"),
        Row("changed source, idle, p95", "change_latency_seconds.p95", "s", 0.080, peers="ESO 86, at its best 67 ms"),
        Row("changed source, idle, p99", "change_latency_seconds.p99", "s"),
        Row("one more credential, p50", "one_more_latency_seconds.p50", "s", 0.065, peers="ESO 76, at its best 63 ms"),
        Row("one more credential, p95", "one_more_latency_seconds.p95", "s", 0.080, peers="ESO 86, at its best 67 ms"),
        Row(
            "changed source while others arrive, p95",
            "change_latency_during_arrivals_seconds.p95",
            "s",
            1.5,
            peers="ESO up to 91 s; SS 41 to 617 s",
        ),
        Row(
            "changed source during a restart, p95",
            "change_latency_during_restart_seconds.p95",
            "s",
            1.5,
            peers="ESO up to 91 s; SS 41 to 617 s",
        ),
        Row("… counted from readiness on", "change_latency_after_ready_seconds.p95", "s"),
        Row(
            "changed source beside a hanging provider, p95",
            "hanging_provider_change_latency_seconds.p95",
            "s",
            0.080,
            peers="ESO by default stops",
        ),
        Row("restart: calls of providers", "restart.provider_calls", bound=0, peers="ESO 0"),
        Row("restart: writes", "restart.api_writes", bound=0, peers="ESO 2; SS 1,000"),
        Row("restart: Secrets read one by one", "restart.secret_gets", bound=0, peers="ESO 1,031"),
        Row("restart: until ready", "restart.seconds_until_ready", "s"),
        Row("steady state: single reads", "steady_state.gets_per_minute", "/min", 0),
        Row("steady state: writes", "steady_state.writes_per_minute", "/min", 0),
        Row("steady state: CPU of a core", "steady_state.cpu_percent", "pct", 1, peers="ESO 0.05 to 0.8 %"),
        Row("drift healed, p50", "drift_heal_seconds.p50", "s"),
        Row(
            "drift healed, p95",
            "drift_heal_seconds.p95",
            "s",
            0.040,
            peers="ESO at its best 65 ms with a call; SS never heals an edit",
        ),
        Row("… calls of providers", "drift_heal_seconds.provider_calls", bound=0),
        Row("resident memory, nothing to serve", "rss_mib.idle", "MiB"),
        Row(
            f"resident memory, {n:,} credentials",
            "rss_mib.n",
            "MiB",
            _memory_bound(n),
            peers="ESO 104 MiB at 1,000, 193 at 5,000",
        ),
        Row("… after a restart", "rss_mib.restarted", "MiB", _memory_bound(n)),
        Row(
            "… 300 foreign Secrets of 1 MB add",
            "rss_mib.foreign_secrets_delta",
            "MiB",
            5,
            peers="ESO at its best 1,349 MiB in all",
        ),
        *_leader(),
        *_encryption(n),
        *_injection(),
    )


def _leader() -> tuple[Row, ...]:
    return (
        Row("leader killed: another leads, p50", "leader_after_crash_seconds.p50", "s", peers="ESO 17 to 20 s"),
        Row("… at the most", "leader_after_crash_seconds.max", "s", 12),
        Row("… looks under way that were repeated, most of a kill", "leader.repeated_after_crash_most"),
        Row("… looks repeated whose outcome had been delivered", "leader.repeated_after_crash_needlessly", bound=0),
        Row("leader asked to end: another leads, p50", "leader_after_sigterm_seconds.p50", "s", peers="ESO 16 to 18 s"),
        Row("… at the most", "leader_after_sigterm_seconds.max", "s", 3),
        Row("after all that: Secrets without their key", "leader.lost", bound=0),
        Row("… credentials in a wrong state", "leader.wrong", bound=0),
    )


def _encryption(n: int) -> tuple[Row, ...]:
    return (
        Row("envelopes: first reconciliation, beside one in clear", "envelopes.ratio", "%", 0.95, at_least=True),
        Row("… credentials per second", "envelopes.per_second", "/s"),
        Row("… in clear", "envelopes.per_second_plain", "/s"),
        Row("… more CPU per credential", "envelopes.more_cpu_ms", "ms"),
        Row(f"new key: {n:,} envelopes sealed again", "envelopes.reseal_seconds", "s", 0.06 * max(n, 1000)),
        Row("… calls of providers", "envelopes.reseal_provider_calls", bound=0),
        Row("seal a value", "crypto_ms.seal", "ms", 0.5),
        Row("open a value", "crypto_ms.open", "ms", 0.3),
        Row("seal an envelope", "crypto_ms.envelope_seal", "ms"),
        Row("open an envelope", "crypto_ms.envelope_open", "ms"),
        Row("`llmkeys seal`", "commands.seal_seconds", "s", 0.5),
        Row("unsealer: opens per second of its CPU time", "unsealer.opens_per_cpu_second", "/s", 300, at_least=True),
        Row("… opens per second, the client on the same cores", "unsealer.opens_per_second", "/s"),
        Row("… at 100/s, p50", "unsealer.p50_seconds", "s"),
        Row("… at 100/s, p99", "unsealer.p99_seconds", "s", 0.020),
        Row("… a pod that it has not seen, p50", "unsealer.new_pod_p50_seconds", "s"),
        Row("… resident memory", "unsealer.rss_mib", "MiB", 60),
        Row("`llmkeys unseal`, start to file, p50", "unseal.seconds_p50", "s", 0.150),
        Row("… at the most", "unseal.seconds_max", "s"),
        Row("… resident memory", "unseal.rss_mib", "MiB", 40),
        Row("`llmkeys unseal --all`, one credential, p50", "unseal_start_one.seconds_p50", "s", 0.150),
        Row("… p95", "unseal_start_one.seconds_p95", "s"),
        Row("… resident memory", "unseal_start_one.rss_mib", "MiB", 40),
        Row("… ten credentials, p50", "unseal_start_ten.seconds_p50", "s", 0.150),
        Row("… resident memory", "unseal_start_ten.rss_mib", "MiB", 40),
    )


def _injection() -> tuple[Row, ...]:
    return (
        Row("a pod without the label is created, p50", "admission_unlabelled_seconds.p50", "s"),
        Row("… given the one credential of its namespace, p50", "admission_one_seconds.p50", "s", 0.005),
        Row("… one of ten, p50", "admission_one_of_ten_seconds.p50", "s"),
        Row("… ten of ten, 60 variables, p50", "admission_ten_of_ten_seconds.p50", "s", 0.040),
        Row("… one of 64, p50", "admission_one_of_64_seconds.p50", "s"),
        Row("… 64 of 64, 384 variables, p50", "admission_all_of_64_seconds.p50", "s"),
    )


def _memory_bound(n: int) -> float | None:
    """100 MiB are for 1,000 credentials, 180 for 5,000."""
    if n > 5000:
        return None
    return 100 if n <= 1000 else 180
