# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module restore, called as Ansible calls it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from library import backup, restore
from tests.unit.library.module_calls import Call, by_check, caller


@pytest.fixture
def main_file(tmp_path: Path) -> Path:
    """Return a file of the application."""
    path = tmp_path / "app" / "main.py"
    path.parent.mkdir()
    path.write_text("print('shop')\n")
    return path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, main_file: Path) -> Call:
    """Return a function that restores; the application was backed up."""
    shop = {"system": "shop", "root": str(tmp_path / "sets"), "free_percent": 0}
    files = {"name": "files", "files": {"paths": [str(main_file.parent)]}}
    caller(backup, capsys)(**shop, artefacts=[files])
    run = caller(restore, capsys)

    return lambda **options: run(**{**shop, **options})


def test_sets_are_listed(call: Call) -> None:
    answer = call()

    assert not answer["changed"]
    assert [one["artefacts"] for one in answer["sets"]] == [{"files": "files"}]


def test_a_host_without_sets_has_nothing_to_list(call: Call) -> None:
    assert call(root="/nowhere/sets")["sets"] == []


def test_check_mode_changes_nothing(call: Call, main_file: Path) -> None:
    main_file.write_text("broken")

    answer = call(action="replace", _ansible_check_mode=True)

    assert answer["changed"]
    assert by_check(answer)["restore:files"]["status"] == "info"
    assert main_file.read_text() == "broken"


def test_a_set_is_restored(call: Call, main_file: Path) -> None:
    main_file.write_text("broken")

    answer = call(action="replace", requirements=["R-racing-74"])

    assert answer["changed"]
    assert by_check(answer)["restore:files"]["status"] == "ok"
    assert by_check(answer)["restore:files"]["requirements"] == ["R-racing-74"]
    assert answer["seconds"]["whole"] > 0
    assert main_file.read_text() == "print('shop')\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"set": "newest"}, "set is 'newest'; it must match"),
        ({"table": "orders"}, "table is 'orders'; it must match"),
        ({"table": "a.b", "paths": ["/x"]}, "table and paths are given"),
        ({"paths": ["/x", "/x/y"]}, "paths: '/x/y' lies in '/x', which is restored anyway"),
        ({"units": ["shop*"]}, "units: 'shop*' is not the name of a unit"),
        ({"artefacts": ["a", "a"]}, "artefacts: duplicate 'a'"),
        ({"action": "replace", "artefacts": ["b"]}, "has no artefact b; it has files"),
        (
            {"action": "side", "root": "/nowhere/sets"},
            "'/nowhere/sets' cannot be used: No such file or directory",
        ),
    ],
)
def test_what_cannot_be_done_is_named(call: Call, options: dict[str, t.Any], message: str) -> None:
    answer = call(**options)

    assert answer["failed"]
    assert message in answer["msg"]
