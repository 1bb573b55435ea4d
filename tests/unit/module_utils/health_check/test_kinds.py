# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every kind of check must have."""

from __future__ import annotations

import ast
import importlib
import typing as t
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.health_check import kinds
from ansible.module_utils.upkeep.health_check.check import Check
from ansible.module_utils.upkeep.health_check.kinds import HOLDING_CHANGE, KINDS
from ansible.module_utils.upkeep.health_check.options import CHECK, OPTIONS

from tests.unit.module_utils.health_check.checks import parse
from tools import PROJECT
from tools.kinds import with_entries

FOLDER: t.Final = Path(kinds.__file__).parent
ENGINE: t.Final = (
    "attempt", "check", "debounce", "findings", "kind", "options", "run", "scheduler", "settings",
    "state", "workers",
)  # fmt: skip


def sample(kind: str) -> Check:
    """Return a check of a kind with every aspect: the SAMPLE of the kind's test file."""
    tests = importlib.import_module(f"tests.unit.module_utils.health_check.kinds.test_{kind}")

    return parse({"name": "x", "kind": kind, **tests.SAMPLE})


def options_within(options: Mapping[str, t.Any], place: str = "") -> Iterator[tuple[str, t.Any]]:
    for name, spec in options.items():
        yield f"{place}{name}", spec
        yield from options_within(spec.get("options", {}), f"{place}{name}.")


def test_every_file_of_the_folder_is_a_kind_and_reaches_hosts() -> None:
    tree = ast.parse((FOLDER / "__init__.py").read_text())
    imports = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module is None
    ]
    files = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")

    assert list(KINDS) == files, "run `make docs`"
    assert [name.name for node in imports for name in node.names] == files


@pytest.mark.parametrize("name", KINDS)
def test_every_option_is_described(name: str) -> None:
    options = dict(options_within(KINDS[name].options))

    assert [place for place, spec in options.items() if not spec["description"]] == []
    assert set(KINDS[name].options).isdisjoint(CHECK)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_describes_each_of_its_findings(name: str) -> None:
    check = sample(name)
    due = {check.id, *KINDS[name].names(check)}

    rows = list(KINDS[name].describe(check))

    described = {row.finding for row in rows}
    own = set() if name in ("filesystem", "top") else {check.id}
    assert described >= due - {check.id} | own
    assert all(row.asks and row.warning and row.critical for row in rows)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_a_line_in_the_table_of_kinds(name: str) -> None:
    page = (PROJECT / "roles" / "health_check" / "README.md").read_text()
    kind = KINDS[name]

    assert f"| `{name}` | {kind.description} | {kind.gives} |" in page


def test_the_engine_knows_no_kind_by_name() -> None:
    named = [
        f"{name}: {node.value}"
        for name in ENGINE
        for node in ast.walk(ast.parse((FOLDER.parent / f"{name}.py").read_text()))
        if isinstance(node, ast.Constant) and node.value in KINDS
    ]

    assert named == []


def test_what_serves_requests_holds_a_change() -> None:
    assert set(HOLDING_CHANGE) == {
        "celery",
        "http",
        "listener",
        "postgresql",
        "process",
        "redis",
        "tcp",
        "unit",
        "unix_socket",
    }


def test_the_documented_options_are_the_real_ones() -> None:
    page = with_entries(OPTIONS)["checks"]["options"]

    for name in KINDS:
        for key, spec in KINDS[name].options.items():
            assert page[key].get("default", spec.get("default")) == spec.get("default"), key
            assert page[key].get("no_log") == spec.get("no_log"), key
