"""What is left of a run: bench.json for programs, bench.md for people."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.plot import svg
from bench.run import Run
from bench.targets import Row, rows


def machine() -> dict[str, object]:
    """What the numbers were measured on; no names."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def save(run: Run, folder: Path, about: Mapping[str, object]) -> None:
    """Write bench.json, bench.md and bench.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"n": run.n, **run.results, "about": dict(about), "samples": run.samples}
    (folder / "bench.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (folder / "bench.md").write_text(markdown(found), encoding="utf-8")
    if run.samples:
        (folder / "bench.svg").write_text(svg(run.samples), encoding="utf-8")


def markdown(found: Mapping[str, Any]) -> str:
    """The table of a run."""
    about = found["about"]
    setting = (
        f"{found['n']:,} credentials, {about['cores']} cores shared by API server, providers, bench and operator, "
        f"Kubernetes {about['kubernetes']}, Python {about['python']}, providers at {about['provider_ms']} ms, "
        f"{about['date']}."
    )
    lines = [
        setting,
        "",
        "| what | measured | target | | peers |",
        "|---|--:|--:|---|---|",
    ]
    lines += [_line(row, value) for row in rows(found["n"]) if (value := row.value(found)) is not None]
    return "\n".join([*lines, ""])


def _line(row: Row, value: float) -> str:
    met = {True: "met", False: "**missed**", None: ""}[row.met(value)]
    target = "" if row.bound is None else f"{'≥' if row.at_least else '≤'} {_shown(row.bound, row.unit)}"
    if row.bound == 0:
        target = "0"
    return f"| {row.what} | {_shown(value, row.unit)} | {target} | {met} | {row.peers} |"


def _shown(value: float, unit: str) -> str:
    match unit:
        case "%":
            return f"{value * 100:.0f} %"
        case "pct":
            return f"{value:.2g} %"
        case "s" if value < 1:
            return f"{value * 1000:.0f} ms"
        case "s" | "ms":
            return f"{value:.2g} {unit}" if value < 10 else f"{value:.0f} {unit}"
        case "MiB":
            return f"{value:.1f} MiB"
        case "/s" if value >= 1000:
            return f"{value:,.0f}/s"
        case "/min" | "/s":
            return f"{value:.3g}{unit}"
    return f"{value:g}"
