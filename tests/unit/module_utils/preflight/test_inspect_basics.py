# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rights, drivers, disk, paths, units, clock and acceptance."""

from __future__ import annotations

import getpass
import json
import os
import stat
import sys
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.preflight import acceptance, basics
from ansible.module_utils.upkeep.preflight.clock import clock_finding, skew_bounds
from hypothesis import given
from hypothesis import strategies as st


def test_rights_need_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert basics.rights()["status"] == "critical"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert basics.rights()["status"] == "ok"


def test_an_old_interpreter_is_critical(monkeypatch: pytest.MonkeyPatch) -> None:
    assert basics.python()["status"] == "ok"
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert basics.python()["status"] == "critical"


@pytest.mark.parametrize("name", ["nosuchmodule", "nosuchparent.child", "json.nosuchchild", ""])
def test_a_missing_driver_names_its_package(name: str) -> None:
    finding = basics.python_module(name, "python3-nosuch")
    assert finding["status"] == "unknown"
    assert "python3-nosuch" in finding["message"]


def test_a_driver_that_is_there() -> None:
    assert basics.python_module("json", "python3")["status"] == "ok"


@pytest.mark.parametrize(("least", "status"), [(0.0, "ok"), (100.1, "warning"), (1e9, "critical")])
def test_disk_is_judged_by_its_free_share(least: float, status: str) -> None:
    free = basics.disk("/", 0)["observed"]
    expected = status if status != "warning" or free > 50.05 else "critical"
    assert basics.disk("/", least)["status"] == expected


def test_a_disk_that_is_not_there_is_unknown() -> None:
    assert basics.disk("/nonexistent", 10)["status"] == "unknown"


def test_paths_are_judged_by_what_the_profile_names(tmp_path: Path) -> None:
    path = tmp_path / "home"
    path.mkdir(mode=0o750)
    user = getpass.getuser()

    assert basics.required_path(str(path), None, None, None, None)["status"] == "ok"

    right = basics.required_path(str(path), "directory", user, None, "0750")

    assert (right["status"], right["observed"]) == ("ok", f"directory {user} 0750")

    wrong = basics.required_path(str(path), "file", user, None, "0700")

    assert wrong["status"] == "warning"
    assert "type and mode" in wrong["message"]
    assert basics.required_path(str(path / "none"), None, None, None, None)["status"] == "critical"


def _systemctl(folder: Path, script: str) -> str:
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_units_are_judged_by_one_answer(tmp_path: Path) -> None:
    program = _systemctl(tmp_path, "printf 'loaded\\n\\nnot-found\\n\\nmasked\\n'")
    findings = basics.units(["a.service", "b.service", "c.service"], program)
    assert [finding["status"] for finding in findings] == ["ok", "critical", "warning"]


@pytest.mark.parametrize("script", ["exit 1", "printf 'loaded\\n'", "printf 'a\\nb\\nc\\n'"])
def test_an_answer_that_does_not_fit_is_unknown(tmp_path: Path, script: str) -> None:
    findings = basics.units(["a.service", "b.service"], _systemctl(tmp_path, script))
    assert [finding["status"] for finding in findings] == ["unknown", "unknown"]
    assert basics.units(["a.service"], None)[0]["status"] == "unknown"


SECONDS = st.floats(0, 60)


@given(skew=st.floats(-600, 600), there=SECONDS, work=SECONDS, back=SECONDS)
def test_the_true_skew_lies_between_the_bounds(
    skew: float, there: float, work: float, back: float
) -> None:
    sent = 1_800_000_000.0
    low, high = skew_bounds(
        sent, sent + there + skew, sent + there + work + skew, sent + there + work + back
    )
    assert low - 1e-5 <= skew <= high + 1e-5


@pytest.mark.parametrize(
    ("bounds", "status", "observed"),
    [
        ((-9.0, 1.0), "ok", 0.0),
        ((-0.1, 45.0), "ok", 0.0),
        ((1.9, 3.0), "ok", 1.9),
        ((2.5, 4.0), "warning", 2.5),
        ((-4.0, -2.5), "warning", -2.5),
        ((31.0, 32.0), "critical", 31.0),
        ((-40.0, -31.0), "critical", -31.0),
    ],
)
def test_the_smallest_skew_that_fits_is_judged(
    bounds: tuple[float, float], status: str, observed: float
) -> None:
    finding = clock_finding(bounds, 2, 30)
    assert (finding["status"], finding["observed"]) == (status, observed)


def test_a_host_is_new_until_somebody_accepts_it(tmp_path: Path) -> None:
    marker = tmp_path / "upkeep" / "accepted.json"
    fresh = acceptance.judge_acceptance(marker, "app1", required=True)

    assert fresh["status"] == "critical"
    assert "--limit app1 -e preflight_accept=true" in fresh["message"]
    assert acceptance.judge_acceptance(marker, "app1", required=False)["status"] == "ok"

    acceptance.write(marker, "ada", "r1")

    assert stat.S_IMODE(marker.stat().st_mode) == 0o644
    assert json.loads(marker.read_text())["run_id"] == "r1"

    accepted = acceptance.judge_acceptance(marker, "app1", required=True)

    assert accepted["status"] == "ok"
    assert "ada" in accepted["message"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"by": "ada"}', "\x00"])
def test_a_damaged_mark_accepts_nothing(tmp_path: Path, text: str) -> None:
    marker = tmp_path / "accepted.json"
    marker.write_text(text)
    assert acceptance.judge_acceptance(marker, "app1", required=True)["status"] == "critical"
