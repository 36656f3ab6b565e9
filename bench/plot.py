"""The distribution of every latency as one picture, without a plotting library."""

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 860, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 270, 40, 50
_COLOURS = (
    "#0b7285",
    "#e8590c",
    "#5f3dc4",
    "#2b8a3e",
    "#c2255c",
    "#1971c2",
    "#868e96",
    "#f08c00",
    "#343a40",
    "#66a80f",
    "#e64980",
)
_FONT = 'font-family="sans-serif" font-size="12"'
_DECADES = (0.01, 0.1, 1.0, 10.0, 100.0)


def svg(samples: Mapping[str, Sequence[float]]) -> str:
    """How many per cent of the samples took at most so long, on a logarithmic time axis; a line for each measure."""
    times = [one for values in samples.values() for one in values]
    axis = _Axis(min(times), max(times))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_FONT}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">Share of samples done within a time</text>',
        *_grid(axis),
    ]
    for index, (name, values) in enumerate(samples.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        parts.append(_curve(axis, values, colour))
        parts.append(_legend(index, name, values, colour))
    return "\n".join([*parts, "</svg>", ""])


class _Axis:
    """Seconds to pixels."""

    def __init__(self, least: float, most: float) -> None:
        self.least = max(least, 0.001) * 0.8
        self.most = max(most, self.least * 2) * 1.25
        self._scale = (_WIDTH - _LEFT - _RIGHT) / math.log(self.most / self.least)

    def x(self, seconds: float) -> float:
        return _LEFT + math.log(max(seconds, self.least) / self.least) * self._scale

    def ticks(self) -> list[float]:
        return [decade * step for decade in _DECADES for step in (1, 2, 5) if self.least <= decade * step <= self.most]


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _grid(axis: _Axis) -> list[str]:
    right = _WIDTH - _RIGHT
    lines = []
    for percent in (0, 50, 95, 100):
        y = _y(percent / 100)
        lines.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#dee2e6"/>')
        if percent != 100:
            lines.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{percent} %</text>')
    for seconds in axis.ticks():
        x = axis.x(seconds)
        text = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.0f} s"
        lines.append(f'<line x1="{x:.1f}" y1="{_y(0):.1f}" x2="{x:.1f}" y2="{_y(1):.1f}" stroke="#f1f3f5"/>')
        lines.append(f'<text x="{x:.1f}" y="{_y(0) + 18:.1f}" text-anchor="middle">{text}</text>')
    return lines


def _curve(axis: _Axis, values: Sequence[float], colour: str) -> str:
    ordered = sorted(values)
    steps = [f"M{axis.x(ordered[0]):.1f},{_y(0):.1f}"]
    for index, seconds in enumerate(ordered):
        # A step: nothing is known between two samples.
        steps.append(f"H{axis.x(seconds):.1f}V{_y((index + 1) / len(ordered)):.1f}")
    return f'<path d="{"".join(steps)}" fill="none" stroke="{colour}" stroke-width="1.8"/>'


def _legend(index: int, name: str, values: Sequence[float], colour: str) -> str:
    x, y = _WIDTH - _RIGHT + 14, _TOP + 14 + index * 22
    text = escape(f"{name.replace('_', ' ')} ({len(values)})")
    return (
        f'<rect x="{x}" y="{y - 9}" width="14" height="4" fill="{colour}"/>'
        f'<text x="{x + 20}" y="{y - 3}" font-size="11">{text}</text>'
    )
