# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The event log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upkeep.run import events


def test_what_is_appended_can_be_read(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    written = [
        events.append(log, "task", host="h", text="line\nbreak \u2028 \x00") for _ in range(2)
    ]
    assert events.read(log) == written


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(cut=st.integers(min_value=0, max_value=200))
def test_a_log_cut_anywhere_keeps_its_whole_lines(tmp_path: Path, cut: int) -> None:
    log = tmp_path / "events.jsonl"
    log.unlink(missing_ok=True)
    for number in range(3):
        events.append(log, "task", number=number)

    data = log.read_bytes()
    log.write_bytes(data[:cut])

    assert len(events.read(log)) in (data[:cut].count(b"\n"), data[:cut].count(b"\n") + 1)


def test_run_ids_sort_by_time_and_differ() -> None:
    early, late = (
        events.new_run_id("playbooks/weekly.yml", datetime(2026, 1, day, tzinfo=UTC))
        for day in (1, 2)
    )

    assert early < late
    assert early.startswith("20260101T000000Z-weekly-")
    assert len({events.new_run_id("x.yml") for _ in range(50)}) == 50


def test_a_host_is_touched_by_a_change_or_a_failure() -> None:
    statuses = {"a": "ok", "b": "changed", "c": "failed", "d": "ignored", "e": "unreachable"}
    told = [{"event": "task", "host": host, "status": status} for host, status in statuses.items()]
    told += [{"event": "task", "host": "b", "status": "ok"}, {"event": "finding", "host": "a"}]
    assert events.touched_hosts(told) == {"b", "c", "d", "e"}
