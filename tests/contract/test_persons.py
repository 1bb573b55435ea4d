# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hook ``escalate`` is called wherever a person must step in, and nowhere else.

``announce`` is called once more where a way back is done.

One run plays the task files of the roles with stand-ins for their modules: a host for each way in
which a change may go wrong.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from tests.contract.conftest import NEWEST
from tests.contract.runs import HERE, Controller

pytestmark = pytest.mark.slow

BAD: t.Final = {"upkeep_recorded": [{"status": "critical", "message": "a suite fails"}]}
GOOD: t.Final = {"upkeep_recorded": [{"status": "ok", "message": "it passes"}]}
DONE: t.Final = {"done": True, "changed": True, "upkeep_recorded": [{"message": "Done: it serves"}]}
REFUSED: t.Final = {"done": False, "upkeep_recorded": [{"message": "it was refused"}]}
KILLED: t.Final = {"failed": True, "msg": "the module was killed"}

#: Host -> role, file of its tasks, what its modules answer, what a person is told ('' for nothing).
CASES: t.Final[dict[str, tuple[str, str, dict[str, t.Any], str]]] = {
    "smoke-passes": ("predictor_deploy", "smoke", {"app_tests": GOOD}, ""),
    "smoke-taken-back": (
        "predictor_deploy",
        "smoke",
        {"app_tests": BAD, "rollback": DONE},
        "the smoke tests failed: Done: it serves",
    ),
    "smoke-not-back": (
        "predictor_deploy",
        "smoke",
        {"app_tests": BAD, "rollback": KILLED},
        "the smoke tests failed: the module was killed",
    ),
    "back-smoke-passes": ("rollback", "smoke", {"app_tests": GOOD}, ""),
    "back-smoke-fails": (
        "rollback",
        "smoke",
        {"app_tests": BAD},
        "the release serves again, and the smoke tests fail there as well",
    ),
    "back": ("rollback", "main", {"rollback": DONE, "app_tests": GOOD}, ""),
    "not-back": ("rollback", "main", {"rollback": REFUSED}, "it was refused"),
    "back-killed": ("rollback", "main", {"rollback": KILLED}, "the module was killed"),
    "failover": ("failover_test", "test", {"failover_test": DONE}, ""),
    "failover-none": ("failover_test", "test", {"failover_test": REFUSED}, "it was refused"),
    "failover-killed": (
        "failover_test",
        "test",
        {"failover_test": KILLED},
        "the module was killed",
    ),
    "model-back": (
        "model_update",
        "settle",
        {"model_update": DONE},
        "model-refused could not be updated (it is lost); model-back: Done: it serves",
    ),
    "model-not-back": (
        "model_update",
        "settle",
        {"model_update": KILLED},
        "model-refused could not be updated (it is lost); model-not-back: the module was killed",
    ),
    "record": ("model_update", "settle", {"model_manifest_write": GOOD}, ""),
    "record-not-written": (
        "model_update",
        "settle",
        {"model_manifest_write": KILLED},
        "the model serves, and the trusted record was not replaced",
    ),
}
SERVES: t.Final = {"__model_update_served": {}, "__model_update_changed": True}


def inventory() -> dict[str, t.Any]:
    """Return the hosts; of the group ``models`` one could not be updated, and two go back."""
    hosts: dict[str, dict[str, t.Any]] = {
        name: {"role": role, "entry": entry, "answers": answers}
        for name, (role, entry, answers, _) in CASES.items()
    }
    settling = {name for name, (role, *_) in CASES.items() if role == "model_update"}
    for name in settling:
        hosts[name] |= SERVES
    alone = {name for name in settling if name.startswith("record")}
    for name in alone:
        hosts[name]["model_update_system"] = f"system_{name.replace('-', '_')}"
    hosts["model-refused"] = {}

    together = {name: {} for name in (*(settling - alone), "model-refused")}
    groups = {hosts[name]["model_update_system"]: {"hosts": {name: {}}} for name in alone}

    return {
        "all": {
            "vars": {
                "ansible_connection": "local",
                "ansible_become": False,
                "model_update_system": "models",
            },
            "children": {
                "systems": {"hosts": hosts},
                "models": {"hosts": together},
                **groups,
            },
        }
    }


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return hook and host -> what it was told."""
    scratch = tmp_path_factory.mktemp("persons")
    notes = scratch / "told"
    hook = scratch / "hook"
    hook.write_text(f'#!/bin/sh\nprintf "%s\\t%s\\t%s\\n" "$1" "$3" "$5" >>{notes}\n')
    hook.chmod(0o700)
    hosts = scratch / "hosts.json"
    hosts.write_text(json.dumps(inventory()))
    controller = Controller(NEWEST, scratch, inventory=Path(hosts))

    run = controller.play(str(HERE / "persons" / "called.yml"), hook=str(hook))

    assert "PLAY RECAP" in run.output, run.output[-3000:]
    found: dict[str, list[str]] = {}
    for line in notes.read_text().splitlines():
        name, host, text = line.split("\t")
        found.setdefault(f"{name} {host}", []).append(text)

    return found


@pytest.mark.parametrize("case", list(CASES))
def test_a_person_is_called_where_one_must_step_in(told: dict[str, list[str]], case: str) -> None:
    *_, text = CASES[case]

    assert told.get(f"escalate {case}", []) == ([text] if text else [])


def test_a_way_back_that_is_done_is_announced(told: dict[str, list[str]]) -> None:
    began = "goes back to an earlier release"

    assert told["announce back"] == [began, "Done: it serves"]
    assert told["announce not-back"] == [began]
