# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hourly refresh of caches gives way to another run: that is a note, and no failure."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.lock import Lease, take

from tests.contract.runs import Controller, Run
from tools import PROJECT

pytestmark = pytest.mark.slow

SYSTEM: t.Final = "fairedge"
PLAYBOOK: t.Final = str(PROJECT / "playbooks" / "refresh_caches.yml")


@pytest.fixture
def controller(newest: Controller) -> Controller:
    """Return a controller that plays on the hosts of the demo."""
    newest.inventory = PROJECT / "inventory" / "demo.yml"

    return newest


def refresh(controller: Controller) -> Run:
    """Play the shipped playbook on this machine, with a warming that leaves a file."""
    warming = {
        "name": "opportunities",
        "user": "root",
        "folder": str(controller.scratch),
        "argv": ["/usr/bin/touch", str(warmed(controller))],
        "every_hours": 6,
    }
    here: dict[str, t.Any] = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": "/usr/bin/python3",
        "unreachable_hint": "",
        "cache_maintenance_state_file": str(controller.scratch / "state.json"),
        "system_cache_warmings": [warming],
        "system_redis_caches": [],
    }

    return controller.play(PLAYBOOK, "--limit", SYSTEM, **here)


def warmed(controller: Controller) -> Path:
    """Return the file that the warming leaves."""
    return controller.scratch / "warmed"


def test_a_refresh_that_meets_a_held_lock_ends_with_a_note(controller: Controller) -> None:
    now = time.time()
    other = Lease("20260101T000000Z-weekly", "ann", "elsewhere", "1:1", now, now + 3600)
    lock = controller.scratch / "locks" / f"{SYSTEM}.json"
    lock.parent.mkdir()
    take(lock, other, now=now)

    met = refresh(controller)
    message = [f["message"] for f in met.record["findings"] if f["check"].startswith("warming:")]

    assert met.code == 0, met.output
    assert met.record["outcome"] == "ok"
    assert set(met.findings("lock:system").values()) == {"info"}
    assert set(met.findings("warming:opportunities").values()) == {"info"}
    assert "another run holds the lock" in message[0]
    assert met.changed == set()
    assert not warmed(controller).exists()
    assert other.run_id in lock.read_text(), "the other run keeps its lock"

    lock.unlink()
    free = refresh(controller)

    assert free.code == 0, free.output
    assert warmed(controller).exists(), "the next hour makes up for it"
    assert not lock.exists()
