# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A record in words: its outcome, durations, values, and findings in the order that matters."""

from __future__ import annotations

import typing as t

from ansible.module_utils.upkeep.findings import SEVERITY

from upkeep.run.types import FoldedFinding, RunRecord, Scalar

#: What the name ``""`` stands for: tasks and findings of no system.
CONTROLLER: t.Final = "controller"
#: The area whose findings follow from others.
GATE: t.Final = "gate"
#: Statuses that a person should look at.
OPEN: t.Final = ("critical", "unknown", "warning")


def duration(seconds: float) -> str:
    """Return a duration in words: ``0.4 s``, ``12 s``, ``2 min 5 s``, ``1 h 3 min``."""
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


def with_unit(observed: Scalar, unit: str = "") -> str:
    """Return an observed or expected value with its unit; empty when there is none."""
    if observed is None:
        return ""
    text = {True: "yes", False: "no"}[observed] if isinstance(observed, bool) else f"{observed}"
    return f"{text} {unit}".strip()


def by_severity(findings: t.Iterable[FoldedFinding]) -> list[FoldedFinding]:
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


def group_hosts(findings: t.Iterable[FoldedFinding]) -> list[tuple[FoldedFinding, list[str]]]:
    """Return findings that are the same on several hosts of a system once, with those hosts.

    Order is kept.
    """
    hosts: dict[tuple[Scalar, ...], tuple[FoldedFinding, list[str]]] = {}
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


def open_findings(record: RunRecord) -> list[FoldedFinding]:
    """Return what needs a person, worst first: not fine, not a note, not acknowledged."""
    return by_severity(
        finding
        for finding in record["findings"]
        if finding["status"] in OPEN and not finding["acknowledged"]
    )


def notes(record: RunRecord) -> list[FoldedFinding]:
    """Return what is worth knowing but needs nobody: notes, and what is acknowledged."""
    return by_severity(
        finding
        for finding in record["findings"]
        if finding["status"] == "info" or (finding["acknowledged"] and finding["status"] != "ok")
    )


def host_count(record: RunRecord) -> int:
    """Return how many hosts were looked at, without the controller itself."""
    return sum(
        (host["system"] != "" or host["remote_tasks"] > 0) and not host["missing"]
        for host in record["hosts"].values()
    )


def headline(record: RunRecord) -> str:
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


def _passed(record: RunRecord) -> str:
    to_look_at = len(open_findings(record))
    muted = sum(finding["acknowledged"] is not None for finding in record["findings"])
    if to_look_at:
        return f"Passed, {plural(to_look_at, 'finding')} to look at"
    return f"Passed, {plural(muted, 'acknowledged finding')}" if muted else "Everything is in order"
