"""Percentiles of measured seconds."""

import math
from collections.abc import Sequence

PERCENTILES = (50, 95, 99)


def percentile(samples: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was measured, never one between two."""
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    return ordered[max(math.ceil(percent / 100 * len(ordered)) - 1, 0)]


def median(samples: Sequence[float]) -> float:
    ordered = sorted(samples)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def summary(samples: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in seconds, and how many samples they are of."""
    found: dict[str, float] = {f"p{percent}": round(percentile(samples, percent), 4) for percent in PERCENTILES}
    return {**found, "samples": len(samples)}
