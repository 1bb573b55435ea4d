# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module backup, called as Ansible calls it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from library import backup
from tests.unit.library.module_calls import Call, by_check, caller


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Return a function that makes a set of two files."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text("print('shop')\n")
    run = caller(backup, capsys)
    shop = {"system": "shop", "root": str(tmp_path / "sets"), "free_percent": 0}
    artefacts = [{"name": "files", "files": {"paths": [str(app)]}}]

    return lambda **options: run(**{**shop, "artefacts": artefacts, **options})


def test_a_set_is_made_once(call: Call) -> None:
    first, second = call(), call()

    assert first["changed"]
    assert by_check(first)["backup:files"]["status"] == "ok"
    assert by_check(first)["backup:age"]["limits"] == {
        "warning": None,
        "critical": 26.0,
        "side": "above",
    }
    assert not second["changed"]
    assert by_check(second)["backup:age"]["status"] == "ok"


def test_check_mode_tells_that_a_set_is_due(call: Call, tmp_path: Path) -> None:
    answer = call(_ansible_check_mode=True)

    assert answer["changed"]
    assert answer["due"]
    assert not (tmp_path / "sets").exists()


def test_requirements_of_an_artefact_are_those_of_its_finding(call: Call, tmp_path: Path) -> None:
    files = {"paths": [str(tmp_path / "app")]}
    entry = {"name": "files", "files": files, "requirements": ["R-racing-70"]}

    answer = call(artefacts=[entry], requirements=["R-racing-65"])

    assert by_check(answer)["backup:files"]["requirements"] == ["R-racing-70"]
    assert by_check(answer)["backup:age"]["requirements"] == ["R-racing-65"]


BOTH = {"files": {"paths": ["/opt/app"]}, "sqlite": {"path": "/opt/app.db"}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"artefacts": [{"name": "a", **BOTH}]},
            "artefacts 'a' has sqlite and files; give it one of postgresql, sqlite, redis,"
            " files, command, journal",
        ),
        ({"artefacts": [{"name": "a"}]}, "artefacts 'a' has none of them"),
        ({"artefacts": []}, "artefacts is empty; name at least 1"),
        (
            {"artefacts": [{"name": "a", "files": {"paths": ["/opt/-x"]}}]},
            "an absolute path whose parts do not begin with '-'",
        ),
        ({"due_hours": 30}, "due_hours is 30; at most promised_hours (26)"),
        ({"mount": "/srv/other"}, "it must be root or a folder above it"),
        ({"retention": {"last": 0}}, "retention.last is 0; at least 1"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    call: Call, options: dict[str, t.Any], message: str
) -> None:
    answer = call(**options)

    assert answer["failed"]
    assert message in answer["msg"]


def test_a_name_that_is_used_twice_is_refused(call: Call) -> None:
    entry = {"name": "files", "files": {"paths": ["/opt/app"]}}

    assert "duplicate name 'files'" in call(artefacts=[entry, entry])["msg"]


def test_a_catalogue_that_cannot_be_used_fails_the_module(call: Call, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir(mode=0o755)

    assert "has the mode 0755" in call()["msg"]
