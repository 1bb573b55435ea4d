# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotation by hand and by this project: what becomes of the lines of a program that writes.

The first half shows the hand-written recipes losing lines or refusing to run; the second half shows
ours under the same writer.
"""

from __future__ import annotations

import getpass
import gzip
import logging
import logging.handlers
import os
import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.host import LogrotateHost
from ansible.module_utils.upkeep.log_rotation.run import run
from ansible.module_utils.upkeep.log_rotation.settings import parse

from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE, entry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def unpacked(path: Path) -> bytes:
    """Return what a file held before it was compressed."""
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=True).stdout

    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def lines_in(folder: Path) -> list[str]:
    """Return every line of every file in the folder, compressed or not."""
    lines: list[str] = []
    for path in sorted(folder.iterdir()):
        data = unpacked(path)
        lines += data.decode().splitlines()

    return lines


def writer(handler: logging.Handler) -> t.Callable[[int, int], None]:
    """Return a function that logs the numbers of a range through this handler."""

    def write(start: int, stop: int) -> None:
        for number in range(start, stop):
            handler.emit(logging.LogRecord("service", logging.INFO, "", 0, str(number), None, None))

    return write


def rotate(folder: Path, **changes: t.Any) -> None:
    """Rotate the folder's logs the way this project does."""
    user = getpass.getuser()
    options = entry(paths=[f"{folder}/*.log"], owner=user, group=user, max_size="1", **changes)
    settings = parse(
        {
            "logs": [options],
            "config_path": str(folder.parent / "upkeep"),
            "state_path": str(folder.parent / "status"),
        }
    )

    assert run(settings, LogrotateHost(LOGROTATE, "/nonexistent"), check_mode=False).rotated


def wait_until(happened: t.Callable[[], bool]) -> None:
    """Wait for something that another process does; fails after 30 seconds."""
    give_up = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def next_second() -> None:
    """Wait for another second on the clock, which is what tells two rotated files apart."""
    start = int(time.time())
    wait_until(lambda: int(time.time()) != start)


def test_moving_an_open_log_away_and_compressing_it_loses_what_is_written_next(
    folder: Path,
) -> None:
    log = folder / "dashboard.log"
    handler = logging.FileHandler(log)
    write = writer(handler)
    write(0, 100)
    set_aside = folder / "dashboard.log.202611.bak"
    shutil.move(log, set_aside)
    log.touch()
    write(100, 200)

    assert log.read_bytes() == b"", "the program does not come to the new file"

    subprocess.run(["gzip", str(set_aside)], check=True)
    write(200, 300)
    handler.close()

    assert len(lines_in(folder)) == 200


def test_copying_and_truncating_loses_what_is_written_in_between(folder: Path) -> None:
    log = folder / "api.log"
    handler = logging.FileHandler(log)
    write = writer(handler)
    write(0, 100)
    shutil.copy(log, folder / "api.log.1")
    write(100, 110)
    os.truncate(log, 0)
    write(110, 200)
    handler.close()

    assert len(lines_in(folder)) == 190


def test_a_name_of_year_and_month_meets_itself(folder: Path) -> None:
    log = folder / "dashboard.log"
    set_aside = folder / f"dashboard.log.{time.strftime('%Y%m')}.bak"
    for _ in range(2):
        log.write_text("line\n")
        shutil.move(log, set_aside)
        done = subprocess.run(
            ["gzip", str(set_aside)], stdin=subprocess.DEVNULL, capture_output=True, check=False
        )

    assert done.returncode == 2, "gzip refuses to overwrite the first file"


def test_ours_keeps_two_rotations_of_one_day(folder: Path) -> None:
    for number in range(3):
        (folder / "dashboard.log").write_text(f"{number}\n")
        rotate(folder)
        next_second()
    assert sorted(lines_in(folder)) == ["0", "1", "2"]


def test_ours_brings_a_watching_writer_to_the_new_file(folder: Path) -> None:
    log = folder / "api.log"
    handler = logging.handlers.WatchedFileHandler(log)
    write = writer(handler)
    write(0, 100)
    rotate(folder)
    write(100, 200)
    handler.close()

    assert log.read_text().splitlines() == [str(number) for number in range(100, 200)]
    assert sorted(map(int, lines_in(folder))) == list(range(200))


#: A service of its own: it writes until the file ``stop`` appears, and prints how many lines it
#: wrote.
SERVICE = """
import logging, logging.handlers, pathlib, sys
log, stop = sys.argv[1:]
logger = logging.getLogger()
logger.addHandler(logging.handlers.WatchedFileHandler(log))
number = 0
while not pathlib.Path(stop).exists():
    logger.error("%d", number)
    number += 1
print(number)
"""


@pytest.mark.requirement("R-fairedge-27")
def test_ours_loses_no_line_of_a_program_at_full_speed(folder: Path) -> None:
    log, stop = folder / "api.log", folder.parent / "stop"
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, log, stop], stdout=subprocess.PIPE, text=True
    )

    try:
        for _ in range(4):
            wait_until(lambda: log.exists() and log.stat().st_size > 10_000)
            rotate(folder)
            next_second()
    finally:
        stop.touch()
        written, _ = service.communicate(timeout=30)

    assert len(list(folder.glob("api.log-*"))) == 4
    assert sorted(map(int, lines_in(folder))) == list(range(int(written)))
