# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever call of the system fails while things are restored: all is as before, or all is back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import typing as t
from contextlib import closing
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.restore.choose import RestoreError

from tests.faults.conftest import FULL, sample
from tests.faults.test_backup_calls import ERRORS, FailingCall
from tests.unit.module_utils.backup.conftest import statuses
from tests.unit.module_utils.restore.conftest import RestoringShop

NAMES: t.Final = (
    "rename", "fsync", "open", "write", "mkdir", "unlink", "rmdir", "replace", "fchmod", "fchown",
    "chown", "utime", "symlink", "link", "listdir", "fstat", "memfd_create", "ftruncate",
)  # fmt: skip
GOOD, BROKEN = (True, True), (False, False)


@pytest.fixture
def shop(tmp_path: Path) -> RestoringShop:
    """Return a host with a set of its files and its database."""
    made = RestoringShop(tmp_path)
    made.backup(artefacts=[made.files_artefact(), made.sqlite_artefact()])

    return made


def spoil(shop: RestoringShop) -> None:
    """Damage the application and its database, and remove what restores kept of them."""
    for kept in (*shop.kept(shop.app), *shop.kept(shop.database)):
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
    (shop.app / "main.py").write_text("broken")
    with closing(sqlite3.connect(shop.database)) as connection:
        connection.execute('DELETE FROM "Odd ""name"')
        connection.commit()


def state(shop: RestoringShop) -> tuple[bool, bool]:
    """Return whether the files and the database are those of the set."""
    with closing(sqlite3.connect(shop.database)) as connection:
        [(rows,)] = connection.execute('SELECT count(*) FROM "Odd ""name"')

    return (shop.app / "main.py").read_text().startswith("print"), rows == 500


def leftovers(shop: RestoringShop) -> list[str]:
    """Return what stands beside the live things and is not kept on purpose."""
    return [path.name for path in shop.folder.rglob(".upkeep-*")]


def restored(shop: RestoringShop) -> str:
    """Restore, and return why that failed, '' when it did not."""
    shop.later(seconds=1)
    try:
        answer = shop.restore()
    except RestoreError as error:
        return str(error)

    assert set(statuses(answer).values()) == {"ok"}, answer

    return "".join(one["message"] for one in answer["findings"] if "is left" in one["message"])


class FailingCalls(FailingCall):
    """Stands in for a function of os and fails from its n-th call on, as on a disk that is gone."""

    def __call__(self, *arguments: t.Any, **named: t.Any) -> t.Any:
        self.calls += 1
        if self.calls >= self._number:
            raise OSError(self._error, os.strerror(self._error))
        return self._real(*arguments, **named)


@pytest.mark.parametrize("error", ERRORS if FULL else ["EIO"])
@pytest.mark.parametrize(
    ("name", "failing"),
    [*((name, FailingCall) for name in (NAMES if FULL else NAMES[:3])), ("fsync", FailingCalls)],
)
def test_a_failing_call_leaves_all_as_before_or_restores_all(
    shop: RestoringShop,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    failing: type[FailingCall],
    error: str,
) -> None:
    spoil(shop)
    counting = FailingCall(name, 0, 0)
    with monkeypatch.context() as patch:
        patch.setattr(os, name, counting)

        assert restored(shop) == ""

    for number in sample(range(1, counting.calls + 1), 3):
        spoil(shop)
        with monkeypatch.context() as patch:
            patch.setattr(os, name, failing(name, number, ERRORS[error]))
            problem = restored(shop)
        place = f"call {number} of {counting.calls} of {name}: {problem}"

        if not problem or problem.startswith("restored"):
            assert state(shop) == GOOD, place
        elif "not all is as it was before" not in problem:
            assert state(shop) == BROKEN, place
        assert leftovers(shop) == [] or "is left" in problem, (place, leftovers(shop))
        for path in shop.folder.rglob(".upkeep-*"):
            shutil.rmtree(path)

        assert restored(shop) == "", place
        assert state(shop) == GOOD, place
