"""The picture of a run: each client's speed as a share of the bare socket's, and below that bars for the servers."""

from __future__ import annotations

from html import escape
from math import log10
from typing import Any

from .contestants import AIO, AIO_COMPILED, OURS, OURS_COMPILED, SOCKET
from .report import best, key_of

_COLOURS = {
    OURS.name: "#2a7ae2",
    OURS_COMPILED.name: "#0b3d91",
    AIO: "#48c9b0",
    AIO_COMPILED: "#117a65",
    "picows": "#c0392b",
    "picows.websockets": "#e67e22",
    "aiohttp": "#27ae60",
    "websockets": "#8e44ad",
    "websockets, sync": "#c39bd3",
    "wsproto": "#7f8c8d",
    "websocket-client": "#b7950b",
}
_ROW, _LEFT, _WIDTH, _TOP, _BAR = 18, 210, 560, 78, 130
_DECADES = 3
"""The scale begins at ten to the minus this power."""

_BARS = (
    ("idle_kib", "Python memory of an idle connection, KiB", 1.0),
    ("idle_rss_kib", "resident memory of an idle connection, KiB", 1.0),
    ("echo_idle", "an echo to each of the active, µs", 1e6),
    ("broadcast", "a broadcast to all, ms", 1e3),
)


def draw(told: dict[str, Any]) -> str:
    """Return it as SVG, from what a run writes as JSON."""
    rows = [row for row in told["clients"] if SOCKET.name in row["contestants"]]
    height: float = _TOP + _ROW * (len(rows) + 2) if rows else 30
    parts = _clients(rows, height) if rows else []
    if told["servers"]:
        bars, height = _servers(told["servers"], height)
        parts += bars
    machine = told["machine"]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 30} {height}" '
            'font-family="sans-serif" font-size="11">',
            f'<rect width="100%" height="{height}" fill="#fff"/>',
            _text(8, 18, f"{told['date']}, {machine['processor']}, Python {machine['python']}", size=13),
            *parts,
            "</svg>",
            "",
        ]
    )


def _clients(rows: list[dict[str, Any]], height: float) -> list[str]:
    parts = [_text(8, 70, "share of the bare socket's speed", bold=True), *_legend()]
    for power in range(-_DECADES, 1):
        x = _x(10.0**power)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - 24}" stroke="#ddd"/>')
        parts.append(_text(x, height - 10, f"{10.0**power * 100:g} %", anchor="middle"))
    for index, row in enumerate(rows):
        y = _TOP + _ROW * (index + 1) - 4
        parts.append(_text(_LEFT - 8, y + 4, row["case"], anchor="end"))
        limit = row["contestants"][SOCKET.name][key_of(row)]
        for peer, colour in _COLOURS.items():
            value = best(row, peer)
            if value is not None:
                share = limit / value if row["is_latency"] else value / limit
                parts.append(
                    f'<circle cx="{_x(share):.1f}" cy="{y}" r="4" fill="{colour}" fill-opacity="0.8">'
                    f"<title>{escape(peer)}: {share:.3f}</title></circle>"
                )
    return parts


def _servers(told: dict[str, Any], top: float) -> tuple[list[str], float]:
    y = top + 30
    parts = [_text(8, y, f"servers: {told['idle']:,} idle connections, {told['active']} active", bold=True)]
    for key, title, factor in _BARS:
        values = {name: row[key] * factor for name, row in told["contestants"].items() if key in row}
        if not values:
            continue
        y += 24
        parts.append(_text(8, y, title))
        most = max(values.values())
        for name, value in values.items():
            y += _ROW - 3
            colour = _COLOURS.get(name) or _COLOURS[name.partition(",")[0]]
            parts.append(_text(_LEFT - 8, y, name, anchor="end"))
            length = max(1.0, (_WIDTH - _BAR) * value / most)
            parts.append(f'<rect x="{_LEFT}" y="{y - 10}" width="{length:.1f}" height="11" fill="{colour}"/>')
            parts.append(_text(_LEFT + length + 6, y, f"{value:,.2f}"))
    return parts, y + 20


def _x(share: float) -> float:
    return _LEFT + _WIDTH * (min(max(log10(share), -_DECADES), 0.3) + _DECADES) / (_DECADES + 0.3)


def _legend() -> list[str]:
    parts = []
    for index, (name, colour) in enumerate(_COLOURS.items()):
        x, y = 8 + index % 6 * 130, 34 + index // 6 * 16
        parts.append(f'<circle cx="{x + 5}" cy="{y}" r="4" fill="{colour}"/>')
        parts.append(_text(x + 14, y + 4, name))
    return parts


def _text(x: float, y: float, content: str, *, anchor: str = "start", bold: bool = False, size: int = 11) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight}>{escape(content)}</text>'
