# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fold the event log of one run into its record: what was seen, changed and failed.

A log may end anywhere, come from a newer version and hold hostile text. Every value is cleaned
here, once, and nothing in a log can raise: what does not fit is counted in ``record["log"]``.
"""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

from ansible.module_utils.upkeep.findings import LINES, SEVERITY, STATUSES, fingerprint, worst

from upkeep.run import events as event_log
from upkeep.run import types as rt
from upkeep.run.clean import (
    clean,
    finite,
    line,
    lines_of,
    mapping,
    moment,
    names,
    number,
    scalar,
    stamp,
)

EVENT_KINDS: t.Final = frozenset(
    (
        "run_started",
        "play_started",
        "no_hosts",
        "task",
        "finding",
        "kpis",
        "verdict",
        "run_finished",
    )
)
#: Outcomes that a verdict may give; ``interrupted`` is what the lack of an end means.
VERDICTS: t.Final = tuple(outcome for outcome in rt.OUTCOMES if outcome != "interrupted")

Event = t.Mapping[str, t.Any]


class Task(t.TypedDict):
    """One cleaned ``task`` event."""

    host: str
    system: str
    role: str
    task: str
    play: str
    status: str
    seconds: float
    remote: int
    message: str
    diff: str


def of_folder(run_dir: Path) -> rt.RunRecord:
    """Return the record of the run whose log lies in a folder; raises OSError."""
    return of_log(event_log.read_log(run_dir / event_log.LOG_NAME), run_dir.name)


def of_log(log: event_log.Log, run_id: str) -> rt.RunRecord:
    """Return the record of a log that was read."""
    return fold(log.events, run_id=run_id, unreadable=log.unreadable)


def fold(events: t.Iterable[Event], *, run_id: str = "", unreadable: int = 0) -> rt.RunRecord:
    """Return the record of a run.

    ``run_id`` is used when the log does not name it; ``unreadable`` lines were left out.
    """
    known: list[Event] = []
    unknown = 0

    for event in events:
        if _understood(event):
            known.append(event)
        else:
            unknown += 1

    kinds: dict[str, list[Event]] = defaultdict(list)
    for event in known:
        kinds[event["event"]].append(event)

    start: Event = kinds["run_started"][0] if kinds["run_started"] else {}
    end = kinds["run_finished"][-1] if kinds["run_finished"] else None
    verdict = kinds["verdict"][-1] if kinds["verdict"] else None

    times = [when for event in known if (when := moment(event.get("time")))]
    started, last = moment(start.get("time")) or min(times, default=None), max(times, default=None)
    stages = [event for event in known if event["event"] in ("play_started", "no_hosts")]
    tasks = [_task(event) for event in kinds["task"]]
    findings = _findings(kinds["finding"], verdict)
    hosts = _hosts(start, stages, tasks, findings, verdict, end)

    return {
        "schema_version": rt.SCHEMA_VERSION,
        "run_id": line(start.get("run_id")) or line(run_id),
        "playbook": line(start.get("playbook")),
        "started": stamp(started),
        "finished": stamp(last) if end is not None else None,
        "seconds": _between(started, last),
        "outcome": _outcome(verdict, end, hosts),
        "check_mode": start.get("check") is True,
        "limit": ", ".join(names(start.get("limit"))),
        "tags": names(start.get("tags")),
        "skip_tags": names(start.get("skip_tags")),
        "core": line(start.get("core")),
        "upkeep": line(start.get("upkeep")),
        "controller": line(start.get("controller")),
        "verdict": None if verdict is None else _verdict(verdict),
        "systems": _systems(hosts, findings, tasks),
        "hosts": hosts,
        "findings": findings,
        "changes": [_change(task) for task in tasks if task["status"] == "changed"],
        "failed_tasks": [
            _failed(task)
            for task in tasks
            if task["status"] in ("failed", "unreachable", "ignored")
        ],
        "roles": _roles(tasks),
        "plays": _plays(stages, last),
        "kpis": [sample for event in kinds["kpis"] for sample in _kpis(event)],
        "log": {"events": len(known), "unknown": unknown, "unreadable": unreadable},
    }


def _understood(event: Event) -> bool:
    """Return whether this version knows what the event means; a newer log may hold others."""
    kind = event.get("event")
    if not isinstance(kind, str) or kind not in EVENT_KINDS or event.get("v") != event_log.VERSION:
        return False
    if kind == "task":
        return event.get("status") in rt.TASK_STATUSES

    return kind != "finding" or isinstance(event.get("finding"), dict)


def _between(start: datetime | None, end: datetime | None) -> float:
    return (
        0.0 if start is None or end is None else round(max((end - start).total_seconds(), 0.0), 3)
    )


def _verdict(event: Event) -> rt.RecordedVerdict:
    outcome = event.get("outcome")
    messages = event.get("messages")
    return {
        # A word from a newer version must not read as success.
        "outcome": outcome if outcome in VERDICTS else "incomplete",
        "fail_on": names(event.get("fail_on")),
        "fail_on_unknown": names(event.get("fail_on_unknown")),
        "acknowledgements": _source(mapping(event.get("acknowledgements"))),
        "failing": names(event.get("failing")),
        "messages": [clean(item) for item in messages] if isinstance(messages, list) else [],
        "show_report": event.get("show_report") is not False,
    }


def _source(given: Event) -> rt.AcknowledgementSource:
    return {
        "path": line(given.get("path")),
        "sha256": line(given.get("sha256")),
        "entries": int(number(given.get("entries"))),
    }


def _outcome(verdict: Event | None, end: Event | None, hosts: dict[str, rt.HostCounts]) -> str:
    """Return the outcome; no verdict, or one of ``ok``, does not hide what failed."""
    if end is None:
        return "interrupted"

    outcome = _verdict(verdict)["outcome"] if verdict else "incomplete"
    if outcome in ("ok", "incomplete") and any(host["unreachable"] for host in hosts.values()):
        return "unreachable"
    if outcome in ("ok", "incomplete") and any(host["failed"] for host in hosts.values()):
        return "failed"

    return outcome


def _task(event: Event) -> Task:
    return {
        "host": line(event.get("host")),
        "system": line(event.get("system")),
        "role": line(event.get("role")),
        "task": line(event.get("task")),
        "play": line(event.get("play")),
        "status": event["status"],
        "seconds": number(event.get("seconds")),
        "remote": int(number(event.get("remote"))),
        "message": clean(event.get("message")),
        "diff": clean(event.get("diff")),
    }


def _change(task: Task) -> rt.Change:
    return {
        "host": task["host"],
        "system": task["system"],
        "role": task["role"],
        "task": task["task"],
        "diff": task["diff"],
    }


def _failed(task: Task) -> rt.FailedTask:
    return {
        "host": task["host"],
        "system": task["system"],
        "role": task["role"],
        "task": task["task"],
        "play": task["play"],
        "status": task["status"],
        "message": task["message"],
    }


def _findings(events: list[Event], verdict: Event | None) -> list[rt.FoldedFinding]:
    """Return the latest finding per fingerprint, in the order first seen, with its first status."""
    acknowledged = mapping((verdict or {}).get("acknowledged"))
    latest: dict[str, rt.FoldedFinding] = {}
    for event in events:
        finding = _finding(event, acknowledged)
        earlier = latest.get(finding["fingerprint"])
        if earlier is not None:
            _remember(finding, earlier)

        latest[finding["fingerprint"]] = finding

    return list(latest.values())


def _remember(finding: rt.FoldedFinding, earlier: rt.FoldedFinding) -> None:
    """Carry the first status over when it differs from the one seen now: "was critical, now ok"."""
    had_first = earlier["first_status"] is not None
    status = earlier["first_status"] if had_first else earlier["status"]
    if status != finding["status"]:
        finding["first_status"] = status
        finding["first_observed"] = earlier["first_observed"] if had_first else earlier["observed"]


def _finding(event: Event, acknowledged: Event) -> rt.FoldedFinding:
    seen = event["finding"]
    system, host, area, check = (line(seen.get(key)) for key in ("system", "host", "area", "check"))
    mark = line(seen.get("fingerprint")) or fingerprint(system, host, area, check)
    status = seen.get("status")

    return {
        "system": system,
        "host": host,
        "area": area,
        "check": check,
        "status": status if status in STATUSES else "unknown",
        "observed": scalar(seen.get("observed")),
        "expected": scalar(seen.get("expected")),
        "limits": _limits(seen.get("limits")),
        "unit": line(seen.get("unit")),
        "message": clean(seen.get("message")),
        "lines": lines_of(seen.get(LINES)),
        "requirements": names(seen.get("requirements")),
        "fingerprint": mark,
        "play": line(event.get("play")),
        "first_status": None,
        "first_observed": None,
        "acknowledged": _acknowledgement(acknowledged.get(mark)),
    }


def _limits(value: t.Any) -> rt.FindingLimits | None:
    """Return the numbers behind ``expected``; None for anything else."""
    side = mapping(value).get("side")
    if side not in ("above", "below"):
        return None

    return {
        "warning": finite(value.get("warning")),
        "critical": finite(value.get("critical")),
        "side": side,
    }


def _bounds(value: t.Any) -> rt.Bounds | None:
    """Return the bounds of a key figure; None where there is none."""
    given = mapping(value)
    low, high = finite(given.get("at_least")), finite(given.get("at_most"))

    return None if low is None and high is None else {"at_least": low, "at_most": high}


def _kpis(event: Event) -> t.Iterator[rt.KpiSample]:
    """Yield the samples of key figures; one whose value is not a number is left out."""
    listed = event.get("samples")
    for sample in map(mapping, listed if isinstance(listed, list) else []):
        value, met = finite(sample.get("value")), sample.get("met")
        if value is None:
            continue

        system, host, kpi, title, unit = (
            line(sample.get(key)) for key in ("system", "host", "kpi", "title", "unit")
        )
        yield {
            "system": system,
            "host": host,
            "kpi": kpi,
            "title": title,
            "unit": unit,
            "target": _bounds(sample.get("target")),
            "alert": _bounds(sample.get("alert")),
            "value": value,
            "met": met if isinstance(met, bool) else None,
        }


def _acknowledgement(value: t.Any) -> rt.MutedBy | None:
    if not isinstance(value, dict):
        return None

    return {
        "owner": line(value.get("owner")),
        "reason": clean(value.get("reason")),
        "until": line(value.get("until")),
    }


def _hosts(
    start: Event,
    stages: list[Event],
    tasks: list[Task],
    findings: list[rt.FoldedFinding],
    verdict: Event | None,
    end: Event | None,
) -> dict[str, rt.HostCounts]:
    """Return every host that was expected or seen, by name.

    Counts are Ansible's own once the run has ended.
    """
    stats = mapping((end or {}).get("stats"))
    expected = names(start.get("expected"))
    planned = {host for event in stages for host in names(event.get("hosts"))}
    answered = {task["host"] for task in tasks if task["status"] != "unreachable"}
    missing = (
        set(expected) - answered if verdict is None else set(names(verdict.get("missing_hosts")))
    )
    systems = {item["host"]: item["system"] for item in (*tasks, *findings) if item["system"]}
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for task in tasks:
        counted[task["host"]][task["status"]] += 1
        counted[task["host"]]["remote"] += task["remote"]

    # A finding alone makes no host: the verdict reports about the inventory under a host name of
    # its own.
    everyone = {*planned, *expected, *missing, *counted, *names(list(stats))}

    return {
        host: _host(systems.get(host, ""), counted[host], mapping(stats.get(host)), host in missing)
        for host in sorted(everyone - {""})
    }


def _host(system: str, counted: Counter[str], stats: Event, missing: bool) -> rt.HostCounts:
    own = {
        "ok": counted["ok"] + counted["changed"] + counted["ignored"],
        "changed": counted["changed"],
        "failures": counted["failed"],
        "unreachable": counted["unreachable"],
    }
    final = {key: int(number(stats[key])) if key in stats else count for key, count in own.items()}
    # The verdict fails its own task to set the exit code; that is no failure of the host.
    final["failures"] = max(final["failures"] - (counted["verdict"] if stats else 0), 0)

    return {
        "system": system,
        "ok": final["ok"],
        "changed": final["changed"],
        "failed": final["failures"],
        "unreachable": final["unreachable"],
        "remote_tasks": counted["remote"],
        "missing": missing,
    }


def _systems(
    hosts: dict[str, rt.HostCounts], findings: list[rt.FoldedFinding], tasks: list[Task]
) -> dict[str, rt.System]:
    """Return the systems by name.

    The controller's own things are kept under ``""``, after the others.
    """
    seen: dict[str, list[rt.FoldedFinding]] = defaultdict(list)
    for finding in findings:
        seen[finding["system"]].append(finding)

    # The controller is listed only when there is something to report about it.
    noted = {task["system"] for task in tasks if task["status"] not in ("ok", "verdict")}
    named = (
        {host["system"] for host in hosts.values() if host["system"] or host["failed"]}
        | set(seen)
        | noted
    )

    return {
        name: _system(name, hosts, seen[name])
        for name in sorted(named, key=lambda name: (name == "", name))
    }


def _system(
    name: str, hosts: dict[str, rt.HostCounts], findings: list[rt.FoldedFinding]
) -> rt.System:
    areas: dict[str, list[rt.FoldedFinding]] = defaultdict(list)
    for finding in findings:
        areas[finding["area"]].append(finding)

    own = {host: facts for host, facts in hosts.items() if facts["system"] == name}
    summed = {area: _area(members) for area, members in areas.items()}
    statuses = [area["status"] for area in summed.values()]
    # Findings alone cannot tell that a task broke or that nobody answered.
    statuses += ["critical" for facts in own.values() if facts["failed"]]
    statuses += ["unknown" for facts in own.values() if facts["missing"] or facts["unreachable"]]
    if name == "" and not statuses:  # nothing is ever checked there
        statuses = ["ok"]

    counts = Counter(finding["status"] for finding in findings if not finding["acknowledged"])

    return {
        "hosts": list(own),
        "status": worst(statuses),
        "areas": summed,
        "counts": {status: counts[status] for status in SEVERITY},
        "acknowledged": sum(area["acknowledged"] for area in summed.values()),
        "notes": sum(area["notes"] for area in summed.values()),
    }


def _area(findings: list[rt.FoldedFinding]) -> rt.Area:
    """Sum an area up: what is acknowledged or a mere note counts as fine."""
    open_findings = [finding for finding in findings if not finding["acknowledged"]]
    statuses = [finding["status"] for finding in open_findings]

    return {
        "status": worst(["ok", *(status for status in statuses if status != "info")]),
        "findings": len(findings),
        "acknowledged": len(findings) - len(open_findings),
        "notes": statuses.count("info"),
    }


def _roles(tasks: list[Task]) -> list[rt.RoleTimes]:
    """Return time and remote tasks per role, slowest first."""
    seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    remote: dict[str, Counter[str]] = defaultdict(Counter)
    for task in tasks:
        seconds[task["role"]][task["host"]] += task["seconds"]
        remote[task["role"]][task["host"]] += task["remote"]

    roles: list[rt.RoleTimes] = [
        {
            "role": role,
            "seconds": round(max(by_host.values()), 3),
            "seconds_by_host": {host: round(spent, 3) for host, spent in sorted(by_host.items())},
            "remote_tasks_by_host": dict(sorted(remote[role].items())),
        }
        for role, by_host in seconds.items()
    ]

    return sorted(roles, key=lambda role: (-role["seconds"], role["role"]))


def _plays(stages: list[Event], last: datetime | None) -> list[rt.Play]:
    """Return the plays in order; each lasts until the next one starts."""
    plays: list[rt.Play] = []
    starts: list[datetime | None] = []
    for event in stages:
        name, empty = line(event.get("play")), event["event"] == "no_hosts"
        if empty and plays and plays[-1]["name"] == name:
            plays[-1]["no_hosts"] = True
            continue

        plays.append(
            {"name": name, "hosts": names(event.get("hosts")), "seconds": 0.0, "no_hosts": empty}
        )
        starts.append(moment(event.get("time")))

    for play, start, end in zip(plays, starts, [*starts[1:], last], strict=False):
        play["seconds"] = _between(start, end)

    return plays
