# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A restart after files were changed in place."""

from __future__ import annotations

import json

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
