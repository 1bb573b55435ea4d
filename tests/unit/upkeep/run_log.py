# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Event logs as the callback writes them, made for tests: small, complete and easy to vary."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible.module_utils.upkeep.findings import complete, finding

START = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
RUN_ID = "20260301T040000Z-weekly-1f3a9c"

Event = dict[str, t.Any]


def event(kind: str, after: float = 0.0, **fields: t.Any) -> Event:
    """Return one event, ``after`` seconds from the start of the run."""
    when = (
        (START + timedelta(seconds=after)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
    return {"v": 1, "event": kind, "time": when, **fields}


def run_started(**fields: t.Any) -> Event:
    facts = {
        "run_id": RUN_ID,
        "playbook": "playbooks/weekly.yml",
        "check": False,
        "diff": True,
        "limit": "",
        "tags": ["all"],
        "skip_tags": [],
        "core": "2.21.5",
        "controller": "control.example.org",
    }
    return event("run_started", **{**facts, **fields})


def task(
    host: str,
    system: str,
    role: str,
    name: str,
    status: str = "ok",
    after: float = 1.0,
    **fields: t.Any,
) -> Event:
    facts = {"action": "command", "seconds": 0.5, "remote": 1, "play": "Look"}
    return event(
        "task",
        after,
        host=host,
        system=system,
        role=role,
        task=name,
        status=status,
        **{**facts, **fields},
    )


def seen(
    check: str,
    status: str = "ok",
    message: str = "As it should be.",
    *,
    host: str = "fairedge",
    system: str = "fairedge",
    area: str = "health_check",
    after: float = 2.0,
    play: str = "Look",
    **fields: t.Any,
) -> Event:
    """Return a ``finding`` event with a full finding."""
    full = complete(finding(check, status, message, **fields), system=system, host=host, area=area)
    return event("finding", after, play=play, finding=full)


def verdict(outcome: str = "ok", **fields: t.Any) -> Event:
    facts = {
        "fail_on": ["critical"],
        "failing": [],
        "acknowledged": {},
        "missing_hosts": [],
        "messages": [],
    }
    return event("verdict", 58.0, outcome=outcome, **{**facts, **fields})


def run_finished(**stats: dict[str, int]) -> Event:
    return event("run_finished", 60.0, stats=stats)


def counts(
    ok: int = 0, changed: int = 0, failures: int = 0, unreachable: int = 0
) -> dict[str, int]:
    """Return the counts of one host as Ansible sums them up."""
    facts = {"ok": ok, "changed": changed, "failures": failures, "unreachable": unreachable}
    return {**facts, "skipped": 0, "ignored": 0, "rescued": 0}


def weekly() -> list[Event]:
    """Return a whole weekly run: one finding repaired, one acknowledged, one change."""
    hyperopt = {"system": "hyperopt", "host": "hyperopt-db"}
    late = seen(
        "database:hyperopt.vacuum",
        "warning",
        "Vacuum is late.",
        **hyperopt,
        observed=9,
        expected="at most 7",
        unit="days",
    )
    known = {
        late["finding"]["fingerprint"]: {
            "owner": "on-call",
            "reason": "bigger disk is ordered",
            "until": "2026-12-31",
        }
    }

    return [
        run_started(),
        event("play_started", 0.5, play="Look", hosts=["fairedge", "hyperopt-db"]),
        task("fairedge", "fairedge", "health_check", "Probe", seconds=2.5),
        task("hyperopt-db", "hyperopt", "health_check", "Probe", seconds=1.25),
        seen(
            "http:api",
            "critical",
            "The API answered 502.",
            observed=502,
            expected=200,
            requirements=["R-fairedge-01"],
        ),
        seen("filesystem:/", observed=41.5, expected="at most 80", unit="%"),
        late,
        event("play_started", 20, play="Change", hosts=["fairedge"]),
        task(
            "fairedge",
            "fairedge",
            "log_rotation",
            "Write the file",
            "changed",
            after=22,
            diff="-old\n+new",
            play="Change",
        ),
        event("play_started", 30, play="Look again", hosts=["fairedge", "hyperopt-db"]),
        seen(
            "http:api",
            after=32,
            play="Look again",
            observed=200,
            expected=200,
            requirements=["R-fairedge-01"],
        ),
        verdict(acknowledged=known),
        run_finished(**{"fairedge": counts(ok=2, changed=1), "hyperopt-db": counts(ok=1)}),
    ]


def lines(events: t.Iterable[Event]) -> bytes:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in events).encode()


def write(folder: Path, events: t.Iterable[Event]) -> Path:
    """Write a run's folder with its event log and return the folder."""
    folder.mkdir(parents=True)
    (folder / "events.jsonl").write_bytes(lines(events))
    return folder
