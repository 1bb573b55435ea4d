# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotation with the real logrotate where a service user or an accident left something odd."""

from __future__ import annotations

import json
import os
import time
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation import observing, settings

from tests.unit.module_utils.log_rotation.logrotate_samples import (
    LOGROTATE,
    Sandbox,
    status_of,
)

DAY = 86400


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        'a".log',
        "a\\.log",
        "a\nconsidering log b.log",
        "a\nerror: x.log",
        "a\tb.log",
        "a\x1b[31m.log",
        "a\udcff.log",
        "a{b}.log",
        "a\nHandling 7 logs\nb.log",
    ],
)
def test_an_odd_file_name_costs_that_file_only(box: Sandbox, name: str, check_mode: bool) -> None:
    box.log(name, 2000)
    good = box.log("good.log", 2000)

    outcome = box.run(check_mode)

    assert outcome.rotated == [str(good)]
    assert status_of(outcome, "log:api") == "unknown"
    assert (box.root / "logs" / name).stat().st_size == 2000
    json.dumps(vars(outcome), ensure_ascii=False).encode()  # what the module returns can be printed


@pytest.mark.parametrize("name", ["a[1].log", "a*.log", "a?.log", "-v.log", "$(id).log", "ä.log"])
def test_a_name_with_signs_of_a_pattern_is_rotated_like_any_other(box: Sandbox, name: str) -> None:
    path = box.log(name, 2000)

    assert box.run().rotated == [str(path)]
    assert not box.run().changed


def hard_link(path: Path) -> None:
    path.with_name("copy").hardlink_to(path)


def link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to(path.with_name("real"))


def dead_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize("spoil", [hard_link, link, dead_link])
def test_a_file_that_logrotate_skips_costs_that_file_only(
    box: Sandbox, spoil: t.Callable[[Path], None]
) -> None:
    odd, good = box.log("odd.log", 2000), box.log("good.log", 2000)
    (box.root / "other").mkdir()
    other = box.root / "other" / "b.log"
    other.write_bytes(b"x" * 2000)
    spoil(odd)
    entries = [box.entry(), box.entry(name="other", paths=[str(other)])]

    for check_mode in (True, False):
        outcome = box.run_all(*entries, check_mode=check_mode)

        assert sorted(outcome.rotated) == [str(good), str(other)]
        assert status_of(outcome, "log:api") == "unknown"
        assert status_of(outcome, "log:other") == "ok"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_what_is_no_file_does_not_stop_the_others(
    box: Sandbox, make: t.Callable[[Path], None]
) -> None:
    make(box.root / "logs" / "odd.log")
    good = box.log("good.log", 2000)

    assert box.run().rotated == [str(good)]


def test_a_file_of_two_logs_is_rotated_by_the_first_and_stops_neither(box: Sandbox) -> None:
    """logrotate skips the second one as a whole, so its other files would grow for ever."""
    shared, first, second = (box.log(name, 2000) for name in ("ab.log", "ac.log", "zb.log"))
    one = box.entry(name="one", paths=[f"{box.root}/logs/a*.log"])
    two = box.entry(name="two", paths=[f"{box.root}/logs/*b.log"])

    outcome = box.run_all(one, two)

    assert sorted(outcome.rotated) == sorted(map(str, (shared, first, second)))
    assert status_of(outcome, "log:one") == "ok"
    assert status_of(outcome, "log:two") == "warning"
    assert not box.run_all(one, two).changed


@pytest.mark.parametrize("when", ["2027-1-2-3:4:5", "2037-12-31-23:59:59"])
def test_a_state_from_the_future_is_a_warning_and_no_failure(box: Sandbox, when: str) -> None:
    log = box.log("a.log", 10)
    box.state.write_text(f'logrotate state -- version 2\n"{log}" {when}\n')
    predicted = box.run(check_mode=True, max_size=None)

    outcome = box.run(max_size=None)

    assert predicted.rotated == outcome.rotated == [str(log)]
    assert status_of(outcome, "log:api") == "ok"
    assert status_of(predicted, "logrotate:state") == "warning"
    assert status_of(outcome, "logrotate:state") == "warning"
    assert status_of(box.run(max_size=None), "logrotate:state") == "ok"


def as_folder(path: Path) -> None:
    path.mkdir()


def as_fifo(path: Path) -> None:
    os.mkfifo(path)


def as_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [as_folder, as_fifo, as_link_to_a_device])
def test_a_state_file_that_is_none_is_critical_and_ends_in_time(
    box: Sandbox, make: t.Callable[[Path], None]
) -> None:
    log = box.log("a.log", 2000)
    make(box.state)

    outcome = box.run()

    assert outcome.rotated == []
    assert status_of(outcome, "logrotate:state") == "critical"
    assert status_of(outcome, "log:api") == "unknown"
    assert log.stat().st_size == 2000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"logrotate state -- version 9\n",
        b'logrotate state -- version 2\n"/x" 2026-13-40-1:1:1\n',
        b'logrotate state -- version 2\n"/x',
        b"\xff\xfe" * 50,
    ],
    ids=["empty", "nul", "version", "date", "cut", "binary"],
)
def test_a_damaged_state_file_stops_nothing(box: Sandbox, content: bytes) -> None:
    log = box.log("a.log", 2000)
    box.state.write_bytes(content)

    outcome = box.run()

    assert outcome.rotated == [str(log)]
    assert status_of(outcome, "log:api") == "ok"
    assert status_of(box.run(), "logrotate:state") == "ok"


def test_a_logrotate_that_cannot_be_understood_fails_no_task(box: Sandbox) -> None:
    box.log("a.log", 2000)
    program = box.root / "logrotate"
    program.write_text(
        f'#!/bin/sh\n[ "$3" = {box.state} ] && exec echo nonsense\nexec {LOGROTATE} "$@"\n'
    )
    program.chmod(0o755)
    box.host = replace(box.host, program=str(program))

    outcome = box.run()

    assert status_of(outcome, "logrotate:state") == "critical"
    assert status_of(outcome, "log:api") == "unknown"


def test_old_files_of_another_naming_are_reported(box: Sandbox) -> None:
    box.log("a.log", 0)
    for name in ("a.log.3.gz", "a.log-20240101.gz"):
        os.utime(box.log(name, 5), (0, time.time() - 60 * DAY))

    outcome = box.run()

    assert status_of(outcome, "log:api.retention") == "warning"
    assert outcome.removed == []


def test_a_log_with_endless_files_costs_that_log_only(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MOST_FILES", 5)
    monkeypatch.setattr(observing, "MOST_FILES", 5)
    (box.root / "other").mkdir()
    other = box.root / "other" / "b.log"
    other.write_bytes(b"x" * 2000)
    for number in range(6):
        box.log(f"a{number}.log", 2000)

    outcome = box.run_all(box.entry(), box.entry(name="other", paths=[str(other)]))

    assert outcome.rotated == [str(other)]
    assert status_of(outcome, "log:api") == "unknown"
    assert status_of(outcome, "log:other") == "ok"
