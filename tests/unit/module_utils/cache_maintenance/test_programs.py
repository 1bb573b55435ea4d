# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs that warm: one at a time, bounded, with the environment of their file."""

from __future__ import annotations

import os
import pwd
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import files
from ansible.module_utils.upkeep.cache_maintenance.programs import HeldError, ProgramError, warm
from ansible.module_utils.upkeep.cache_maintenance.settings import Warming

from tests.unit.module_utils.cache_maintenance.folders import settings

ME: t.Final = pwd.getpwuid(os.geteuid()).pw_name


def warming(folder: Path, code: str, **options: t.Any) -> Warming:
    """Return a warming that runs Python code."""
    entry = {
        "name": "w",
        "user": ME,
        "folder": str(folder),
        "argv": [sys.executable, "-c", code],
        "every_hours": 6,
        **options,
    }

    return settings(folder, warmings=[entry]).warmings[0]


def run(given: Warming, folder: Path) -> None:
    warm(given, given.argv, str(folder / "guard"), 10)


def test_it_runs_in_its_folder_with_the_environment_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# x\nKEY='a b'\nexport OTHER=c\n")
    code = "import os; open('out', 'w').write(os.environ['KEY'] + os.environ['OTHER'])"
    run(warming(tmp_path, code, environment_file=str(tmp_path / "env")), tmp_path)

    assert (tmp_path / "out").read_text() == "a bc"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; sys.exit('no database')", "ended with 1: no database"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
        ("import time; time.sleep(60)", "took more than 1 s"),
    ],
)
def test_what_goes_wrong_is_said(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        run(warming(tmp_path, code, max_seconds=1), tmp_path)


def test_a_missing_program_user_or_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="cannot be started: No such file"):
        given = warming(tmp_path, "", argv=["/no/such/program"])
        run(given, tmp_path)
    with pytest.raises(ProgramError, match="there is no user"):
        run(warming(tmp_path, "", user="nobody-here"), tmp_path)
    with pytest.raises(ProgramError, match="cannot be read"):
        run(warming(tmp_path, "", environment_file=str(tmp_path / "none")), tmp_path)


def test_a_lock_that_cannot_be_made_is_said_and_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "guard").mkdir()
    with pytest.raises(ProgramError, match="cannot be locked"):
        run(warming(tmp_path, "open('out', 'w')"), tmp_path)

    assert not (tmp_path / "out").exists()


def test_a_second_one_does_not_begin_beside_the_first(tmp_path: Path) -> None:
    with files.exclusive(str(tmp_path / "guard")), pytest.raises(HeldError):
        run(warming(tmp_path, "open('out', 'w')"), tmp_path)

    assert not (tmp_path / "out").exists()


def test_many_at_once_are_one(tmp_path: Path) -> None:
    code = "import time; open('count', 'a').write('x'); time.sleep(1)"
    held: list[bool] = []

    def one() -> None:
        try:
            run(warming(tmp_path, code), tmp_path)
        except HeldError:
            held.append(True)

    threads = [threading.Thread(target=one) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert (tmp_path / "count").read_text() == "x"
    assert len(held) == 4


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        with files.exclusive(str(tmp_path / "guard")):
            (tmp_path / "held").touch()
            time.sleep(60)
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)

    run(warming(tmp_path, "open('out', 'w')"), tmp_path)
    assert (tmp_path / "out").exists()
