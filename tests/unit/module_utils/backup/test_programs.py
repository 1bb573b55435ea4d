# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pipes of programs that are fed: a failure is met at once, and again by whoever goes on."""

from __future__ import annotations

import contextlib
import tempfile
import typing as t

import pytest

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.backup import programs
from ansible.module_utils.upkeep.backup.programs import Program, ProgramError
from ansible.module_utils.upkeep.base.archives import archive_writer
from ansible.module_utils.upkeep.base.deadline import Deadline

#: Programs that read no more, and what is said of them.
ENDED: t.Final = {
    "fails": ("head -c 1 >&2; exit 3", "sh ended with 3"),
    "is killed": ("kill -9 $$", "sh ended with -9"),
    "ends early": ("exit 0", "sh stopped reading"),
}


@pytest.mark.parametrize("kind", ENDED)
def test_each_piece_for_a_program_that_has_ended_is_the_same_failure(kind: str) -> None:
    script, message = ENDED[kind]
    failures: list[str] = []

    with (
        contextlib.suppress(ProgramError),
        tempfile.TemporaryFile() as out,
        programs.writing([Program(("sh", "-c", script))], out.fileno(), Deadline(60), []) as feed,
    ):
        for _ in range(3):
            try:
                while True:
                    feed(bytes(1 << 20))
            except ProgramError as error:
                failures.append(str(error))
        raise ProgramError("over")

    assert len(failures) == 3
    assert all(one.startswith(message) for one in failures)


def test_an_archive_whose_program_ended_is_given_up_at_once() -> None:
    """``tarfile`` writes what it still holds when its block is left, whatever the reason."""
    argv = ("sh", "-c", "head -c 1000000 > /dev/null; exit 3")
    deadline = Deadline(60)

    with (
        pytest.raises(ProgramError, match="sh ended with 3"),
        tempfile.TemporaryFile() as out,
        programs.writing([Program(argv)], out.fileno(), deadline, []) as feed,
        archive_writer(feed) as archive,
    ):
        while True:
            archive.addfile(archive.tarinfo("empty"))

    assert deadline.left > 0
