# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run's record in words and as a table for the terminal; standard library only."""

from __future__ import annotations

import textwrap
import typing as t

from ansible.module_utils.upkeep.findings import SEVERITY

from upkeep.run.types import Finding, Record, Scalar

#: What the name ``""`` stands for: tasks and findings of no system.
CONTROLLER: t.Final = "controller"
#: The area whose findings follow from others.
GATE: t.Final = "gate"
NARROWEST: t.Final = 40

_COLOURS: t.Final = {"ok": "32", "info": "34", "warning": "33", "critical": "1;31", "unknown": "35"}
_GAP: t.Final = "  "


def colour_wanted(stream: t.TextIO, environment: t.Mapping[str, str]) -> bool:
    """Return whether to colour: a terminal that can, unless NO_COLOR is set to anything (https://no-color.org)."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def duration(seconds: float) -> str:
    """Return a length of time as people say it: ``0.4 s``, ``12 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"

    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"

    minutes, rest = divmod(whole, 60)

    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, noun: str) -> str:
    """Return ``1 host`` or ``2 hosts``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def value(observed: Scalar, unit: str = "") -> str:
    """Return an observed or expected value with its unit; empty when there is none."""
    if observed is None:
        return ""
    text = {True: "yes", False: "no"}[observed] if isinstance(observed, bool) else f"{observed}"
    return f"{text} {unit}".strip()


def by_severity(findings: t.Iterable[Finding]) -> list[Finding]:
    """Return the findings worst first.

    Acknowledged ones after all others, and a closed gate after its causes.
    """
    return sorted(
        findings,
        key=lambda f: (
            f["acknowledged"] is not None,
            SEVERITY.index(f["status"]),
            f["area"] == GATE,
        ),
    )


def together(findings: t.Iterable[Finding]) -> list[tuple[Finding, list[str]]]:
    """Return findings that say the same of several hosts of a system once, with all those hosts.

    Order is kept.
    """
    hosts: dict[tuple[Scalar, ...], tuple[Finding, list[str]]] = {}
    for finding in findings:
        muted = finding["acknowledged"] is not None
        same = (
            finding["system"],
            finding["check"],
            finding["status"],
            finding["message"],
            finding["observed"],
            muted,
        )
        hosts.setdefault(same, (finding, []))[1].append(finding["host"])

    return list(hosts.values())


def open_findings(record: Record) -> list[Finding]:
    """Return what somebody should look at, worst first: neither ok nor mere information nor acknowledged."""
    wanted = ("critical", "unknown", "warning")
    return by_severity(
        f for f in record["findings"] if f["status"] in wanted and not f["acknowledged"]
    )


def host_count(record: Record) -> int:
    """Return how many hosts were looked at, without the controller itself."""
    return sum(
        (host["system"] != "" or host["remote_tasks"] > 0) and not host["missing"]
        for host in record["hosts"].values()
    )


def headline(record: Record) -> str:
    """Return the outcome as one short sentence."""
    failed = sum(task["status"] == "failed" for task in record["failed_tasks"])
    silent = sum(host["missing"] or host["unreachable"] > 0 for host in record["hosts"].values())
    failing = len(record["verdict"]["failing"]) if record["verdict"] else 0
    sentences = {
        "ok": _passed(record),
        "findings": f"{plural(failing, 'finding')} {'needs' if failing == 1 else 'need'} action",
        "failed": f"{plural(failed, 'task')} failed" if failed else "The run failed",
        "unreachable": f"{plural(silent, 'host')} did not answer"
        if silent
        else "A host did not answer",
        "interrupted": "This run was cut off before its end",
        "incomplete": "This run ended without a verdict",
    }

    return sentences[record["outcome"]]


def _passed(record: Record) -> str:
    to_look_at = len(open_findings(record))
    muted = sum(finding["acknowledged"] is not None for finding in record["findings"])
    if to_look_at:
        return f"Passed, {plural(to_look_at, 'finding')} to look at"
    return f"Passed, {plural(muted, 'acknowledged finding')}" if muted else "Everything is in order"


def table(record: Record, colour: bool, width: int) -> str:
    """Return the record as text of at most ``width`` columns (but 40 at least), ending with the outcome."""
    paint = _paint if colour else _plain
    width = max(width, NARROWEST)
    blocks = [_title(record, width), _matrix(record, paint, width)]
    not_ok = by_severity(finding for finding in record["findings"] if finding["status"] != "ok")
    blocks += [_finding(finding, hosts, paint, width) for finding, hosts in together(not_ok)]
    blocks += [_trouble(record, paint, width), _outcome(record, paint, width)]

    return "\n\n".join(filter(None, blocks)) + "\n"


def report(record: Record, width: int = 100) -> str:
    """Return the report of a finished run as plain text: title, date, what somebody should look at, and an end mark."""
    begun = f"{record['started'] or ''}"[:16].replace("T", " ") or "an unknown time"
    wanted = open_findings(record)
    quiet = len(record["findings"]) - len(wanted)
    blocks = [
        f"Upkeep report of {begun} UTC" if record["started"] else f"Upkeep report of {begun}",
        _title(record, width),
        _matrix(record, _plain, width),
        *[_finding(finding, hosts, _plain, width) for finding, hosts in together(wanted)],
        f"Not listed here: {plural(quiet, 'check')}, fine, informing or acknowledged. The page report.html has all.",
        _trouble(record, _plain, width),
        _outcome(record, _plain, width),
        f"End of the report on {record['run_id']}.",
    ]

    return "\n\n".join(filter(None, blocks)) + "\n"


def _paint(text: str, status: str) -> str:
    return f"\x1b[{_COLOURS[status]}m{text}\x1b[0m"


def _plain(text: str, status: str) -> str:
    return text


def _title(record: Record, width: int) -> str:
    parts = (
        record["playbook"],
        record["run_id"],
        record["started"] or "",
        duration(record["seconds"]),
    )
    title = _wrap(_GAP.join(filter(None, parts)), width)
    return f"{title}\nCHECK MODE: nothing was changed" if record["check_mode"] else title


def _matrix(record: Record, paint: t.Callable[[str, str], str], width: int) -> str:
    """Return system x area as a table; one line a pair when that would be too wide."""
    areas = list(
        dict.fromkeys(area for system in record["systems"].values() for area in system["areas"])
    )
    rows = [
        [(name or CONTROLLER, ""), *(_cell(system["areas"].get(area)) for area in areas)]
        for name, system in record["systems"].items()
    ]
    grid = [[(title, "") for title in ("system", *areas)], *rows]
    if sum(len(text) + len(_GAP) for text, _ in map(_widest, zip(*grid, strict=True))) > width:
        titled = [
            (row[0], (area, ""), cell)
            for row in rows
            for area, cell in zip(areas, row[1:], strict=True)
        ]
        grid = [[system, area, cell] for system, area, cell in titled if cell[1]]

    return _aligned(grid, paint) if rows else ""


def _widest(column: t.Iterable[tuple[str, str]]) -> tuple[str, str]:
    return max(column, key=lambda cell: len(cell[0]))


def _cell(area: t.Any) -> tuple[str, str]:
    """Return the text of a cell and the status that colours it.

    No status for an area without checks.
    """
    if area is None:
        return "-", ""
    note = f" ({area['acknowledged']} acknowledged)" if area["acknowledged"] else ""
    return f"{area['status']}{note}", area["status"]


def _aligned(grid: list[list[tuple[str, str]]], paint: t.Callable[[str, str], str]) -> str:
    widths = [len(_widest(column)[0]) for column in zip(*grid, strict=True)]
    lines = []
    for row in grid:
        padding = [" " * (size - len(text)) for (text, _), size in zip(row, widths, strict=True)]
        painted = [paint(text, status) if status else text for text, status in row]
        lines.append(_GAP.join(map("".join, zip(painted, padding, strict=True))).rstrip())

    return "\n".join(lines)


def _finding(
    finding: Finding, hosts: list[str], paint: t.Callable[[str, str], str], width: int
) -> str:
    place = "/".join(filter(None, (finding["system"], ", ".join(hosts))))
    first = f"{finding['status'].upper()}{_GAP}{place}{_GAP}{finding['check']}"
    observed, expected = (
        value(finding[side], finding["unit"]) for side in ("observed", "expected")
    )
    facts = ", ".join(
        filter(None, (observed and f"observed {observed}", expected and f"expected {expected}"))
    )
    details = [facts, finding["message"], _history(finding), _muted(finding)]
    lines = [_wrap(detail, width, indent="    ") for detail in details if detail]

    return "\n".join([paint(_wrap(first, width), finding["status"]), *lines])


def _history(finding: Finding) -> str:
    return f"Earlier in this run: {finding['first_status']}" if finding["first_status"] else ""


def _muted(finding: Finding) -> str:
    note = finding["acknowledged"]
    return (
        f"Acknowledged by {note['owner']} until {note['until']}: {note['reason']}" if note else ""
    )


def _trouble(record: Record, paint: t.Callable[[str, str], str], width: int) -> str:
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
        paint(_wrap(text, width, later="    "), status) for status, text in failed + missing
    )


def _outcome(record: Record, paint: t.Callable[[str, str], str], width: int) -> str:
    """Return the closing line: the outcome, its sentence, and how much was checked and changed."""
    changed = "would change" if record["check_mode"] else "changed"
    facts = [
        plural(len(record["findings"]), "check"),
        f"{plural(len(record['changes']), 'task')} {changed}",
        plural(host_count(record), "host"),
    ]
    text = f"Outcome: {record['outcome']}. {headline(record)} ({', '.join(facts)})."

    return paint(_wrap(text, width), "ok" if record["outcome"] == "ok" else "critical")


def _wrap(text: str, width: int, indent: str = "", later: str | None = None) -> str:
    rest = indent if later is None else later
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=rest)
