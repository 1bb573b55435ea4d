# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every kind of check must have."""

from __future__ import annotations

import ast
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
#: An entry of each kind with every aspect that it can have.
SAMPLES: t.Final[Mapping[str, dict[str, t.Any]]] = {
    "celery": {"broker": "redis://127.0.0.1/0", "queues": [{"name": "q", "warning": 9}]},
    "cpu": {"warning": 70},
    "disk_io": {"warning": 50},
    "dns": {"host": "a.example.org", "latency": {"warning_ms": 9}},
    "file": {"path": "/srv/*.gz", "age_hours": {"warning": 26}},
    "filesystem": {"paths": ["/"], "inodes": {"warning": 70}},
    "http": {
        "url": "https://a.example.org/",
        "method": "POST",
        "upload": {"content": "a", "rows": 3},
        "latency": {"warning_ms": 9},
        "tls_expiry": {"warning_days": 9},
    },
    "listener": {"port": 80, "unit": "web.service"},
    "load": {},
    "log_line": {"path": "/var/log/a", "pattern": "x"},
    "memory": {},
    "metrics": {"url": "http://a/", "rate": {}, "errors": {"warning": 5}},
    "network": {"warning": 5},
    "postgresql": {"database": "d", "latency": {"warning_ms": 9}},
    "process": {"unit": "web.service"},
    "redis": {"info": [{"field": "used_memory", "warning": 9}, {"field": "hit_ratio"}]},
    "replication": {"database": "d", "warning": 9},
    "tcp": {"port": 22},
    "top": {},
    "unit": {"unit": "a.service", "max_restarts": 3, "max_new_restarts": 0},
    "unit_memory": {"unit": "a.service", "warning": 500},
    "unix_socket": {"path": "/run/a"},
}
SAMPLES["metrics"]["rate"] = {"warning": 9}


def sample(kind: str) -> Check:
    return parse({"name": "x", "kind": kind, **SAMPLES[kind]})


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


def test_every_kind_has_a_sample_and_a_test_file() -> None:
    tests = Path(__file__).parent / "kinds"

    assert set(SAMPLES) == set(KINDS)
    assert [name for name in KINDS if not (tests / f"test_{name}.py").is_file()] == []


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
