# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A restart after files were changed in place."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.switching.restarting import before_change, restart_and_confirm

from tests.unit.module_utils.switching.conftest import UNIT, Service


def change(service: Service, **told: object) -> None:
    """Change the files that the service reads at its start."""
    (service.folder / "before" / "app.json").write_text(json.dumps({"version": "new", **told}))


def test_what_was_changed_serves_and_is_confirmed(service: Service) -> None:
    before = before_change(service.server())
    change(service)

    seen = restart_and_confirm(service.server(), before)

    assert seen.problem == ""
    assert service.answer()["version"] == "new"


def test_another_answer_is_not_confirmed(service: Service) -> None:
    before = before_change(service.server())
    change(service, value=9.5)

    assert "as before" in restart_and_confirm(service.server(), before).problem


def test_what_does_not_start_is_a_problem(service: Service) -> None:
    before = before_change(service.server())
    change(service, crash=True)

    assert "after the restart" in restart_and_confirm(service.server(), before).problem


def test_a_systemd_that_refuses_is_a_problem(service: Service) -> None:
    service.systemd.refused.add(UNIT)

    assert (
        "refused" in restart_and_confirm(service.server(), before_change(service.server())).problem
    )


def test_a_worker_has_the_time_that_systemd_gives_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good model was taken back where a worker may take ten minutes to finish its tasks."""
    state: dict[str, str] = {"ActiveState": "active", "SubState": "running", "NRestarts": "0"}
    given: dict[str, float] = {}

    def limited(units: t.Sequence[str], *_: t.Any) -> dict[str, dict[str, str]]:
        return {
            unit: {**state, "TimeoutStopUSec": "10min" if unit == "worker.service" else "2min"}
            for unit in units
        }

    def restart(unit: str, deadline: Deadline) -> None:
        given[unit] = deadline.left
        if unit == UNIT:
            service.systemd.restart(unit)

    monkeypatch.setattr(systemd, "show", limited)
    monkeypatch.setattr(systemd, "restart", restart)
    before = before_change(service.server())

    seen = restart_and_confirm(service.server(), before, ["worker.service"])

    assert seen.problem == ""
    assert given["worker.service"] > 600
    assert given[UNIT] > 120
