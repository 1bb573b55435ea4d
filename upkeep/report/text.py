# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A record as text: the roll-up first, then only what needs a person; standard library only."""

from __future__ import annotations

import textwrap
import typing as t

from upkeep.report.rollup import Cell, Rollup, roll_up
from upkeep.report.summary import (
    OPEN,
    duration,
    group_hosts,
    headline,
    host_count,
    notes,
    open_findings,
    plural,
    with_unit,
)
from upkeep.run.types import FoldedFinding, RunRecord

#: Columns of a text that is made for no terminal, and the fewest that make sense.
WIDTH: t.Final = 100
NARROWEST: t.Final = 40
#: Lines of the roll-up; a fleet with more troubled areas than that has them counted.
LONGEST: t.Final = 24
#: Systems that are named where there is no table; more are counted.
NAMED: t.Final = 12

_COLOURS: t.Final = {"ok": "32", "info": "34", "warning": "33", "critical": "1;31", "unknown": "35"}
_GAP: t.Final = "  "


class Style(t.NamedTuple):
    """Whether a text is coloured, and how many columns it may take."""

    colour: bool = False
    width: int = WIDTH

    def paint(self, text: str, status: str) -> str:
        """Return the text in the colour of a status; no status, no colour."""
        if not self.colour or not status or not text:
            return text

        return f"\x1b[{_COLOURS[status]}m{text}\x1b[0m"

    def wrap(self, text: str, indent: str = "", later: str | None = None) -> str:
        """Return the text in lines of at most the width."""
        return textwrap.fill(
            text,
            max(self.width, NARROWEST),
            initial_indent=indent,
            subsequent_indent=indent if later is None else later,
        )


def colour_wanted(stream: t.TextIO, environment: t.Mapping[str, str]) -> bool:
    """Return whether to colour: a terminal that can, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def overview(record: RunRecord, style: Style, *, everything: bool = False) -> str:
    """Return a run for a terminal, ending with its outcome.

    Notes and what is acknowledged are only counted, unless ``everything`` is asked for.
    """
    listed = notes(record) if everything else []
    hint = "" if everything else _not_listed(record, "`python -m upkeep show --all` lists them")
    blocks = [
        _title(record, style),
        _matrix(roll_up(record), style),
        *_findings(open_findings(record), style),
        *_findings(listed, style),
        _trouble(record, style),
        style.wrap(hint),
        _outcome(record, style),
    ]

    return "\n\n".join(filter(None, blocks)) + "\n"


def report(record: RunRecord) -> str:
    """Return the report of a finished run: title, date, what somebody should look at, end mark."""
    style = Style()
    begun = f"{record['started'] or ''}"[:16].replace("T", " ")
    blocks = [
        f"Upkeep report of {begun} UTC" if begun else "Upkeep report of an unknown time",
        _title(record, style),
        _matrix(roll_up(record), style),
        *_findings(open_findings(record), style),
        _trouble(record, style),
        style.wrap(_not_listed(record, "the page report.html has all")),
        _outcome(record, style),
        f"End of the report on {record['run_id']}.",
    ]

    return "\n\n".join(filter(None, blocks)) + "\n"


def _title(record: RunRecord, style: Style) -> str:
    started = f"{record['started'] or ''}"[:19].replace("T", " ")
    parts = (record["playbook"], record["run_id"], started, duration(record["seconds"]))
    title = style.wrap(_GAP.join(filter(None, parts)))

    return f"{title}\nCHECK MODE: nothing was changed" if record["check_mode"] else title


def _not_listed(record: RunRecord, where: str) -> str:
    """Return how many notes and acknowledged findings are not listed, and where they are."""
    found = notes(record)
    muted = sum(finding["acknowledged"] is not None for finding in found)
    counts = [
        plural(len(found) - muted, "note") if len(found) > muted else "",
        f"{muted} acknowledged" if muted else "",
    ]

    return f"Not listed: {', '.join(filter(None, counts))}; {where}." if found else ""


def _matrix(rollup: Rollup, style: Style) -> str:
    """Return area x system as a table; one line an area when that would be too wide."""
    heads = [("area", ""), *((name, "") for name in rollup.systems)]
    grid = [heads, *([(area, ""), *map(_shown, cells)] for area, cells in rollup.rows)]
    table = _aligned(grid, style) if _width(grid) <= style.width else _by_area(rollup, style)
    fine = f"{_everywhere(rollup)}: {', '.join(rollup.fine)}" if rollup.fine else ""
    parts = [_shortened(table) if rollup.rows else "", style.paint(style.wrap(fine), "ok")]

    return "\n".join(part for part in parts if part and (rollup.rows or rollup.fine))


def _everywhere(rollup: Rollup) -> str:
    """Return what stands before the areas that are fine; without a table it names the systems."""
    if rollup.rows:
        return "Fine everywhere"

    named = len(rollup.systems) <= NAMED
    systems = ", ".join(rollup.systems) if named else plural(len(rollup.systems), "system")

    return f"Fine everywhere ({systems})"


def _shown(cell: Cell) -> tuple[str, str]:
    """Return the text of a cell and the status that colours it."""
    if not cell.status:
        return "-", ""

    return f"{cell.status} {cell.findings}" if cell.status in OPEN else cell.status, cell.status


def _by_area(rollup: Rollup, style: Style) -> str:
    """Return the areas with the names of the systems that are not fine there, a paragraph each."""
    lines = []
    for area, cells in rollup.rows:
        named = {
            status: [
                name
                for name, cell in zip(rollup.systems, cells, strict=True)
                if cell.status == status
            ]
            for status in OPEN
        }
        named_by_status = [
            f"{status}: {', '.join(names)}" for status, names in named.items() if names
        ]
        worst = next(status for status in OPEN if named[status])
        lines.append(
            style.paint(
                style.wrap(f"{area}{_GAP}{'; '.join(named_by_status)}", later="    "), worst
            )
        )

    return "\n".join(lines)


def _shortened(table: str) -> str:
    lines = table.split("\n")
    if len(lines) <= LONGEST:
        return table

    return "\n".join([*lines[: LONGEST - 1], f"and {len(lines) - LONGEST + 1} lines more"])


def _width(grid: list[list[tuple[str, str]]]) -> int:
    return sum(_widths(grid)) + len(_GAP) * (len(grid[0]) - 1)


def _widths(grid: list[list[tuple[str, str]]]) -> list[int]:
    return [max(len(text) for text, _ in column) for column in zip(*grid, strict=True)]


def _aligned(grid: list[list[tuple[str, str]]], style: Style) -> str:
    widths = _widths(grid)
    lines = []

    for row in grid:
        cells = [
            style.paint(text, status) + " " * (size - len(text))
            for (text, status), size in zip(row, widths, strict=True)
        ]
        lines.append(_GAP.join(cells).rstrip())

    return "\n".join(lines)


def _findings(findings: list[FoldedFinding], style: Style) -> list[str]:
    return [_finding(finding, hosts, style) for finding, hosts in group_hosts(findings)]


def _finding(finding: FoldedFinding, hosts: list[str], style: Style) -> str:
    place = "/".join(filter(None, (finding["system"], ", ".join(hosts))))
    first = f"{finding['status'].upper()}{_GAP}{place}{_GAP}{finding['check']}"
    details = [_facts(finding), finding["message"], _history(finding), _acknowledged(finding)]
    lines = [style.wrap(detail, indent="    ") for detail in details if detail]

    return "\n".join([style.paint(style.wrap(first), finding["status"]), *lines])


def _facts(finding: FoldedFinding) -> str:
    observed = with_unit(finding["observed"], finding["unit"])
    expected = with_unit(finding["expected"], finding["unit"])
    parts = (observed and f"observed {observed}", expected and f"expected {expected}")

    return ", ".join(filter(None, parts))


def _history(finding: FoldedFinding) -> str:
    return f"Earlier in this run: {finding['first_status']}" if finding["first_status"] else ""


def _acknowledged(finding: FoldedFinding) -> str:
    note = finding["acknowledged"]
    if note is None:
        return ""

    return f"Acknowledged by {note['owner']} until {note['until']}: {note['reason']}"


def _trouble(record: RunRecord, style: Style) -> str:
    """Return failed tasks and hosts that nobody saw, a line each."""
    failed = [
        (
            "critical",
            f"{task['status'].upper()}{_GAP}{task['host']}{_GAP}{task['task']}: {task['message']}",
        )
        for task in record["failed_tasks"]
        if task["status"] != "ignored"
    ]
    missing = [
        ("unknown", f"MISSING{_GAP}{name}{_GAP}expected in this run, but nothing was seen of it")
        for name, host in record["hosts"].items()
        if host["missing"]
    ]

    return "\n".join(
        style.paint(style.wrap(text, later="    "), status) for status, text in failed + missing
    )


def _outcome(record: RunRecord, style: Style) -> str:
    """Return the closing line: the outcome, its sentence, and how much was checked and changed."""
    changed = "would change" if record["check_mode"] else "changed"
    facts = [
        plural(len(record["findings"]), "check"),
        f"{plural(len(record['changes']), 'task')} {changed}",
        plural(host_count(record), "host"),
    ]
    text = f"Outcome: {record['outcome']}. {headline(record)} ({', '.join(facts)})."

    return style.paint(style.wrap(text), "ok" if record["outcome"] == "ok" else "critical")
