# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No task may hang for ever: there is a last net for all, and our own modules have a limit each."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import PROJECT, yamlfiles
from upkeep.run.task_event import CONTROLLER_ACTIONS

REMOTE = {path.stem for path in PROJECT.glob("library/*.py")} - CONTROLLER_ACTIONS
TASK_FILES = sorted(PROJECT.glob("roles/*/tasks/*.yml"))


def tasks(content: Any) -> Iterator[dict[str, Any]]:
    """Yield every task of a task list, blocks looked into."""
    for task in content or []:
        yield task
        for inner in ("block", "rescue", "always"):
            yield from tasks(task.get(inner))


def test_there_is_a_last_net_for_every_task() -> None:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(PROJECT / "ansible.cfg")

    assert 0 < settings.getint("defaults", "task_timeout") <= 3600
    assert 0 < settings.getint("defaults", "timeout") <= 60


@pytest.mark.parametrize("path", TASK_FILES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_a_task_that_calls_our_module_on_a_host_has_a_limit(path: Path) -> None:
    """Also where ansible.cfg is not read."""
    endless = [
        task["name"]
        for task in tasks(yamlfiles.read(path))
        if REMOTE & set(task) and not task.get("timeout")
    ]

    assert endless == []


def test_there_are_modules_and_tasks() -> None:
    assert {"health_probe", "lock", "preflight"} <= REMOTE
    assert TASK_FILES
