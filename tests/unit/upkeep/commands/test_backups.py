# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verb `backups`: what the newest runs saw of the sets, for people and for programs."""

from __future__ import annotations

import json
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import listing
from ansible.module_utils.upkeep.backup.listing import ListedSet
from ansible.module_utils.upkeep.findings import complete, finding

from tests.unit.upkeep import run_log as log
from upkeep.__main__ import main

NOW = datetime.now(UTC).replace(microsecond=0)


def stamp(hours: float) -> str:
    """Return the name of a set that was begun so long ago."""
    return (NOW - timedelta(hours=hours)).strftime("%Y%m%dT%H%M%SZ")


def line(hours: float, **values: t.Any) -> str:
    known = {"bytes": 3 << 20, "state": listing.GOOD, "verified": "2026-03-01T02:00:00Z"}
    return ListedSet(**{"name": stamp(hours), "rehearsed": "", "held": "", **known, **values}).text


def seen(host: str, area: str, check: str, message: str, lines: t.Sequence[str] = ()) -> log.Event:
    partial = finding(check, "ok", message, lines=lines)
    whole = complete(partial, system="shop", host=host, area=area)
    return log.event("finding", finding=whole, play="Look")


def keep(store: Path, run_id: str, hours: float, *events: log.Event, **facts: t.Any) -> None:
    """Keep a run that began so long ago."""
    started = (NOW - timedelta(hours=hours)).isoformat(timespec="milliseconds")[:-6] + "Z"
    run = [log.run_started(run_id=run_id, **facts), *events]
    log.write(store / "runs" / run_id, [event | {"time": started} for event in run])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store with runs of three days: the newest one saw one of two hosts."""
    root = tmp_path / "store"
    age = "the newest verified set is 2 hours old"
    for days, hosts in ((0, ["db1"]), (1, ["db1", "app1"]), (30, ["old1"])):
        events = []
        for host in hosts:
            sets = [line(24 * (days + 1) + 2, held="before the move"), line(24 * days + 2)]
            events += [
                seen(host, "backup", "backup:age", age),
                seen(host, "backup", listing.SETS, "2 sets are kept", ["noise", *sets]),
                seen(host, "restore", "rehearsal:age", f"restored {days} days ago"),
            ]
        keep(root, f"run-{days}", 24 * days + 1, *events)
    keep(root, "hour", 0.5, playbook="playbooks/hourly.yml")

    return root


def printed(capsys: pytest.CaptureFixture[str], store: Path, *arguments: str) -> t.Any:
    assert main(["backups", *arguments, "--store", str(store), "--json"]) == 0

    return json.loads(capsys.readouterr().out)


def test_each_host_has_what_the_newest_run_saw(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app, database = printed(capsys, store)

    assert (app["host"], app["run_id"]) == ("app1", "run-1")
    assert (database["host"], database["run_id"]) == ("db1", "run-0")
    assert database["rehearsal"] == "restored 0 days ago"

    newest, oldest = database["sets"]

    assert newest["set"] == stamp(2)
    assert newest["bytes"] == 3 << 20
    assert 2 <= newest["age_hours"] < 3
    assert newest["verified"] == "2026-03-01T02:00:00Z"
    assert newest["rehearsed"] is None
    assert oldest["held"] == "before the move"


@pytest.mark.parametrize(
    ("asked", "hosts"),
    [
        (["--host", "db1"], ["db1"]),
        (["--system", "shop"], ["app1", "db1"]),
        (["--system", "other"], []),
        (["--days", "1"], ["db1"]),
        (["--days", "60"], ["app1", "db1", "old1"]),
    ],
)
def test_sets_can_be_chosen(
    store: Path, capsys: pytest.CaptureFixture[str], asked: list[str], hosts: list[str]
) -> None:
    assert [one["host"] for one in printed(capsys, store, *asked)] == hosts


def test_people_get_a_line_for_each_set(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backups", "--host", "db1", "--store", str(store)]) == 0

    heading, rehearsal, newest, oldest = capsys.readouterr().out.splitlines()

    assert heading.startswith("shop  db1  ok: the newest verified set is 2 hours old  (seen ")
    assert rehearsal == "    rehearsal: restored 0 days ago"
    assert f"{stamp(2)}       3 MiB" in newest
    assert "good        verified 2026-03-01  rehearsed never" in newest
    assert oldest.endswith("held: before the move")
