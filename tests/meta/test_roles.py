# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every role keeps the shape that docs/architecture.md gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tools import PROJECT, yamlfiles

ROLES = sorted(path.name for path in (PROJECT / "roles").iterdir() if path.is_dir())
TASK_FILES = sorted(PROJECT.glob("roles/*/tasks/*.yml")) + sorted(
    PROJECT.glob("roles/*/handlers/*.yml")
)
LONGEST_TASK_FILE = 120
HIDES_FAILURE = re.compile(r"^\s*(ignore_errors:|ignore_unreachable:|failed_when:\s*false\b)")


def options(role: str) -> dict[str, Any]:
    """Return the options of all entry points of a role."""
    specs = yamlfiles.read(PROJECT / "roles" / role / "meta" / "argument_specs.yml")[
        "argument_specs"
    ]
    return {
        name: option
        for spec in specs.values()
        for name, option in (spec.get("options") or {}).items()
    }


def tasks(content: Any) -> Iterator[dict[str, Any]]:
    """Yield every task of a task list, blocks looked into."""
    for task in content or []:
        yield task
        for inner in ("block", "rescue", "always"):
            yield from tasks(task.get(inner))


def label(path: Path) -> str:
    """Return the name of a test case made from a file."""
    return path.relative_to(PROJECT).as_posix()


def test_there_are_roles() -> None:
    assert ROLES
    assert TASK_FILES


@pytest.mark.parametrize("role", ROLES)
def test_argument_spec_equals_defaults(role: str) -> None:
    defaults = yamlfiles.read(PROJECT / "roles" / role / "defaults" / "main.yml") or {}
    needed = {name for name, option in options(role).items() if not option.get("required")}
    assert set(defaults) == needed, (
        "each default has an option, each option that is not required a default"
    )


@pytest.mark.parametrize("role", ROLES)
def test_options_are_typed_described_and_named_after_the_role(role: str) -> None:
    for name, option in options(role).items():
        assert name.startswith(f"{role}_"), f"{name} must begin with the name of its role"
        assert option.get("type"), f"{name} has no type"
        assert option.get("description"), f"{name} has no description"
        assert option["type"] != "list" or option.get("elements"), f"{name} is a list of what?"


@pytest.mark.parametrize("role", ROLES)
def test_defaults_in_spec_and_in_defaults_agree(role: str) -> None:
    defaults = yamlfiles.read(PROJECT / "roles" / role / "defaults" / "main.yml") or {}
    said_twice = {
        name: option["default"] for name, option in options(role).items() if "default" in option
    }
    assert said_twice == {name: defaults[name] for name in said_twice}


@pytest.mark.parametrize("role", ROLES)
def test_role_has_page_and_scenario(role: str) -> None:
    assert (PROJECT / "roles" / role / "README.md").is_file(), (
        f"write docs/roles/{role}.md and run `make docs`"
    )
    assert (PROJECT / "molecule" / role / "molecule.yml").is_file(), f"molecule/{role} is missing"


@pytest.mark.parametrize("role", ROLES)
def test_roles_do_not_depend_on_roles(role: str) -> None:
    assert not (yamlfiles.read(PROJECT / "roles" / role / "meta" / "main.yml") or {}).get(
        "dependencies"
    )


@pytest.mark.parametrize("path", TASK_FILES, ids=label)
def test_tasks_are_named(path: Path) -> None:
    prefix = f"{path.stem.replace('_', ' ').capitalize()} | "
    for task in tasks(yamlfiles.read(path)):
        assert task.get("name"), f"a task without a name: {task}"
        if path.parent.name == "tasks" and path.stem != "main":
            assert task["name"].startswith(prefix), f"{task['name']!r} must begin with {prefix!r}"


@pytest.mark.parametrize("path", TASK_FILES, ids=label)
def test_task_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < LONGEST_TASK_FILE


def unexplained(text: str) -> list[str]:
    """Return the lines that hide a failure without a comment on the line before."""
    lines = ["", *text.splitlines()]
    return [
        line
        for before, line in pairwise(lines)
        if HIDES_FAILURE.match(line) and not before.lstrip().startswith("#")
    ]


@pytest.mark.parametrize(
    "path", [*TASK_FILES, *sorted(PROJECT.glob("playbooks/**/*.yml"))], ids=label
)
def test_failures_are_hidden_only_with_a_reason(path: Path) -> None:
    assert unexplained(path.read_text()) == []


def test_the_rule_on_hidden_failures_bites() -> None:
    assert unexplained("  ignore_errors: true\n") == ["  ignore_errors: true"]
    assert unexplained("  # The next task decides.\n  failed_when: false\n") == []
