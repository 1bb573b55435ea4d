# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Key figures for people: rows with a curve on the page of a run, and the tracking sheet."""

from __future__ import annotations

import csv
import io
import typing as t
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from upkeep.kpi import kpis
from upkeep.kpi.figures import FigureDay, FigureDefinition
from upkeep.run.types import Bounds, KpiSample

#: Days on the page, and size of a curve there, in pixels.
DAYS: t.Final = 30
WIDTH, HEIGHT = 120, 20
#: What a spreadsheet would take for a formula.
_FORMULA: t.Final = ("=", "+", "-", "@", "\t", "\r")


class Trend(t.NamedTuple):
    """One key figure of one system: worst host's value, mean of the last days, curve."""

    title: str
    unit: str
    target: Bounds | None
    alert: Bounds | None
    value: float
    met: bool | None
    mean: float | None
    curve: str


def of_run(samples: Sequence[KpiSample], days: Sequence[FigureDay]) -> dict[str, list[Trend]]:
    """Return by system the rows for the page of a run.

    ``days`` may be empty when there is no history.
    """
    by_figure: dict[tuple[str, str], list[KpiSample]] = defaultdict(list)
    for sample in samples:
        by_figure[sample["system"], sample["kpi"]].append(sample)

    past: dict[tuple[str, str], list[FigureDay]] = defaultdict(list)
    for day in days:
        past[day.system, day.kpi].append(day)

    trends: dict[str, list[Trend]] = defaultdict(list)

    for (system, kpi), of_hosts in by_figure.items():
        worst = min(of_hosts, key=lambda sample: (sample["met"] is not False, sample["host"]))
        then = past[system, kpi]
        total = sum(day.samples for day in then)
        mean = sum(day.mean * day.samples for day in then) / total if total else None
        words = (worst["title"], worst["unit"], worst["target"], worst["alert"])
        trends[system].append(
            Trend(*words, worst["value"], worst["met"], mean, curve([day.mean for day in then]))
        )

    return trends


def figure(value: float) -> str:
    """Return a number for people: four digits that count, thousands separated, no exponent."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def curve(values: Sequence[float]) -> str:
    """Return the points of an SVG polyline through the values, '' for fewer than two.

    Equal ones lie in the middle.
    """
    if len(values) < 2:
        return ""

    low, high = min(values), max(values)
    span = high - low
    step = WIDTH / (len(values) - 1)
    heights = [(high - value) / span * (HEIGHT - 4) + 2 if span else HEIGHT / 2 for value in values]

    return " ".join(f"{number * step:.1f},{height:.1f}" for number, height in enumerate(heights))


def sheet(
    figures: Sequence[FigureDefinition],
    days: Iterable[FigureDay],
    outcomes: Mapping[tuple[str, str], Sequence[str]],
) -> str:
    """Return the tracking sheet as CSV: a line for each day and system.

    Each figure has its target and its alarm beside it.

    The notes count the runs of that day that did not end well.
    """
    order = list(dict.fromkeys(figure.kpi for figure in figures))
    named = {(figure.system, figure.kpi): figure for figure in figures}
    seen: dict[tuple[str, str], dict[str, FigureDay]] = defaultdict(dict)
    for day in days:
        seen[day.day, day.system][day.kpi] = day

    titles = {kpi: next(figure.title for figure in figures if figure.kpi == kpi) for kpi in order}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = [
        part
        for kpi in order
        for part in (titles[kpi], f"{titles[kpi]}: target", f"{titles[kpi]}: alarm unless")
    ]
    writer.writerow(
        [_safe(cell) for cell in ("Date", "System", *heads, "Samples", "Missed", "Notes")]
    )

    for (date, system), row in sorted(seen.items()):
        cells = [part for kpi in order for part in _cells(named.get((system, kpi)), row.get(kpi))]
        missed = [titles[kpi] for kpi, day in row.items() if _missed(named.get((system, kpi)), day)]
        count = max(day.samples for day in row.values())
        notes = _notes(outcomes.get((date, system), ()))
        writer.writerow(
            [_safe(cell) for cell in (date, system, *cells, str(count), "; ".join(missed), notes)]
        )

    return out.getvalue()


def _cells(figure: FigureDefinition | None, day: FigureDay | None) -> tuple[str, str, str]:
    if figure is None:
        return "", "", ""
    value = f"{day.mean:.6g} {figure.unit}".strip() if day else ""
    return value, kpis.bounds_text(figure.target), kpis.bounds_text(figure.alert)


def _missed(figure: FigureDefinition | None, day: FigureDay) -> bool:
    if figure is None or figure.target is None:
        return False

    return not kpis.within(figure.target, day.mean)


def _notes(outcomes: Sequence[str]) -> str:
    counts = {outcome: list(outcomes).count(outcome) for outcome in dict.fromkeys(outcomes)}
    return ", ".join(f"{count} x {outcome}" for outcome, count in counts.items())


def _safe(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    return f"'{cell}" if cell.startswith(_FORMULA) and kpis.number(cell) is None else cell
