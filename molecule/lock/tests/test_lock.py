# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stale lease is taken over and reported; the lease then names this run."""

from __future__ import annotations

import json
import typing as t

LEASE = "/var/lib/upkeep/locks/fairedge.json"


def test_the_stale_lease_was_taken_over(runs: t.Callable[[str], list[t.Any]]) -> None:
    lines = (runs("converge")[0] / "events.jsonl").read_text().splitlines()
    checked = [e["finding"] for e in map(json.loads, lines) if e["event"] == "finding"]

    assert [(f["check"], f["status"]) for f in checked] == [("lock:system", "ok")], (
        "check mode only looks"
    )

    lines = (runs("converge")[1] / "events.jsonl").read_text().splitlines()
    taken = [e["finding"] for e in map(json.loads, lines) if e["event"] == "finding"]

    assert [(f["check"], f["status"]) for f in taken] == [("lock:system", "info")]
    assert "dead" in taken[0]["observed"]


def test_the_lease_names_the_last_run(host: t.Any, runs: t.Callable[[str], list[t.Any]]) -> None:
    lease = json.loads(host.file(LEASE).content_string)

    assert lease["run_id"] == runs("converge")[-1].name
    assert len(lease["machine"]) in (0, 32)  # none where the controller has no machine id
    assert lease["expires_at"] - lease["taken_at"] > 14400 + 1800, "it was renewed"
    assert host.file(LEASE).user == "root"


def test_a_run_that_loses_the_lock_changes_nothing_more(
    play: t.Callable[..., t.Any], host: t.Any, runs: t.Callable[[str], list[t.Any]]
) -> None:
    done = play("converge", "-e", "lose_lock=true")

    assert done.returncode != 0
    assert "This run no longer holds the lock of fairedge" in done.stdout
    assert "Something is changed" not in done.stdout
    assert json.loads(host.file(LEASE).content_string)["run_id"] == "another"

    lines = (runs("converge")[-1] / "events.jsonl").read_text().splitlines()
    found = [e["finding"] for e in map(json.loads, lines) if e["event"] == "finding"]
    assert found[-1]["check"] == "lock:system"
    assert found[-1]["status"] == "critical"


def test_a_lease_of_another_run_is_respected(play: t.Callable[..., t.Any], host: t.Any) -> None:
    done = play("converge")

    assert "This run no longer holds the lock of fairedge" in done.stdout
    assert json.loads(host.file(LEASE).content_string)["run_id"] == "another"
