# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real worker and beat are seen, and what a purge takes out comes back as it was."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

Finding = dict[str, t.Any]
Runs = Callable[[str], list[Path]]
HOST: t.Final = "fairedge-1"
WHOLE: t.Final = ["--extra-vars", "task_queue_queue=planted"]


@pytest.fixture(scope="module")
def seen(findings: list[Finding]) -> dict[str, Finding]:
    """Return the findings of the last converge by aspect."""
    return {item["check"].partition(".")[2]: item for item in findings}


@pytest.fixture
def change(play: t.Any, tmp_path: Path) -> Callable[..., t.Any]:
    """Return a function that makes one change with what the scenario's converge is given."""
    content = (Path(__file__).parents[1] / "converge.yml").read_text()
    given = tmp_path / "given.yml"
    block = content.partition("  vars:\n")[2].partition("  roles:\n")[0]
    given.write_text("---\n" + re.sub(r"^    ", "", block, flags=re.MULTILINE))

    return lambda stem, *arguments: play(stem, "--extra-vars", f"@{given}", *arguments)


@pytest.mark.requirement("R-fairedge-63", "R-fairedge-64", "R-fairedge-65", "R-fairedge-68")
@pytest.mark.parametrize(
    ("aspect", "status"),
    [
        ("", "ok"),
        ("queue_celery", "ok"),
        ("queue_planted", "warning"),
        ("queue_planted.workers", "critical"),
        ("workers", "ok"),
        ("active", "ok"),
        ("scheduled", "ok"),
        ("statistics", "ok"),
        ("running_odds_refresh", "ok"),
        ("visibility_timeout", "ok"),
        ("in_hand", "ok"),
        ("oldest", "ok"),
        ("beat", "ok"),
        ("beat.last_run", "ok"),
        ("results", "ok"),
        ("failed", "warning"),
    ],
)
def test_what_there_is_is_seen(seen: dict[str, Finding], aspect: str, status: str) -> None:
    assert seen[aspect]["status"] == status, seen[aspect]


@pytest.mark.requirement("R-fairedge-73")
def test_the_failed_task_is_named(seen: dict[str, Finding]) -> None:
    assert "planted (ValueError, planted)" in seen["failed"]["message"]


@pytest.mark.requirement("R-fairedge-67")
def test_a_purge_needs_a_confirmation_and_can_be_taken_back(
    change: t.Any, fleet_host: t.Any, runs: Runs
) -> None:
    host = fleet_host(HOST)
    refused = change("purge_queue", *WHOLE)
    left = host.check_output("redis-cli LLEN planted")
    purged = change("purge_queue", *WHOLE, "--extra-vars", "upkeep_confirm_production=fairedge")
    empty = host.check_output("redis-cli LLEN planted")
    copy = _copy(runs("purge-queue")[-1])
    back = change("put_back_queue", "--extra-vars", f"task_queue_copy={copy}")
    again = change("put_back_queue", "--extra-vars", f"task_queue_copy={copy}")

    assert refused.returncode != 0
    assert "upkeep_confirm_production=fairedge" in refused.stdout
    assert left == "3"
    assert empty == "0", purged.stdout
    assert host.check_output("redis-cli LRANGE planted 0 -1").split() == ["three", "two", "one"]
    assert "3 tasks were put back" in back.stdout
    assert "0 tasks were put back" in again.stdout


def test_only_queues_of_the_profile_are_purged(change: t.Any, fleet_host: t.Any) -> None:
    confirmed = "upkeep_confirm_production=fairedge task_queue_queue=unacked_index"
    refused = change("purge_queue", "--extra-vars", confirmed)

    assert refused.returncode != 0
    assert "the profile allows 'celery', 'planted'" in refused.stdout


@pytest.mark.requirement("R-fairedge-74")
def test_a_task_that_did_not_fail_is_not_started_again(change: t.Any) -> None:
    done = change("retry_tasks", "--extra-vars", "task_queue_task=user_cleanup")

    assert "no failed task user_cleanup is left" in done.stdout


def _copy(run: Path) -> str:
    """Return the name of the copy that a run made."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    messages = [
        event["finding"]["message"]
        for event in events
        if event["event"] == "finding" and event["finding"]["area"] == "task_queue"
    ]
    found = re.search(r"saved as (\S+)", " ".join(messages))
    assert found, messages

    return found[1].rstrip(".;")
