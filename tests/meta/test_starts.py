# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A playbook that has nothing to ship starts few modules on a host.

Counted in the playbooks as they are, so that no host is needed: every task that is imported counts
as if its condition held. What is included counts for nothing: those tasks are read only where there
is something to do. ``tests/fleet/test_deployments.py`` holds the record of a run against the same
number.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.runs import MOST_STARTS
from tools import PROJECT, yamlfiles
from upkeep.run.task_event import CONTROLLER_ACTIONS

SHIPPING: t.Final = ("deploy_predictor", "roll_back", "update_model", "return_model")
_PREFIX: t.Final = "ansible.builtin."
_IMPORTS: t.Final = ("import_tasks", "import_role")
_INCLUDES: t.Final = ("include_tasks", "include_role")
#: Keys of a task that are no actions, as far as these files use them.
_KEYWORDS: t.Final = frozenset(
    (
        *("name", "when", "vars", "register", "timeout", "delegate_to", "until", "retries"),
        *("delay", "failed_when", "changed_when", "check_mode", "run_once", "tags", "loop"),
        *("loop_control", "become", "become_user", "no_log", "environment", "ignore_errors"),
    )
)

Task = dict[str, t.Any]


def tasks_of(playbook: Path) -> Iterator[tuple[str, Task, Path]]:
    """Yield action, task and folder of everything that a playbook imports."""
    for play in yamlfiles.read(playbook):
        if imported := play.get(f"{_PREFIX}import_playbook"):
            yield from tasks_of(playbook.parent / imported)
        for key in ("pre_tasks", "tasks", "post_tasks"):
            yield from imported_tasks(play.get(key) or [], playbook.parent)


def imported_tasks(tasks: list[Task], folder: Path) -> Iterator[tuple[str, Task, Path]]:
    """Yield action, task and folder of tasks, of those in blocks, and of what they import."""
    for task in tasks:
        if "block" in task:
            parts = (task.get(key) or [] for key in ("block", "rescue", "always"))
            yield from imported_tasks([one for part in parts for one in part], folder)
            continue

        [key] = task.keys() - _KEYWORDS
        action, given = key.removeprefix(_PREFIX), task[key]
        if action == "import_role":
            inner = PROJECT / "roles" / given["name"] / "tasks"
            name = f"{given.get('tasks_from', 'main')}.yml"
            yield from imported_tasks(yamlfiles.read(inner / name), inner)
        elif action == "import_tasks":
            yield from imported_tasks(yamlfiles.read(folder / given), folder)
        else:
            yield action, task, folder


@pytest.mark.parametrize("name", SHIPPING)
def test_nothing_to_ship_starts_few_modules(name: str) -> None:
    found = list(tasks_of(PROJECT / "playbooks" / f"{name}.yml"))
    remote = [
        task["name"]
        for action, task, _ in found
        if action not in CONTROLLER_ACTIONS and action not in _INCLUDES
    ]

    assert remote, "nothing was counted"
    assert len(remote) <= MOST_STARTS, remote


@pytest.mark.parametrize("name", SHIPPING)
def test_what_is_included_has_a_condition(name: str) -> None:
    """Without one it is done each time, and would have to be counted."""
    included = [
        task
        for action, task, folder in tasks_of(PROJECT / "playbooks" / f"{name}.yml")
        if action in _INCLUDES and folder != PROJECT / "playbooks"
    ]

    assert [task["name"] for task in included if "when" not in task] == []
