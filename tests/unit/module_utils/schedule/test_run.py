# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Only what differs is written, only our own units are touched, and what was off is named."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.schedule import run as schedule
from ansible.module_utils.upkeep.schedule import units
from ansible.module_utils.upkeep.schedule.settings import parse

START = {"system": "shop", "playbook": "daily", "on_calendar": "*-*-* 09:00:00", "time_limit": 30}
TIMER, SERVICE = "upkeep-daily-shop.timer", "upkeep-daily-shop.service"
ON = {"UnitFileState": "enabled", "ActiveState": "active", "NextElapseUSecRealtime": "tomorrow"}
OFF = {"UnitFileState": "disabled", "ActiveState": "inactive"}


class Manager:
    """systemd, as far as the module speaks to it."""

    def __init__(self) -> None:
        self.states: dict[str, dict[str, str]] = {}
        self.calls: list[tuple[str, ...]] = []

    def show(self, names: t.Sequence[str], *_: t.Any) -> dict[str, dict[str, str]]:
        return {name: self.states.get(name, {"ActiveState": "inactive"}) for name in names}

    def enable_now(self, names: t.Sequence[str], _: t.Any) -> None:
        self.calls.append(("enable", *names))
        self.states |= dict.fromkeys(names, ON)

    def disable_now(self, names: t.Sequence[str], _: t.Any) -> None:
        self.calls.append(("disable", *names))
        for name in names:
            self.states.pop(name, None)

    def clean_state(self, names: t.Sequence[str], _: t.Any) -> None:
        self.calls.append(("clean", *names))

    def restart(self, name: str, _: t.Any) -> None:
        self.calls.append(("restart", name))

    def reload_files(self, _: t.Any) -> None:
        self.calls.append(("reload",))


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Manager:
    made = Manager()
    for name in ("show", "enable_now", "disable_now", "clean_state", "restart", "reload_files"):
        monkeypatch.setattr(systemd, name, getattr(made, name))

    return made


def call(folder: Path, check: bool = False, **values: t.Any) -> dict[str, t.Any]:
    return schedule.run(parse({"starts": [START], "unit_folder": str(folder), **values}), check)


def status(result: dict[str, t.Any]) -> dict[str, str]:
    return {finding["check"]: finding["status"] for finding in result["findings"]}


def test_units_are_written_once(tmp_path: Path, manager: Manager):
    first = call(tmp_path)

    assert first["changed"]
    assert manager.calls == [("reload",), ("enable", TIMER)]
    assert status(first) == {"schedule:daily-shop": "ok"}

    manager.calls.clear()
    second = call(tmp_path)

    assert not second["changed"]
    assert manager.calls == []


def test_check_mode_writes_nothing_and_foretells_it(tmp_path: Path, manager: Manager):
    result = call(tmp_path, check=True)

    assert result["changed"]
    assert list(tmp_path.iterdir()) == []
    assert manager.calls == []
    assert "OnCalendar=*-*-* 09:00:00" in result["diff"]["after"]
    assert status(result) == {"schedule:daily-shop": "critical"}


def test_a_new_time_starts_the_timer_anew(tmp_path: Path, manager: Manager):
    call(tmp_path)
    manager.calls.clear()

    call(tmp_path, starts=[{**START, "on_calendar": "*-*-* 10:00:00"}])

    assert manager.calls == [("reload",), ("enable", TIMER), ("restart", TIMER)]


def test_a_timer_that_was_off_is_on_again_and_named(tmp_path: Path, manager: Manager):
    call(tmp_path)
    manager.states[TIMER] = OFF

    found = status(call(tmp_path))

    assert found == {"schedule:daily-shop": "ok", "schedule:daily-shop.was_off": "warning"}


def test_a_masked_timer_stays_critical(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
):
    call(tmp_path)
    manager.states[TIMER] = {"UnitFileState": "masked", "ActiveState": "inactive"}
    monkeypatch.setattr(systemd, "enable_now", lambda *_: None)

    assert status(call(tmp_path)) == {"schedule:daily-shop": "critical"}


def test_a_timer_without_a_next_start_is_started_anew(tmp_path: Path, manager: Manager):
    call(tmp_path)
    manager.calls.clear()
    manager.states[TIMER] = {**ON, "SubState": "elapsed"}

    found = status(call(tmp_path))

    assert ("restart", TIMER) in manager.calls
    assert found == {"schedule:daily-shop": "ok", "schedule:daily-shop.was_off": "warning"}


def test_a_file_that_changes_a_timer_is_named(tmp_path: Path, manager: Manager):
    call(tmp_path)
    manager.states[TIMER] = {**ON, "DropInPaths": f"/etc/systemd/system/{TIMER}.d/time.conf"}

    result = call(tmp_path)

    assert not result["changed"]
    assert status(result)["schedule:daily-shop.changed_elsewhere"] == "warning"
    assert "time.conf" in result["findings"][1]["message"]


def test_a_link_in_the_place_of_a_unit_is_left_alone(tmp_path: Path, manager: Manager):
    """So ``systemctl mask`` forbids a unit."""
    (tmp_path / TIMER).symlink_to("/dev/null")

    with pytest.raises(schedule.TimerError, match="was not written by the role schedule"):
        call(tmp_path)

    assert (tmp_path / TIMER).is_symlink()
    assert manager.calls == []


@pytest.mark.parametrize("result", ["timeout", "oom-kill", "signal", "core-dump"])
def test_a_run_that_was_ended_is_named(tmp_path: Path, manager: Manager, result: str):
    manager.states[SERVICE] = {"Result": result}

    assert status(call(tmp_path))["schedule:daily-shop.last_run"] == "warning"


def test_a_run_with_findings_is_none_of_the_timer(tmp_path: Path, manager: Manager):
    manager.states[SERVICE] = {"Result": "exit-code"}

    assert "schedule:daily-shop.last_run" not in status(call(tmp_path))


def test_units_that_are_no_longer_wanted_go(tmp_path: Path, manager: Manager):
    call(tmp_path)
    manager.calls.clear()

    result = call(tmp_path, starts=[{**START, "playbook": "weekly"}])

    assert {path.name for path in tmp_path.iterdir()} == {
        units.FAILED,
        "upkeep-weekly-shop.service",
        "upkeep-weekly-shop.timer",
    }
    assert manager.calls[:2] == [("disable", TIMER), ("clean", TIMER)]
    assert status(result) == {"schedule:weekly-shop": "ok"}


def test_absent_leaves_nothing_of_ours(tmp_path: Path, manager: Manager):
    (tmp_path / "upkeep-by-hand.timer").write_text("[Timer]\n")
    call(tmp_path)

    result = call(tmp_path, state="absent")

    assert [path.name for path in tmp_path.iterdir()] == ["upkeep-by-hand.timer"]
    assert ("clean", SERVICE) in manager.calls
    assert status(result) == {"schedule:foreign": "warning"}
    assert not call(tmp_path, state="absent")["changed"]


def test_a_unit_of_somebody_else_is_never_replaced(tmp_path: Path, manager: Manager):
    path = tmp_path / TIMER
    path.write_text("[Timer]\n")

    with pytest.raises(schedule.TimerError, match="was not written by the role schedule"):
        call(tmp_path)

    assert path.read_text() == "[Timer]\n"


def test_a_link_in_the_place_of_a_unit_is_not_followed(tmp_path: Path, manager: Manager):
    target = tmp_path / "target"
    target.write_text(units.MARK)
    (tmp_path / TIMER).symlink_to(target)

    with pytest.raises(schedule.TimerError):
        call(tmp_path)

    assert target.read_text() == units.MARK
