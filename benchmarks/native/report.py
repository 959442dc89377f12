"""The numbers as text: rows while they are measured, and the tables of README.md from the JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..documents import told_of
from .contestants import AIO, AIO_COMPILED, OURS, OURS_COMPILED, SOCKET, library
from .gaps import PLACES

if TYPE_CHECKING:
    from collections.abc import Iterable

    Values = dict[str, float]

_OURS = (OURS.name, OURS_COMPILED.name)
_OURS_AWAITED = (AIO, AIO_COMPILED)
_PEERS = (
    "picows",
    "picows.websockets",
    "aiohttp",
    "websockets",
    "websockets, sync",
    "wsproto",
    "websocket-client",
    SOCKET.name,
)
_AWAITED_PEERS = ("picows.websockets", "aiohttp", "websockets")


def key_of(row: dict[str, Any], *, cpu: bool = False) -> str:
    """Return which of a row's numbers is compared."""
    if row["is_latency"]:
        return "p50"
    return "cpu_rate" if cpu else "rate"


def best(row: dict[str, Any], peer: str, *, cpu: bool = False) -> float | None:
    """Return a library's best number, over the event loops that it ran on."""
    key = key_of(row, cpu=cpu)
    values: list[float] = [value[key] for name, value in row["contestants"].items() if library(name) == peer]
    if not values:
        return None
    return min(values) if row["is_latency"] else max(values)


def times_as_fast(row: dict[str, Any], who: str, peer: str, *, cpu: bool = False) -> float | None:
    """Return how many times as fast as a peer, in its best form, one of ours is."""
    mine, other = best(row, who, cpu=cpu), best(row, peer, cpu=cpu)
    if mine is None or other is None:
        return None
    return other / mine if row["is_latency"] else mine / other


def text(row: dict[str, Any], *, cpu: bool = False) -> str:
    """Return a case as lines for the terminal."""
    key = key_of(row, cpu=cpu)
    lines = [row["case"]]
    for name, values in row["contestants"].items():
        line = f"    {name:28}"
        if row["is_latency"]:
            line += f"{values['p50'] * 1e6:12,.1f} µs{values['p99'] * 1e6:12,.1f} µs (p99)"
        else:
            line += f"{values[key]:14,.0f} /s"
        for who in (OURS.name, OURS_COMPILED.name):
            mine = row["contestants"].get(who)
            if mine is not None and name != who:
                ratio = values[key] / mine[key] if row["is_latency"] else mine[key] / values[key]
                line += f"   {who} ×{ratio:.2f}"
        lines.append(line)
    return "\n".join(lines)


def tables(told: dict[str, Any], *, cpu: bool = False) -> str:
    """Return Markdown from what a run wrote as JSON, without the gaps; nothing if it measured nothing else."""
    rows = told["clients"]
    if not rows and not told["servers"]:
        return ""
    parts = [_about(told)]
    if rows:
        kinds = (
            ("messages a second", [row for row in rows if not row["is_latency"]]),
            ("p50 (p99) in µs", [row for row in rows if row["is_latency"]]),
        )
        for ours, peers in ((_OURS, _PEERS), (_OURS_AWAITED, _AWAITED_PEERS)):
            for unit, some in kinds:
                if any(best(row, who) is not None for row in some for who in ours):
                    parts.append(_client_table(some, unit, ours, peers, cpu=cpu))
    if told["servers"]:
        parts.append(_server_table(told["servers"]))
    return "\n\n".join(parts) + "\n"


def _about(told: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in _libraries(told["versions"]).items())
    return f"{told_of(told)}, Python {told['machine']['python']}; medians of {told['rounds']} rounds. {versions}."


def _libraries(versions: dict[str, str]) -> dict[str, str]:
    return {library(name): version for name, version in versions.items() if not name.startswith(("ours", SOCKET.name))}


def _client_table(
    rows: list[dict[str, Any]], unit: str, all_ours: Iterable[str], all_peers: Iterable[str], *, cpu: bool
) -> str:
    """Return a row for each case, a column for each of ours and for each peer with the ratio of ours to it."""
    ours, peers = (
        [name for name in names if any(best(row, name) is not None for row in rows)] for names in (all_ours, all_peers)
    )
    lines = _head([unit, *ours, *peers])
    for row in rows:
        cells = [_number(row, who, cpu=cpu) for who in ours]
        for peer in peers:
            ratios = [times_as_fast(row, who, peer, cpu=cpu) for who in ours]
            known = " / ".join(f"{ratio:.2f}" for ratio in ratios if ratio is not None)
            cells.append(f"{_number(row, peer, cpu=cpu)} (× {known})" if known else _number(row, peer, cpu=cpu))
        lines.append(_line([row["case"], *cells]))
    return "\n".join(lines)


def _number(row: dict[str, Any], who: str, *, cpu: bool = False) -> str:
    value = best(row, who, cpu=cpu)
    if value is None:
        return "–"
    if not row["is_latency"]:
        return f"{value:,.0f}"
    p99 = next(values["p99"] for name, values in row["contestants"].items() if values["p50"] == value)
    return f"{value * 1e6:,.1f} ({p99 * 1e6:,.1f})"


_SERVER_ROWS = (
    ("idle_kib", "Python memory of an idle connection, KiB", "{:.2f}", 1.0),
    ("idle_deflate_kib", "the same, compression agreed on", "{:.2f}", 1.0),
    ("idle_rss_kib", "resident memory of an idle connection, KiB", "{:.2f}", 1.0),
    ("poll_alone", "a poll with the active alone, µs", "{:,.0f}", 1e6),
    ("poll_idle", "a poll with the idle beside them, µs", "{:,.0f}", 1e6),
    ("echo_alone", "an echo to each of the active alone, µs", "{:,.0f}", 1e6),
    ("echo_idle", "the same with the idle beside them, µs", "{:,.0f}", 1e6),
    ("broadcast", "a broadcast to all, ms", "{:,.1f}", 1e3),
    ("broadcast_cpu", "CPU time of that, ms", "{:,.1f}", 1e3),
)


def server_text(told: dict[str, Any]) -> str:
    """Return the servers' numbers as lines for the terminal."""
    lines = [f"servers: {told['idle']:,} idle connections and {told['active']} active ones"]
    for name, values in told["contestants"].items():
        lines.append(f"    {name}")
        for key, title, form, factor in _SERVER_ROWS:
            if key in values:
                lines.append(f"        {title:46}{form.format(values[key] * factor):>12}")
        lines += [f"        {title:46}{ratio:>12.2f}" for title, ratio in _ratios(values)]
    return "\n".join(lines)


def _server_table(told: dict[str, Any]) -> str:
    contestants: dict[str, Values] = told["contestants"]
    lines = _head([f"server, {told['idle']:,} idle and {told['active']} active connections", *contestants])
    for key, title, form, factor in _SERVER_ROWS:
        cells = [form.format(values[key] * factor) if key in values else "–" for values in contestants.values()]
        lines.append(_line([title, *cells]))
    for index, (key, title) in enumerate(_RATIOS):
        cells = []
        for values in contestants.values():
            found = dict(_ratios(values)).get(title)
            cells.append("–" if found is None else f"{found:.2f}")
        lines.insert(2 + _ROW_OF[key] + index, _line([title, *cells]))
    return "\n".join(lines)


_RATIOS = (("poll", "idle beside them ÷ alone, of a poll"), ("echo", "idle beside them ÷ alone, of the echoes"))
_ROW_OF = {"poll": 5, "echo": 7}


def _ratios(values: Values) -> Iterable[tuple[str, float]]:
    for key, title in _RATIOS:
        if f"{key}_alone" in values:
            yield title, values[f"{key}_idle"] / values[f"{key}_alone"]


GAP_LIMIT = 0.150
"""Seconds that a gap beside a flood is to be at most, on a machine that does nothing else."""

GAP_RATIO = 3.0
"""How many times as long as that of `websockets` it is to be at most."""

_OURS_BESIDE_FLOODS = (*_OURS, *_OURS_AWAITED)


def gap_tables(told: dict[str, Any]) -> str:
    """Return Markdown of the longest gaps beside a flood, nothing if they were not measured."""
    if not told.get("gaps"):
        return ""
    rows: list[dict[str, Any]] = told["gaps"]["rows"]
    parts = [_about(told | {"versions": told["gaps"]["versions"]})]
    for place, title in PLACES.items():
        cases = [row for row in rows if row["place"] == place]
        names = list(dict.fromkeys(name for row in cases for name in row["contestants"]))
        if names:
            works = " / ".join(str(work) for work in dict.fromkeys(row["work"] for row in cases))
            lines = _head([f"{title}: ms at {works} µs a message", *names])
            for flood in dict.fromkeys(row["flood"] for row in cases):
                same = [row for row in cases if row["flood"] == flood]
                lines.append(_line([flood, *(_gaps(same, name) for name in names)]))
            parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _gaps(rows: list[dict[str, Any]], name: str) -> str:
    """Return the longest gaps, and in brackets the CPU time of those that came to an end."""
    found: list[Values] = [row["contestants"][name] for row in rows if name in row["contestants"]]
    if not found:
        return "–"
    gaps = " / ".join(_gap(values) for values in found)
    cpu = " / ".join(f"{values['cpu'] * 1e3:.1f}" if "cpu" in values else "–" for values in found)
    return f"{gaps} ({cpu})"


def _gap(values: Values) -> str:
    return f"{values['gap'] * 1e3:.1f}" if "cpu" in values else f"> {values['gap'] * 1e3:,.0f}"


def gap_text(row: dict[str, Any]) -> str:
    """Return the longest gaps of one case as lines for the terminal; those of ours that are too long are marked."""
    lines = [f"{PLACES[row['place']]}: {row['flood']}, {row['work']} µs a message"]
    peer: Values | None = row["contestants"].get("websockets")
    for name, values in row["contestants"].items():
        line = f"    {name:22}{_gap(values):>9} ms"
        if "cpu" in values:
            line += f", CPU {values['cpu'] * 1e3:9.1f} ms{values['rate']:14,.0f} messages/s"
        if peer is not None and name in _OURS_BESIDE_FLOODS:
            ratio = values["gap"] / peer["gap"]
            is_too_long = ratio > GAP_RATIO or values["gap"] > GAP_LIMIT
            line += f"   ×{ratio:.2f} of websockets" + "  TOO LONG" * is_too_long
        lines.append(line)
    return "\n".join(lines)


def _head(titles: list[str]) -> list[str]:
    return [_line(titles), "|---|" + "---:|" * (len(titles) - 1)]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
