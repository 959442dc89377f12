"""The picture of a run: how many times plain JavaScript's time each contestant took, on a logarithmic scale."""

from __future__ import annotations

from math import log10
from typing import Any

from .cases import Case

_COLOURS = {
    "polled": "#2a7ae2",
    "woken": "#0b3d91",
    "stream": "#1a9e8f",
    "aio": "#6aa84f",
    "shim": "#e08e0b",
    "niquests": "#8e44ad",
    "pyscript": "#c0392b",
}
_NAMES = {
    "polled": "pyws_browser, polled",
    "woken": "pyws_browser, woken",
    "stream": "with backpressure",
    "aio": "asyncio side",
    "shim": "create_proxy by hand",
}
_TITLES = {"echo": "Round trip", "flood_in": "Receiving", "flood_out": "Sending"}
_ROW, _LEFT, _WIDTH, _GAP, _TOP = 17, 150, 320, 30, 70
_MOST = 3.0
"""The scale ends at ten to this power."""


def draw(told: dict[str, Any]) -> str:
    """Return it as SVG, from what the benchmark writes as JSON."""
    rows = told["rows"]
    peers = [peer for peer in rows[-1]["peers"] if peer in _COLOURS]
    height = _TOP + _ROW * (len(rows) + len(_TITLES)) + 40
    width = _LEFT + 2 * (_WIDTH + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="8" y="18" font-size="14">Times plain JavaScript, in one page: {told["browser"]}</text>',
        *_legend(peers),
    ]
    for column, title in enumerate(("wall time", "CPU time of the renderer")):
        parts += _axis(_LEFT + column * (_WIDTH + _GAP), height, title)
    y, exercise = _TOP, None
    for row in rows:
        if row["exercise"] != exercise:
            exercise = row["exercise"]
            y += _ROW
            parts.append(f'<text x="8" y="{y}" font-weight="bold">{_TITLES[exercise]}</text>')
        y += _ROW
        parts.append(f'<text x="{_LEFT - 8}" y="{y}" text-anchor="end">{Case.of(row).message}</text>')
        for column, key in enumerate(("wall_ratio", "cpu_ratio")):
            left = _LEFT + column * (_WIDTH + _GAP)
            for peer in peers:
                value = row["peers"].get(peer, {}).get(key)
                if value:
                    title = f"{_NAMES.get(peer, peer)}: {value}"
                    parts.append(
                        f'<circle cx="{_x(left, value):.1f}" cy="{y - 4}" r="4" fill="{_COLOURS[peer]}" '
                        f'fill-opacity="0.8"><title>{title}</title></circle>'
                    )
    return "\n".join([*parts, "</svg>", ""])


def _x(left: float, ratio: float) -> float:
    return left + _WIDTH * (min(max(log10(ratio), -0.3), _MOST) + 0.3) / (_MOST + 0.3)


def _legend(peers: list[str]) -> list[str]:
    parts = []
    x = 8
    for peer in peers:
        parts.append(f'<circle cx="{x + 5}" cy="34" r="4" fill="{_COLOURS[peer]}"/>')
        parts.append(f'<text x="{x + 14}" y="38">{_NAMES.get(peer, peer)}</text>')
        x += 26 + 6 * len(_NAMES.get(peer, peer))
    return parts


def _axis(left: float, height: int, title: str) -> list[str]:
    parts = [f'<text x="{left}" y="56" font-weight="bold">{title}</text>']
    for ratio in (1, 2, 5, 10, 100, 1000):
        x = _x(left, ratio)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - 26}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle">{ratio}×</text>')
    return parts
