# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module schedule, on a systemd that is a small program."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from library import schedule
from tests.unit.library.module_calls import Call, by_check, caller

START: t.Final = {
    "system": "shop",
    "playbook": "daily",
    "on_calendar": "*-*-* 09:00:00 UTC",
    "time_limit": 30,
}
#: Timers are on once they were enabled: a file beside the program says so.
SYSTEMCTL: t.Final = """#!/bin/sh
case "$3" in
enable) touch "$0.on";;
disable) rm -f "$0.on";;
show)
    on=disabled active=inactive
    if [ -e "$0.on" ]; then on=enabled active=active; fi
    printf 'UnitFileState=%s\\nActiveState=%s\\nResult=success\\n\\n' $on $active
    printf 'UnitFileState=static\\nActiveState=inactive\\nResult=success\\n'
    ;;
esac
"""


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Return a function that runs the module on a host without timers."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    (tmp_path / "units").mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    answer = caller(schedule, capsys)

    return lambda **args: answer(unit_folder=str(tmp_path / "units"), **args)


def test_first_it_changes_then_it_has_nothing_to_do(call: Call, tmp_path: Path) -> None:
    would = call(starts=[START], _ansible_check_mode=True)

    assert would["changed"]
    assert list((tmp_path / "units").iterdir()) == []

    first = call(starts=[START])

    assert first["changed"]
    assert first["diff"]["after"] == would["diff"]["after"]
    assert by_check(first)["schedule:daily-shop"]["status"] == "ok"

    again = call(starts=[START])

    assert not again["changed"]
    assert again["diff"] == {"before": "", "after": ""}


def test_absent_takes_all_away(call: Call, tmp_path: Path) -> None:
    call(starts=[START])

    assert call(state="absent")["changed"]
    assert list((tmp_path / "units").iterdir()) == []
    assert not call(state="absent")["changed"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"starts": [{**START, "system": "a b"}]}, "'a b'"),
        ({"user": "Root"}, "'Root'"),
        ({"keep": 0}, "keep is 0"),
    ],
)
def test_bad_input_is_named(call: Call, values: dict[str, t.Any], words: str) -> None:
    answer = call(**{"starts": [START], **values})

    assert answer["failed"]
    assert words in answer["msg"]


def test_a_unit_of_somebody_else_is_named(call: Call, tmp_path: Path) -> None:
    (tmp_path / "units" / "upkeep-daily-shop.timer").write_text("[Timer]\n")

    answer = call(starts=[START])

    assert answer["failed"]
    assert "was not written by the role schedule" in answer["msg"]


def test_a_host_without_systemd_is_named(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert "this host has no systemctl" in call(starts=[START])["msg"]
