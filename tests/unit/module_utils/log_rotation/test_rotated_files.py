# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotated files: found by name and time, removed in time, and nobody writes to them."""

from __future__ import annotations

import getpass
import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.rotated_files import (
    RotatedFile,
    expired,
    find_late_writers,
    list_foreign,
    list_rotated,
    parse_rotated,
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
    file = parse_rotated("/var/log/a.log" + stamp(moment))

    assert file is not None
    assert file.log == "/var/log/a.log"
    assert stamp(file.rotated) == stamp(moment)


@pytest.mark.parametrize(
    "name",
    [
        "a.log",
        "a.log.1",
        "a.log-20261121",
        "a.log-20261321-000000",
        "a.log-20261121-220839.gz.tmp",
    ],
)
def test_other_files_are_none_of_ours(name: str) -> None:
    assert parse_rotated(f"/var/log/{name}") is None


@pytest.mark.usefixtures("berlin")
def test_in_the_repeated_hour_the_later_time_counts() -> None:
    file = parse_rotated("/x-20261025-023000")

    assert file is not None
    assert file.rotated == 1792891800  # 02:30 in winter time, 01:30 UTC


def listed(log: Path) -> list[RotatedFile]:
    return list_rotated([str(log)])[str(log)]


def test_rotated_files_are_listed_by_age_and_links_are_not(tmp_path: Path) -> None:
    now = time.time()
    log = tmp_path / "a.log"
    for age in (1, 3, 2):
        (tmp_path / f"a.log{stamp(now - age * DAY)}.gz").touch()

    (tmp_path / f"a.log{stamp(now - 9 * DAY)}").symlink_to("/etc/hostname")

    ages = [round((now - file.rotated) / DAY) for file in listed(log)]

    assert ages == [3, 2, 1]
    assert listed(tmp_path / "none" / "a.log") == []


def test_each_log_gets_its_own_rotated_files(tmp_path: Path) -> None:
    ending = stamp(time.time())
    for name in ("a.log", "a.log-b", "c.log"):
        (tmp_path / f"{name}{ending}").touch()

    found = list_rotated([str(tmp_path / "a.log"), str(tmp_path / "a.log-b")])

    assert found == {
        log: [RotatedFile(log, log + ending, found[log][0].rotated, compressed=False)]
        for log in (str(tmp_path / "a.log"), str(tmp_path / "a.log-b"))
    }


@pytest.mark.parametrize(
    "name",
    [
        "a.log.1",
        "a.log.3.gz",
        "a.log.1.zst",
        "a.log-20240101.gz",
        "a.log-2024010103",
        "a.log_20240101.zip",
        "a.log.2024-W48",
        "a-20240101.log",
        "a.2024-01-01.log.xz",
        "a.log.old",
    ],
)
def test_an_old_file_of_another_naming_is_found(tmp_path: Path, name: str) -> None:
    log, now = str(tmp_path / "a.log"), time.time()
    for other in (name, "a.log", "b.log.1", "a.logger.1", "notes.txt", f"a.log{stamp(now)}"):
        (tmp_path / other).touch()
        os.utime(tmp_path / other, (0, now - 40 * DAY))

    assert list_foreign([log], {log}, 30, now) == [str(tmp_path / name)]
    assert list_foreign([log], {log}, 50, now) == []
    assert list_foreign([log], {log, str(tmp_path / name)}, 30, now) == []


def test_only_what_is_past_its_time_is_expired(tmp_path: Path) -> None:
    now = time.time()
    for age in (29, 31):
        (tmp_path / f"a.log{stamp(now - age * DAY)}").touch()

    gone = expired(listed(tmp_path / "a.log"), keep_days=30, now=now)

    assert [round((now - file.rotated) / DAY) for file in gone] == [31]


def test_a_file_is_removed_as_the_user_of_its_log(tmp_path: Path) -> None:
    name = f"a.log{stamp(time.time() - 40 * DAY)}"
    (tmp_path / name).touch()

    assert remove(listed(tmp_path / "a.log"), getpass.getuser()) == {}
    assert not (tmp_path / name).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link of somebody else")
def test_root_removes_nothing_through_a_link_of_somebody_else(tmp_path: Path) -> None:
    """Who may write in a folder on the way could otherwise have any log of that name removed."""
    real, link = tmp_path / "real" / "logs", tmp_path / "link"
    real.mkdir(parents=True)
    name = f"a.log{stamp(time.time() - 40 * DAY)}"
    (real / name).touch()
    link.symlink_to(real.parent)
    os.lchown(link, 65534, 65534)

    problems = remove(listed(link / "logs" / "a.log"), "root")

    assert list(problems) == [str(link / "logs" / name)]
    assert (real / name).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_the_user_may_not_remove_stays(tmp_path: Path) -> None:
    """Whoever links a folder of its log to that of another user gains nothing."""
    name = f"a.log{stamp(time.time() - 40 * DAY)}"
    (tmp_path / name).touch()
    tmp_path.chmod(0o755)

    problems = remove(listed(tmp_path / "a.log"), "nobody")

    assert list(problems) == [str(tmp_path / name)]
    assert (tmp_path / name).exists()


def test_a_file_that_is_gone_already_is_no_problem(tmp_path: Path) -> None:
    name = f"a.log{stamp(time.time() - 40 * DAY)}"
    (tmp_path / name).touch()
    files = listed(tmp_path / "a.log")
    (tmp_path / name).unlink()

    assert remove(files, getpass.getuser()) == {}


def test_a_process_that_goes_on_writing_is_found(tmp_path: Path) -> None:
    log = str(tmp_path / "a.log")
    path = tmp_path / f"a.log{stamp(time.time() - 600)}"
    with path.open("w") as stream:
        stream.write("late\n")
        stream.flush()
        [writer] = find_late_writers([log])

        assert writer.pid == os.getpid()
        assert not writer.lost

        path.unlink()
        [writer] = find_late_writers([log])

        assert writer.lost

    assert find_late_writers([log]) == []


def test_readers_and_idle_writers_do_no_harm(tmp_path: Path) -> None:
    log = str(tmp_path / "a.log")
    path = tmp_path / f"a.log{stamp(time.time() - 600)}"
    path.touch()
    with path.open() as _reader:
        assert find_late_writers([log]) == []

    os.utime(path, (0, time.time() - 700))
    with path.open("a") as _idle:
        assert find_late_writers([log]) == []
