# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module itself: arguments, check mode, answer.

Its logic is tested under module_utils/postgresql.
"""

from __future__ import annotations

import importlib.util
import io
import json
import types
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from tests.unit.module_utils.postgresql.server import Server, server

PROJECT: t.Final = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def pg() -> Server:
    return server()


@pytest.fixture(scope="module")
def module() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(
        "postgresql_maintenance", PROJECT / "library" / "postgresql_maintenance.py"
    )

    assert spec and spec.loader

    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)

    return loaded


class Call:
    """Calls main() as Ansible does."""

    def __init__(self, module: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
        self._module, self._capsys = module, capsys

    def __call__(self, **arguments: t.Any) -> dict[str, t.Any]:
        with patch_module_args(arguments), pytest.raises(SystemExit):
            self._module.main()
        return dict(json.load(io.StringIO(self._capsys.readouterr().out)))


@pytest.fixture
def call(module: types.ModuleType, capsys: pytest.CaptureFixture[str]) -> Call:
    return Call(module, capsys)


def login(pg: Server) -> dict[str, t.Any]:
    return {"login_host": pg.login["host"], "login_port": pg.login["port"]}


@pytest.mark.requirement("R-hyperopt-17", "R-hyperopt-18")
def test_check_run_and_second_run(call: Call, pg: Server) -> None:
    name = pg.create_database("", "CREATE TABLE t (id int)")
    arguments = {"databases": [{"name": name, "analyze": {}, "vacuum": {}}], **login(pg)}
    foretold = call(_ansible_check_mode=True, _ansible_diff=True, **arguments)
    done = call(_ansible_diff=True, **arguments)
    again = call(**arguments)

    assert [answer["changed"] for answer in (foretold, done, again)] == [True, True, False]
    assert foretold["diff"] == done["diff"]
    assert done["diff"]["after"] == f"{name}: public.t: vacuum_analyze\n"
    assert {item["check"] for item in again["findings"]} == {
        f"database:{name}",
        f"database:{name}.analyze",
        f"database:{name}.vacuum",
        f"database:{name}.invalid_indexes",
    }


def test_an_unreachable_server_does_not_fail_the_module(call: Call, tmp_path: Path) -> None:
    answer = call(databases=[{"name": "app"}], login_host=str(tmp_path))
    assert not answer.get("failed")
    assert [item["status"] for item in answer["findings"]] == ["critical", "unknown"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"databases": [{"name": "app", "analyse": {}}]}, "analyse"),
        ({"databases": [{"name": "app", "vacuum": {"due_days": 7}}]}, "due_days"),
        ({"databases": [{"analyze": {}}]}, "name"),
        ({"databases": [{"name": "app", "reindex": {"bloat_percent": 5}}]}, "bloat_percent"),
        ({"databases": [], "lock_timeout": "0"}, "lock_timeout"),
        ({"databases": [], "max_seconds": 0}, "max_seconds"),
        ({}, "databases"),
    ],
)
def test_bad_input_fails_and_is_named(call: Call, arguments: dict[str, t.Any], word: str) -> None:
    answer = call(**arguments)
    assert answer["failed"]
    assert word in answer["msg"]


def test_the_password_is_not_shown(call: Call, tmp_path: Path) -> None:
    answer = call(
        databases=[{"name": "app"}],
        login_host=str(tmp_path),
        login_password="hidden-word",  # noqa: S106
    )
    assert "hidden-word" not in json.dumps(answer)
