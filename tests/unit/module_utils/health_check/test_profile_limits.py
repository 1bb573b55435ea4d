# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The limits of the profiles, on hosts that are at them and beyond them."""

from __future__ import annotations

import os
import typing as t
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import counters, latency, machine
from ansible.module_utils.upkeep.health_check.attempt import observe
from ansible.module_utils.upkeep.health_check.check import Check
from ansible.module_utils.upkeep.health_check.debounce import Streak, apply, soften
from ansible.module_utils.upkeep.health_check.kinds import cpu, filesystem, memory

from tests.unit.module_utils.health_check.checks import parse
from tools import PROJECT, profiles

BOOT: t.Final = counters.BOOT_ID.read_text(encoding="ascii").strip()


def asked(system: str, check: str, **changes: t.Any) -> Check:
    """Return a check of a profile by kind:name."""
    entries = profiles.load(PROJECT, system)["system_health_checks"]
    [entry] = [entry for entry in entries if f"{entry['kind']}:{entry['name']}" == check]
    raw = {**entry, "depends_on": [], **changes}
    return parse({key: value for key, value in raw.items() if value is not None})


def own(check: Check) -> Finding:
    """Return the first finding of a check."""
    return next(found for found in observe(check) if "check" in found)


class Used(t.NamedTuple):
    """A check of use, with the percentages up to which it is fine, and a warning only."""

    system: str
    check: str
    fine: float
    warned: float | None = None


USED: t.Final = [
    Used("racing", "filesystem:disks", 90, 97),
    Used("student_success", "filesystem:disks", 85, 95),
    Used("trailblaze", "filesystem:disks", 80, 90),
    Used("fairedge", "filesystem:disks", 85, 90),
    Used("hyperopt", "filesystem:disks", 80, 90),
    Used("student_success", "memory:memory", 80, 95),
    Used("trailblaze", "memory:memory", 85, 95),
    Used("fairedge", "memory:memory", 85),
    Used("fairedge", "memory:scaling", 80),
    Used("hyperopt", "memory:memory", 90),
    Used("student_success", "cpu:average", 70),
    Used("fairedge", "cpu:average", 70, 80),
]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[float], None]:
    """Return a function that sets the used percentage of disks, memory and processors."""
    for module, name in (
        (filesystem, "MOUNTINFO"),
        (memory, "MEMINFO"),
        (cpu, "STAT"),
        (machine, "CONTAINER"),
    ):
        monkeypatch.setattr(module, name, tmp_path / name)

    (tmp_path / "MOUNTINFO").write_text("1 0 8:1 / / rw - ext4 a rw\n")
    monkeypatch.setattr(counters.time, "clock_gettime", lambda _clock: 1900.0)

    def use(percent: float) -> None:
        free = round(1000 - 10 * percent)
        rest = {"f_bfree": free, "f_bavail": free, "f_files": 0, "f_ffree": 0, "f_frsize": 4096}
        monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_blocks=1000, **rest))
        swap = f"SwapTotal: 1000 kB\nSwapFree: {free} kB\n"
        (tmp_path / "MEMINFO").write_text(f"MemTotal: 1000 kB\nMemAvailable: {free} kB\n{swap}")
        (tmp_path / "STAT").write_text(f"cpu {1000 - free} 0 0 {free} 0 0 0 0\n")

    return use


@pytest.mark.requirement(
    "R-racing-19", "R-racing-65", "R-student_success-04", "R-student_success-05"
)
@pytest.mark.requirement("R-student_success-53", "R-trailblaze-15", "R-trailblaze-16")
@pytest.mark.requirement("R-trailblaze-34", "R-hyperopt-115")
@pytest.mark.parametrize("used", USED, ids=lambda used: f"{used.system}-{used.check}")
def test_use_is_judged_at_the_figures_of_the_guide(
    host: t.Callable[[float], None], used: Used
) -> None:
    check = replace(
        asked(used.system, used.check),
        previous={"boot": BOOT, "at": 0, "counters": {"busy": 0, "all": 0}},
    )
    statuses = [(used.fine, "ok"), (used.fine + 1, "warning")]
    if used.warned is not None:
        statuses += [(used.warned, "warning"), (used.warned + 1, "critical")]

    for percent, status in statuses:
        host(percent)
        found = own(check)
        assert (found["observed"], found["status"]) == (percent, status), found


@pytest.mark.requirement("R-trailblaze-14", "R-trailblaze-46")
def test_without_a_limit_use_is_told(host: t.Callable[[float], None]) -> None:
    host(60)
    check = asked("trailblaze", "cpu:average")
    assert own(check)["status"] == "info", "the first look has nothing to compare with"
    found = own(replace(check, previous={"boot": BOOT, "at": 0, "counters": {"busy": 0, "all": 0}}))
    assert (found["status"], found["observed"], found["unit"]) == ("ok", 60, "%")


@pytest.mark.requirement("R-fairedge-26", "R-hyperopt-96", "R-hyperopt-116")
@pytest.mark.parametrize("system", ["fairedge", "hyperopt"])
def test_memory_alarms_when_it_stays_high(host: t.Callable[[float], None], system: str) -> None:
    host(99)
    check = asked(system, "memory:memory")
    first, streak = apply(check, own(check), Streak())
    second, _ = apply(check, own(check), streak)
    assert first["status"] == "info"
    assert soften(check, second)["status"] == "warning"


TIMES: t.Final = [
    ("student_success", "http:health", 500, None),
    ("racing", "http:prediction", 3000, None),
    ("fairedge", "http:health", 2000, 3000),
    ("trailblaze", "http:health", 500, None),
    ("hyperopt", "http:health", 500, None),
    ("trailblaze", "postgresql:trailblaze", None, None),
]


@pytest.mark.requirement(
    "R-student_success-52", "R-student_success-89", "R-racing-63", "R-fairedge-24"
)
@pytest.mark.requirement("R-fairedge-140", "R-hyperopt-93", "R-trailblaze-22")
@pytest.mark.parametrize(("system", "name", "fine", "warned"), TIMES)
def test_times_are_judged_at_the_figures_of_the_guide(
    system: str, name: str, fine: float | None, warned: float | None
) -> None:
    check = asked(system, name)

    def judged(ms: float) -> Finding:
        return latency.judge_latency(check, [ms] * check.options["latency"]["samples"])

    assert judged(fine or 1)["status"] == "ok"
    assert judged((fine or 1) + 1)["status"] == ("ok" if fine is None else "warning"), (
        "without a limit it is told"
    )
    assert judged((warned or fine or 1) + 1)["status"] == (
        "critical" if warned else "warning" if fine else "ok"
    )
    assert (judged(7)["observed"], judged(7)["unit"]) == (7, "ms")


@pytest.mark.requirement(
    "R-student_success-50", "R-student_success-98", "R-trailblaze-05", "R-trailblaze-40"
)
@pytest.mark.requirement("R-fairedge-23", "R-hyperopt-95")
@pytest.mark.parametrize("database", ["student_success", "trailblaze", "fairedge_prod", "hyperopt"])
def test_a_database_that_is_down_is_critical(tmp_path: Path, database: str) -> None:
    system = database.removesuffix("_prod")
    check = asked(system, f"postgresql:{database}", login_host=str(tmp_path), run_as=None)
    [found] = [found for found in observe(check) if "check" in found]
    assert (found["status"], f"database {database}: " in found["message"]) == ("critical", True)
