# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of a unit as systemctl prints it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.systemd import SystemdError
from ansible.module_utils.upkeep.self_heal.unit_state import read_state

from tests.unit.module_utils.self_heal.units import CLEANING, FAILED, LOOPING, STARTING, UP


def systemctl(folder: Path, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\nprintf '{output}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_state_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl(
        tmp_path,
        monkeypatch,
        r"LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nInvocationID=\n",
    )

    assert read_state("a.service") == replace(FAILED, invocation="")


def test_a_state_that_is_not_shown_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl(tmp_path, monkeypatch, r"LoadState=loaded\n")

    with pytest.raises(SystemdError, match="does not show the state of a"):
        read_state("a.service")


@pytest.mark.parametrize(
    ("active", "is_up"),
    [
        ("active", True),
        ("reloading", True),
        ("refreshing", True),
        ("inactive", False),
        ("failed", False),
        ("activating", False),
        ("maintenance", False),
    ],
)
def test_a_unit_that_reloads_is_up(active: str, is_up: bool) -> None:
    assert replace(UP, active=active).is_up is is_up


def test_waiting_for_the_next_try_is_not_a_change() -> None:
    assert STARTING.is_changing
    assert CLEANING.is_changing
    assert not LOOPING.is_changing
    assert not FAILED.is_changing
