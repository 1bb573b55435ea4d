# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rights, drivers, disk, paths and units of a host."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.findings import Finding, Limits
from ansible.module_utils.upkeep.preflight import host
from ansible.module_utils.upkeep.preflight.settings import (
    DiskMinimum,
    PythonModule,
    RequiredPath,
)


def test_rights_need_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert host.rights()["status"] == "critical"

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert host.rights()["status"] == "ok"


def test_an_old_interpreter_is_critical(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.python()["status"] == "ok"

    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert host.python()["status"] == "critical"


@pytest.mark.parametrize("name", ["nosuchmodule", "nosuchparent.child", "json.nosuchchild", ""])
def test_a_missing_driver_names_its_package(name: str) -> None:
    finding = host.python_module(PythonModule(name, "python3-nosuch"))

    assert finding["status"] == "unknown"
    assert "apt install python3-nosuch" in finding["message"]


def test_a_driver_that_can_be_imported_is_fine() -> None:
    assert host.python_module(PythonModule("json", "python3"))["status"] == "ok"


def disk(path: str, least: float) -> Finding:
    return host.disk(DiskMinimum(path, Limits(least, least / 2, "below")))


@pytest.mark.parametrize(("least", "status"), [(0.0, "ok"), (100.1, "warning"), (1e9, "critical")])
def test_disk_is_judged_by_its_free_share(least: float, status: str) -> None:
    free = disk("/", 0)["observed"]
    expected = status if status != "warning" or free > 50.05 else "critical"

    found = disk("/", least)

    assert found["status"] == expected
    assert found["limits"] == {"warning": least, "critical": least / 2, "side": "below"}


@pytest.mark.parametrize("path", ["/nowhere/at/all", "/proc"])
def test_a_disk_that_cannot_be_judged_is_unknown(path: str) -> None:
    assert disk(path, 10)["status"] == "unknown"


class TestPaths:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        home = tmp_path / "home"
        home.mkdir(mode=0o750)
        return home

    def test_what_the_profile_does_not_name_does_not_matter(self, path: Path) -> None:
        required = RequiredPath(str(path), None, None, None, None)

        assert host.required_path(required)["status"] == "ok"

    def test_what_it_names_is_shown(self, path: Path) -> None:
        user = getpass.getuser()

        found = host.required_path(RequiredPath(str(path), "directory", user, None, "0750"))

        assert found["status"] == "ok"
        assert found["observed"] == f"directory {user} 0750"

    def test_a_difference_is_a_warning_that_names_it(self, path: Path) -> None:
        found = host.required_path(RequiredPath(str(path), "file", None, None, "0700"))

        assert found["status"] == "warning"
        assert "type and mode" in found["message"]

    def test_a_missing_path_is_critical(self, path: Path) -> None:
        required = RequiredPath(str(path / "none"), None, None, None, None)

        assert host.required_path(required)["status"] == "critical"


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program that is found as systemctl; its text is for the test to write."""
    program = tmp_path / "systemctl"
    program.touch(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return program


def unit_statuses(names: list[str]) -> list[str]:
    return [found["status"] for found in host.units(names, Deadline(10))]


def test_units_are_judged_by_one_answer(systemctl: Path) -> None:
    answer = "\\n\\n".join(f"LoadState={state}" for state in ("loaded", "not-found", "masked"))
    systemctl.write_text(f"#!/bin/sh\nprintf '{answer}\\n'\n")

    statuses = unit_statuses(["a.service", "b.service", "c.service"])

    assert statuses == ["ok", "critical", "warning"]


@pytest.mark.parametrize(
    "script", ["exit 1", "printf 'LoadState=loaded\\n'", "printf 'a\\n\\nb\\n'"]
)
def test_an_answer_that_does_not_fit_is_unknown(systemctl: Path, script: str) -> None:
    systemctl.write_text(f"#!/bin/sh\n{script}\n")

    assert unit_statuses(["a.service", "b.service"]) == ["unknown", "unknown"]


def test_without_systemctl_units_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert unit_statuses(["a.service"]) == ["unknown"]
