# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kinds that compare with an earlier run: cpu, disk_io, network, and restarts of a unit."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import counters as since
from ansible.module_utils.upkeep.health_check import machine
from ansible.module_utils.upkeep.health_check.attempt import observe
from ansible.module_utils.upkeep.health_check.kinds import cpu, disk_io, network, unit
from ansible.module_utils.upkeep.health_check.plan import parse
from hypothesis import given
from hypothesis import strategies as st

BOOT = since.BOOT_ID.read_text().strip()
COUNTERS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2**63), min_size=1)


def memory(at: float, **counters: int) -> dict[str, t.Any]:
    return {"boot": BOOT, "at": at, "counters": counters}


@given(COUNTERS, COUNTERS, st.floats(0, 1e9))
def test_a_span_never_goes_backwards(
    old: dict[str, int], new: dict[str, int], seconds: float
) -> None:
    passed = since.span(memory(0, **old), memory(seconds, **new))
    if passed is not None:
        assert all(count >= 0 for count in passed.counts.values())
        assert passed.counts == {name: new[name] - old[name] for name in new if name in old}


@pytest.mark.parametrize(
    "before",
    [
        None,
        {},
        {"boot": "other", "at": 0, "counters": {"a": 0}},
        {"boot": BOOT, "at": "x", "counters": {"a": 1}},
        {"boot": BOOT, "at": 0, "counters": [1]},
        memory(0, a=9),
        memory(0, b=1),
        memory(99, a=1),
    ],
)
def test_what_cannot_be_compared_is_no_span(before: t.Any) -> None:
    assert since.span(before, memory(10, a=5)) is None


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    disk_io.parse(text, {"vda"})
    network.parse(text)
    with contextlib.suppress(ValueError):
        cpu.parse(text)


class Clock:
    """What the machine shows at some time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.at = folder, 1000.0

    def look(self, kind: str, before: t.Any = None, **options: t.Any) -> tuple[Finding, t.Any]:
        check = replace(parse({"name": "x", "kind": kind, **options}), before=before)
        lines = list(observe(check))
        kept = [line["remember"] for line in lines if "remember" in line]
        return next(line for line in reversed(lines) if "check" in line), kept[0] if kept else None


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a machine whose figures and time the test sets."""
    made = Clock(tmp_path)
    for module, name in (
        (cpu, "STAT"),
        (disk_io, "DISKSTATS"),
        (network, "DEV"),
        (machine, "CONTAINER"),
    ):
        monkeypatch.setattr(module, name, tmp_path / name)

    monkeypatch.setattr(disk_io, "BLOCK", tmp_path / "block")
    for disk in ("vda", "loop0"):
        (tmp_path / "block" / disk).mkdir(parents=True)

    monkeypatch.setattr(since.time, "clock_gettime", lambda _clock: made.at)

    return made


@pytest.mark.requirement("R-fairedge-13", "R-student_success-48")
def test_use_of_the_processors_since_the_look_before(clock: Clock) -> None:
    (clock.folder / "STAT").write_text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1\n")
    found, before = clock.look("cpu", warning=80)

    assert (found["status"], "cannot be told yet" in found["message"]) == ("info", True)

    (clock.folder / "STAT").write_text("cpu  900 0 150 900 50 0 0 0 0 0\n")
    clock.at += 30
    found, kept = clock.look("cpu", before, warning=80)

    assert (found["status"], kept) == ("info", before), "too early: the older figures stay"

    clock.at += 870
    found, kept = clock.look("cpu", before, warning=80)

    assert (found["status"], found["observed"], found["expected"]) == (
        "warning",
        85.0,
        "at most 80",
    )
    assert "in the last 15 minutes" in found["message"]
    assert kept["at"] == clock.at

    (clock.folder / "CONTAINER").write_text("podman")

    assert clock.look("cpu", before, warning=80)[0]["status"] == "info", (
        "the machine is not the container's"
    )

    (clock.folder / "STAT").write_text("intr 1\n")

    assert clock.look("cpu")[0]["status"] == "unknown"


@pytest.mark.requirement("R-student_success-22")
def test_work_of_the_disks(clock: Clock) -> None:
    row = "254 0 vda {} 0 {} 0 {} 0 {} 0 0 {} 0 0 0 0 0\n7 0 loop0 9 9 9 9 9 9 9 9 9 9 9\n"
    (clock.folder / "DISKSTATS").write_text(row.format(1, 0, 1, 0, 0))
    _found, before = clock.look("disk_io", warning=50)
    (clock.folder / "DISKSTATS").write_text(row.format(1, 400000, 1, 200000, 75000))
    clock.at += 100
    found, _kept = clock.look("disk_io", before, warning=50)

    assert (found["status"], found["observed"]) == ("warning", 75.0)
    assert "2.05 MB/s read, 1.02 MB/s written" in found["message"]

    (clock.folder / "DISKSTATS").write_text("")

    assert clock.look("disk_io")[0]["message"] == "this host shows no disk of its own"


@pytest.mark.requirement("R-fairedge-16", "R-trailblaze-17")
def test_traffic_without_the_loopback(clock: Clock) -> None:
    row = "Inter-| Receive\n lo: 9 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\neth0:{} 1 0 0 0 0 0 0 {} 1 2 0 0 0 0 0\n"
    (clock.folder / "DEV").write_text(row.format(0, 0))
    _found, before = clock.look("network", warning=10)
    (clock.folder / "DEV").write_text(row.format(900_000_000, 300_000_000))
    clock.at += 100
    found, _kept = clock.look("network", before, warning=10)

    assert (found["status"], found["observed"], found["unit"]) == ("warning", 12.0, "MB/s")
    assert found["message"].startswith("9.000 MB/s received, 3.000 MB/s sent, 0 errors")


def test_restarts_since_the_run_before(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {
        "LoadState": "loaded",
        "ActiveState": "active",
        "SubState": "running",
        "NRestarts": "4",
    }
    monkeypatch.setattr(unit, "show", lambda *_: state)
    options = {"unit": "shop.service", "max_new_restarts": 0}
    found, before = clock.look("unit", **options)

    assert (found["check"], found["status"]) == ("unit:x.new_restarts", "info")

    found, before = clock.look("unit", before, **options)

    assert (found["status"], found["observed"]) == ("ok", 0)

    state["NRestarts"] = "6"
    found, before = clock.look("unit", before, **options)

    assert (found["status"], found["observed"], found["expected"]) == ("warning", 2, "at most 0")

    state["NRestarts"] = "0"

    assert clock.look("unit", before, **options)[0]["status"] == "info", "somebody started it anew"
