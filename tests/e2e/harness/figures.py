"""Figures that a run measures, printed at its end."""

from __future__ import annotations

_rows: list[tuple[str, str]] = []


def percentile(values: list[float], share: float) -> float:
    """Returns the value below which that share of the values lies, by the nearest rank."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]


def report(name: str, seconds: list[float], note: str = "") -> None:
    """Keeps p50, p95 and the extremes of some durations for the end of the run."""
    low, high = min(seconds), max(seconds)
    text = (
        f"n={len(seconds)} p50={percentile(seconds, 0.5) * 1000:.0f} ms p95={percentile(seconds, 0.95) * 1000:.0f} ms"
        f" min={low * 1000:.0f} ms max={high * 1000:.0f} ms"
    )
    remark(name, f"{text} {note}".rstrip())


def remark(name: str, text: str) -> None:
    """Keeps a line for the end of the run."""
    _rows.append((name, text))


def take(rows: list[tuple[str, str]]) -> None:
    """Keeps the lines of another process."""
    _rows.extend((name, text) for name, text in rows)


def rows() -> list[tuple[str, str]]:
    """Returns all lines, in the order they came."""
    return list(_rows)
