# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotated files: recognised by name and time, removed on time, and nobody writes to them."""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.segments import (
    expired,
    find_writers,
    list_segments,
    parse_segment,
    remove,
)
from hypothesis import given
from hypothesis import strategies as st

DAY = 86400


def stamp(moment: float) -> str:
    """Return the ending that logrotate gives to a file rotated at this Unix time."""
    return time.strftime("-%Y%m%d-%H%M%S", time.localtime(moment))


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[None]:
    """Use a time zone whose clocks repeat an hour."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@given(st.integers(946684800, 4102444800))
def test_every_time_survives_the_name(moment: int) -> None:
    segment = parse_segment("/var/log/a.log", "/var/log/a.log" + stamp(moment))
    assert segment is not None
    assert stamp(segment.rotated) == stamp(moment)


@pytest.mark.parametrize(
    "name",
    [
        "a.log",
        "a.log.1",
        "a.log-20261121",
        "a.log-20261321-000000",
        "b.log-20261121-220839",
        "a.log-20261121-220839.gz.tmp",
    ],
)
def test_other_files_are_none_of_ours(name: str) -> None:
    assert parse_segment("/var/log/a.log", f"/var/log/{name}") is None


@pytest.mark.usefixtures("berlin")
def test_in_the_repeated_hour_the_later_time_counts() -> None:
    segment = parse_segment("/x", "/x-20261025-023000")
    assert segment is not None
    assert segment.rotated == 1792891800  # 02:30 in winter time, 01:30 UTC


def test_segments_are_listed_by_age_and_links_are_not(tmp_path: Path) -> None:
    now = time.time()
    log = tmp_path / "a.log"
    for age in (1, 3, 2):
        (tmp_path / f"a.log{stamp(now - age * DAY)}.gz").touch()

    (tmp_path / f"a.log{stamp(now - 9 * DAY)}").symlink_to("/etc/hostname")
    ages = [round((now - segment.rotated) / DAY) for segment in list_segments(str(log))]

    assert ages == [3, 2, 1]
    assert list_segments(str(tmp_path / "none" / "a.log")) == []


def test_only_what_is_past_its_time_is_expired(tmp_path: Path) -> None:
    now = time.time()
    for age in (29, 31):
        (tmp_path / f"a.log{stamp(now - age * DAY)}").touch()
    gone = expired(list_segments(str(tmp_path / "a.log")), keep_days=30, now=now)
    assert [round((now - segment.rotated) / DAY) for segment in gone] == [31]


def test_nothing_is_removed_through_a_linked_folder(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    name = f"a.log{stamp(time.time() - 40 * DAY)}"
    (real / name).touch()
    (tmp_path / "link").symlink_to(real)
    [segment] = list_segments(str(tmp_path / "link" / "a.log"))

    with pytest.raises(OSError, match="link"):
        remove(segment)

    assert (real / name).exists()

    remove(list_segments(str(real / "a.log"))[0])

    assert not (real / name).exists()


def test_a_process_that_goes_on_writing_is_found(tmp_path: Path) -> None:
    log = str(tmp_path / "a.log")
    path = tmp_path / f"a.log{stamp(time.time() - 600)}"
    with path.open("w") as stream:
        stream.write("late\n")
        stream.flush()
        [writer] = find_writers([log])

        assert (writer.pid, writer.lost) == (os.getpid(), False)

        path.unlink()
        [writer] = find_writers([log])

        assert writer.lost

    assert find_writers([log]) == []


def test_readers_and_idle_writers_do_no_harm(tmp_path: Path) -> None:
    log = str(tmp_path / "a.log")
    path = tmp_path / f"a.log{stamp(time.time() - 600)}"
    path.touch()
    with path.open() as _reader:
        assert find_writers([log]) == []

    os.utime(path, (0, time.time() - 700))
    with path.open("a") as _idle:
        assert find_writers([log]) == []
