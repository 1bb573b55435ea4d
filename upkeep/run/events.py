# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The event log of a run: one JSON object a line, appended as things happen.

Every line carries ``v`` (schema version), ``event`` (its kind) and ``time`` (ISO 8601, UTC). The
log is the truth of a run: record, report and verdict are read from it, so it is flushed line by
line and survives a kill.
"""

from __future__ import annotations

import json
import os
import typing as t
from datetime import UTC, datetime
from pathlib import Path

from upkeep import private

VERSION: t.Final = 1
LOG_NAME: t.Final = "events.jsonl"
#: Beside the log: why hosts did not answer a task whose result is not shown.
SILENCE_NAME: t.Final = "silence.jsonl"
#: Set by the callback in the controller process; forked workers (action plugins) inherit both.
ENV_RUN_ID: t.Final = "UPKEEP_RUN_ID"
ENV_RUN_DIR: t.Final = "UPKEEP_RUN_DIR"
#: Why nothing of this run can be kept; set by the callback, and only then.
ENV_TROUBLE: t.Final = "UPKEEP_TROUBLE"

Event = dict[str, t.Any]


def timestamp(moment: datetime | None = None) -> str:
    """Return the moment (default: now) as ISO 8601 UTC with milliseconds, e.g.

    ``2026-01-31T23:59:59.123Z``.
    """
    moment = moment or datetime.now(UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_run_id(playbook: str, moment: datetime | None = None) -> str:
    """Return a sortable, unique id such as ``20260131T235959Z-weekly-1f3a9c``."""
    moment = moment or datetime.now(UTC)
    name = name_in_id(Path(playbook).stem)
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}-{name}-{os.urandom(3).hex()}"


def name_in_id(stem: str) -> str:
    """Return how a playbook is called within the ids of its runs."""
    return "".join(c if c.isalnum() else "-" for c in stem)[:40]


def current_run_id() -> str | None:
    """Return the id of the run this controller process belongs to.

    None when the callback is not active.
    """
    return os.environ.get(ENV_RUN_ID)


def current_log() -> Path | None:
    """Return the path of this run's event log; None when the callback is not active."""
    folder = os.environ.get(ENV_RUN_DIR)
    return Path(folder) / LOG_NAME if folder else None


def append(path: Path, event: str, **fields: t.Any) -> Event:
    """Append one event and return it as written; raises OSError when the log cannot be written."""
    line = {"v": VERSION, "event": event, "time": timestamp(), **fields}
    with private.open_to_append(path) as log:
        log.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    return line


class Log(t.NamedTuple):
    """What a log file holds: its events, and how many lines are not a JSON object."""

    events: list[Event]
    unreadable: int


def read_log(path: Path) -> Log:
    """Return the events of a log; raises OSError.

    A damaged line (a kill in the middle of a write) is counted and left out, the rest is kept.
    """
    with path.open("rb") as lines:
        return parse_log(lines)


def parse_log(lines: t.Iterable[bytes]) -> Log:
    """Return the events of the lines of a log."""
    events: list[Event] = []
    unreadable = 0

    for line in lines:
        event = _parse(line)
        if event is not None:
            events.append(event)
        elif line.strip():
            unreadable += 1

    return Log(events, unreadable)


def _parse(line: bytes) -> Event | None:
    try:
        event = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None

    return event if isinstance(event, dict) else None


def read(path: Path) -> list[Event]:
    """Return the events of a log that name their kind; raises OSError."""
    return [event for event in read_log(path).events if "event" in event]


def silence(log: Path, host: str, task: str) -> str:
    """Return why a host did not answer a task whose result is hidden; '' when not known."""
    notes = log.with_name(SILENCE_NAME)
    found = [
        event["reason"]
        for event in (read(notes) if notes.exists() else ())
        if (event.get("host"), event.get("task")) == (host, task)
    ]

    return str(found[-1]) if found else ""


def broken_hosts(events: t.Iterable[Event]) -> set[str]:
    """Return the hosts on which a task failed or that could not be reached."""
    return {
        e["host"]
        for e in events
        if e["event"] == "task" and e["status"] in ("failed", "unreachable")
    }


def touched_hosts(events: t.Iterable[Event]) -> set[str]:
    """Return the hosts where something was changed, or where a task broke off."""
    return {e["host"] for e in events if e["event"] == "task" and e["status"] != "ok"}
