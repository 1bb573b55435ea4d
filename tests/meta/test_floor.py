# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Only the floor opens files by name, and topics import the floor, not each other."""

from __future__ import annotations

import ast
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.meta.conftest import PROJECT

UPKEEP: t.Final = PROJECT / "module_utils" / "upkeep"
SOURCES: t.Final = sorted((*(PROJECT / "library").glob("*.py"), *UPKEEP.rglob("*.py")))
#: Methods and functions that open a file by its name.
OPENING: t.Final = frozenset(
    (
        "open", "read_text", "read_bytes", "write_text", "write_bytes", "touch", "copy", "copy2",
        "copyfile", "copytree", "mkstemp", "NamedTemporaryFile",
    )
)  # fmt: skip
#: Of these names nothing that is called so opens a file; an ``opener`` is one of addresses.
HARMLESS: t.Final = frozenset(("files", "copy", "archive", "opener"))
#: What starts a copy of this process, or a shell.
FORKING: t.Final = frozenset(("fork", "forkpty", "system", "popen", "Process", "Pool"))
#: What every topic may import.
FLOOR: t.Final = frozenset(("base", "findings", "acceptance", "cadence", "lock"))
#: A topic that uses another one, by a decision.
NEIGHBOURS: t.Final = frozenset(
    (
        ("backup", "postgresql"),
        ("data_quality", "postgresql"),
        ("restore", "backup"),
        ("restore", "postgresql"),
        ("database_reader", "postgresql"),
        ("model_update", "model_verification"),
        ("model_update", "switching"),
        ("predictor_deploy", "switching"),
        ("rollback", "predictor_deploy"),
        ("rollback", "switching"),
        ("self_heal", "health_check"),
    )
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_files_are_opened_by_the_floor_alone(path: Path) -> None:
    if path.is_relative_to(UPKEEP / "base"):
        return

    found = [f"{path.name}:{line} {name}" for name, line in opening_calls(path.read_text())]

    assert found == [], "use upkeep.base.files"


def opening_calls(source: str) -> Iterator[tuple[str, int]]:
    """Yield the calls that open a file by its name, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name("open"):
                yield "open", node.lineno
            case ast.Attribute(ast.Name(module), name) if name in OPENING:
                if module not in HARMLESS:
                    yield f"{module}.{name}", node.lineno
            case ast.Attribute(_, name) if name in OPENING:
                yield name, node.lineno


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("open('x')", ["open"]),
        ("os.open('x', 0)", ["os.open"]),
        ("Path('x').read_text()", ["read_text"]),
        ("path.open()", ["path.open"]),
        ("(a / b).write_bytes(c)", ["write_bytes"]),
        ("gzip.open(x)", ["gzip.open"]),
        ("shutil.copy2(a, b)", ["shutil.copy2"]),
        ("files.read_text('x', 1); os.fdopen(3); copy.copy(x); read_text('x', 1)", []),
    ],
)
def test_the_rule_on_opening_bites(source: str, found: list[str]) -> None:
    assert [name for name, _ in opening_calls(source)] == found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_only_isolated_forks_and_nothing_starts_a_shell(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    called = {
        node.func.attr
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    with_shell = [
        node.lineno
        for node in nodes
        if isinstance(node, ast.Call)
        for key in node.keywords
        if key.arg == "shell" and not (isinstance(key.value, ast.Constant) and not key.value.value)
    ]

    assert with_shell == []
    assert not called & FORKING or path == UPKEEP / "base" / "isolated.py"


@pytest.mark.parametrize(
    "path", sorted(UPKEEP.rglob("*.py")), ids=lambda path: str(path.relative_to(UPKEEP))
)
def test_topics_do_not_import_each_other(path: Path) -> None:
    parts = path.relative_to(UPKEEP).parts
    topic = parts[0] if len(parts) > 1 else ""

    for module in imported(path.read_text(), parts[:-1]):
        other = module.partition(".")[0]
        allowed = {topic} if topic == "base" else {topic, *FLOOR}
        assert other in allowed or (topic, other) in NEIGHBOURS, f"{path}: {module}"


def imported(source: str, folders: tuple[str, ...]) -> Iterator[str]:
    """Yield what a file of ``folders`` imports of Upkeep, as a path below module_utils/upkeep."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = node.module or ""
        if node.level:
            base = folders[: len(folders) - node.level + 1]
            names = [*base, *module.split(".")] if module else list(base)
            if len(names) == 0:  # from .. import findings
                yield from (alias.name for alias in node.names)
            else:
                yield ".".join(names)
        elif module.startswith("ansible.module_utils.upkeep"):
            raise AssertionError(f"line {node.lineno}: import {module} relatively")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from .plan import x", ["health_check.kinds.plan"]),
        ("from ..check import x", ["health_check.check"]),
        ("from ... import findings, lock", ["findings", "lock"]),
        ("from ...base.text import x", ["base.text"]),
        ("from ...lock import x", ["lock"]),
        ("import os", []),
    ],
)
def test_imports_are_seen_as_they_are_meant(source: str, found: list[str]) -> None:
    assert list(imported(source, ("health_check", "kinds"))) == found


#: Modules that run on hosts.
ON_HOSTS: t.Final = sorted(
    path for path in (PROJECT / "library").glob("*.py") if "def main()" in path.read_text()
)


def test_there_are_modules_for_hosts() -> None:
    assert len(ON_HOSTS) >= 12


@pytest.mark.parametrize("path", ON_HOSTS, ids=lambda path: path.stem)
def test_a_module_ends_itself_and_what_it_started(path: Path) -> None:
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert "bounded" in called, "use upkeep.base.bounded"
