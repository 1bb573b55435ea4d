# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A restore puts back what the set holds, keeps what it replaces, or leaves all as it was."""

from __future__ import annotations

import os
import sqlite3
import typing as t
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.restore import run as runs
from ansible.module_utils.upkeep.restore.choose import RestoreError
from ansible.module_utils.upkeep.restore.targets import files as files_target
from ansible.module_utils.upkeep.restore.targets import sqlite as sqlite_target

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.restore.conftest import RestoringShop

ROWS = 'SELECT count(*) FROM "Odd ""name"'
BROKEN = "broken"


def tree(folder: Path, *, folder_times: bool = True) -> dict[str, tuple[int, int, bytes | str]]:
    """Return mode, time and content of everything below a folder, but for the sets."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            int(path.lstat().st_mtime) if folder_times or not path.is_dir() else 0,
            str(path.readlink())
            if path.is_symlink()
            else (path.read_bytes() if path.is_file() else ""),
        )
        for path in sorted(folder.rglob("*"))
        if "sets" not in path.relative_to(folder).parts
    }


def break_app(shop: RestoringShop) -> None:
    """Damage the application and its database."""
    (shop.app / "main.py").write_text(BROKEN)
    (shop.app / "added").write_text("by an intruder")
    with closing(sqlite3.connect(shop.database)) as connection:
        connection.execute('DELETE FROM "Odd ""name"')
        connection.commit()


def both(shop: RestoringShop) -> list[dict[str, t.Any]]:
    """Return the entries of files and database."""
    return [shop.files_artefact(), shop.sqlite_artefact()]


def test_a_folder_is_as_it_was_and_what_was_there_is_kept(shop: RestoringShop) -> None:
    (shop.app / "main.py").chmod(0o751)
    os.utime(shop.app / "main.py", (1000, 1000))
    before = tree(shop.app)
    shop.backup()
    break_app(shop)

    answer = shop.restore()

    assert statuses(answer) == {"restore:files": "ok", "restore:set": "ok"}
    assert tree(shop.app) == before

    [kept] = shop.kept(shop.app)

    assert (kept / "main.py").read_text() == BROKEN
    assert (kept / "added").exists()
    assert [str(kept)] == answer["kept"]["files"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owners_are_restored(shop: RestoringShop) -> None:
    os.chown(shop.app / "main.py", 1234, 2345)
    os.chown(shop.app / "current", 1234, 2345, follow_symlinks=False)
    os.chown(shop.app, 1234, 2345)
    shop.backup()
    break_app(shop)

    shop.restore()

    for path in (shop.app, shop.app / "main.py", shop.app / "current"):
        assert (path.lstat().st_uid, path.lstat().st_gid) == (1234, 2345)


def test_check_mode_says_what_would_be_replaced_and_changes_nothing(shop: RestoringShop) -> None:
    shop.backup(artefacts=both(shop))
    break_app(shop)
    before = tree(shop.folder)

    answer = shop.restore(check_mode=True)

    assert answer["changed"]
    assert answer["set"] == "20260301T020000Z"
    assert statuses(answer)["restore:files"] == "info"
    assert f"would replace {shop.app}" in message(answer, "restore:files")
    assert sum(answer["needs_bytes"].values()) > 0
    assert tree(shop.folder) == before


def test_listing_names_the_sets_and_what_they_hold(shop: RestoringShop) -> None:
    shop.backup(artefacts=both(shop))

    answer = shop.restore(action="list")

    [one] = answer["sets"]

    assert not answer["changed"]
    assert one["artefacts"] == {"files": "files", "orders": "sqlite"}
    assert one["is_verified"]


def test_beside_replaces_nothing(shop: RestoringShop) -> None:
    shop.backup(artefacts=both(shop))
    break_app(shop)

    answer = shop.restore(action="side")

    assert (shop.app / "main.py").read_text() == BROKEN

    [side] = shop.folder.glob(".upkeep-restoring-files-*")

    assert (side / "app" / "main.py").read_text().startswith("print")
    assert str(side) in message(answer, "restore:files")
    assert len([*shop.folder.glob(".upkeep-restoring-orders-*/orders.db")]) == 1


def test_what_was_left_out_of_the_set_is_taken_over(shop: RestoringShop) -> None:
    venv = shop.app / "deep" / "venv"
    venv.mkdir(parents=True)
    (venv / "python").write_text("x")
    (shop.app / "deep" / "code.py").write_text("x")
    exclude = {"exclude": ["venv", "*.log"]}
    shop.backup(artefacts=[shop.files_artefact(**exclude)])
    (shop.app / "app.log").write_text("a line")
    break_app(shop)

    answer = shop.restore(keep=["venv", "*.log"])

    assert (venv / "python").exists()
    assert (shop.app / "app.log").read_text() == "a line"
    assert not (shop.app / "added").exists()
    assert "app.log" in message(answer, "restore:files")


def test_one_file_of_an_archive_is_restored_alone(shop: RestoringShop) -> None:
    model = shop.app / "models" / "risk.pkl"
    model.parent.mkdir()
    model.write_text("good")
    shop.backup(artefacts=both(shop))
    model.write_text("bad")
    break_app(shop)

    shop.restore(paths=[str(model)])

    assert model.read_text() == "good"
    assert (shop.app / "main.py").read_text() == BROKEN
    assert [path.read_text() for path in shop.kept(model)] == ["bad"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"paths": ["/etc/nothing"]}, "has nothing of what is to be restored"),
        ({"artefacts": ["nothing"]}, "has no artefact nothing; it has files"),
        ({"set": "20200101T000000Z"}, "there is no set 20200101T000000Z; there are: 2026"),
        ({"table": "public.orders"}, "0 of the databases in the set have a table public.orders"),
        ({"free_percent": 90, "staging": "/var/tmp"}, "MiB are needed"),  # noqa: S108
    ],
)
def test_what_cannot_be_restored_is_named(
    shop: RestoringShop, options: dict[str, t.Any], expected: str
) -> None:
    shop.backup()
    break_app(shop)

    with pytest.raises(RestoreError, match=expected):
        shop.restore(**options)

    assert (shop.app / "main.py").read_text() == BROKEN


def test_exports_are_left_to_people(shop: RestoringShop) -> None:
    owner = Path(shop.folder).owner()
    export = {"name": "export", "command": {"argv": ["echo", "figures"], "run_as": owner}}
    shop.backup(artefacts=[shop.files_artefact(), export])

    assert set(statuses(shop.restore())) == {"restore:files", "restore:set"}

    with pytest.raises(RestoreError, match=r"read export/output\.zst of the set"):
        shop.restore(artefacts=["export"])


def test_nothing_is_restored_from_a_catalogue_without_a_verified_set(shop: RestoringShop) -> None:
    shop.root.mkdir(mode=0o700)

    with pytest.raises(RestoreError, match="no verified set"):
        shop.restore()


def test_a_set_from_the_future_is_restored_only_by_its_name(shop: RestoringShop) -> None:
    """Hold restic/restic #21956: the latest of all was one that a wrong clock had dated."""
    for days in (0, 400):
        shop.later(days=days)
        (shop.app / "main.py").write_text(f"made with the clock at {days}")
        shop.backup()
    ahead = shop.names()[-1]
    shop.later(days=-399)

    for check_mode in (True, False):
        with pytest.raises(RestoreError, match=f"set, {ahead}, is from the future"):
            shop.restore(check_mode)
    shop.restore(set=shop.names()[0])

    assert (shop.app / "main.py").read_text() == "made with the clock at 0"


def test_what_is_gone_is_restored_with_its_folders(shop: RestoringShop) -> None:
    target = shop.folder / "opt" / "shop"
    target.parent.mkdir()
    shop.app.rename(target)
    shop.backup(artefacts=[{"name": "files", "files": {"paths": [str(target)]}}])
    before = tree(target)
    for path in sorted(target.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    target.rmdir()
    target.parent.rmdir()

    answer = shop.restore()

    assert tree(target) == before
    assert answer["kept"]["files"] == []


def test_a_set_without_a_record_is_read_before_it_is_restored(shop: RestoringShop) -> None:
    made = shop.backup()["made"]
    (shop.root / ".records" / f"{made}.json").unlink()
    break_app(shop)

    shop.restore(set=made)

    assert (shop.app / "main.py").read_text() != BROKEN


def damage(path: Path, position: int) -> None:
    """Turn one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("artefact", ["files/files.tar.zst", "orders/database.sqlite.zst"])
@pytest.mark.parametrize("part", [0.0, 0.5, 0.999])
def test_a_damaged_set_is_not_restored(shop: RestoringShop, artefact: str, part: float) -> None:
    made = shop.backup(artefacts=both(shop))["made"]
    path = shop.root / made / artefact
    damage(path, int(path.stat().st_size * part))
    break_app(shop)
    before = tree(shop.folder)

    with pytest.raises(RestoreError, match="is damaged and is not restored"):
        shop.restore()

    assert tree(shop.folder) == before


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_set_that_was_cut_is_not_restored(shop: RestoringShop, keep: int) -> None:
    made = shop.backup()["made"]
    path = shop.root / made / "files" / "files.tar.zst"
    path.write_bytes(path.read_bytes()[:keep])
    break_app(shop)

    with pytest.raises(RestoreError, match="is damaged and is not restored"):
        shop.restore()

    assert (shop.app / "main.py").read_text() == BROKEN


def test_a_log_of_the_replaced_file_is_not_played_into_the_restored_one(
    shop: RestoringShop,
) -> None:
    shop.backup(artefacts=[shop.sqlite_artefact()])
    with closing(sqlite3.connect(shop.database)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute('DELETE FROM "Odd ""name"')
        writer.commit()

        answer = shop.restore()

    with closing(sqlite3.connect(shop.database)) as connection:
        assert connection.execute(ROWS).fetchone() == (500,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    assert len(answer["kept"]["orders"]) == 3


def test_a_journal_of_the_replaced_file_is_not_rolled_back_into_the_restored_one(
    shop: RestoringShop,
) -> None:
    shop.backup(artefacts=[shop.sqlite_artefact()])
    journal = Path(f"{shop.database}-journal")
    with closing(sqlite3.connect(shop.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN")
        connection.execute("""UPDATE "Odd ""name" SET note = note || 'x'""")
        hot = journal.read_bytes()
    journal.write_bytes(hot)

    answer = shop.restore()

    assert not journal.exists()
    assert any(name.endswith("-journal") for name in answer["kept"]["orders"])

    with closing(sqlite3.connect(shop.database)) as connection:
        assert connection.execute(ROWS).fetchone() == (500,)


def test_it_can_be_restored_again_and_over_something_else(shop: RestoringShop) -> None:
    before = tree(shop.app)
    shop.backup()
    (shop.app / "current").unlink()
    (shop.app / "current").mkdir()
    (shop.app / "empty").rmdir()
    (shop.app / "empty").write_text("a file now")

    for _ in range(2):
        shop.restore()
        shop.later(seconds=1)

        assert tree(shop.app) == before

    assert len(shop.kept(shop.app)) == 2


def test_the_file_of_sqlite_keeps_its_mode(shop: RestoringShop) -> None:
    shop.database.chmod(0o600)
    shop.backup(artefacts=[shop.sqlite_artefact()])
    shop.database.write_bytes(b"destroyed")

    shop.restore()

    assert shop.database.stat().st_mode & 0o777 == 0o600


def test_a_copy_without_rows_is_not_restored(shop: RestoringShop) -> None:
    with closing(sqlite3.connect(shop.database)) as connection:
        connection.execute('DELETE FROM "Odd ""name"')
        connection.commit()
    shop.backup(artefacts=[shop.sqlite_artefact()])

    with pytest.raises(RestoreError, match="no rows at all"):
        shop.restore()

    assert statuses(shop.restore(allow_empty=True))["restore:orders"] == "ok"


@pytest.fixture
def fail_rename(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Give a function that lets the Nth rename of a restore fail, and those after it work."""
    original = os.rename

    def at(number: int) -> list[int]:
        calls: list[int] = []

        def rename(*arguments: t.Any, **options: t.Any) -> None:
            calls.append(1)
            if len(calls) == number:
                raise OSError(28, "No space left on device")
            original(*arguments, **options)

        monkeypatch.setattr(os, "rename", rename)
        return calls

    return at


@pytest.mark.parametrize("number", range(1, 7))
def test_all_is_as_before_when_a_rename_fails(
    shop: RestoringShop, fail_rename: Callable[[int], list[int]], number: int
) -> None:
    (shop.app / "app.log").write_text("a line")
    shop.backup(artefacts=[shop.files_artefact(exclude=["*.log"]), shop.sqlite_artefact()])
    break_app(shop)
    before = tree(shop.folder, folder_times=False)
    calls = fail_rename(number)

    try:
        shop.restore(keep=["*.log"])
    except RestoreError as error:
        assert "No space left on device" in str(error)
        assert tree(shop.folder, folder_times=False) == before
    else:
        assert len(calls) < number, "a failed rename was not noticed"
        return

    shop.later(seconds=1)
    shop.restore(keep=["*.log"])

    assert (shop.app / "main.py").read_text() != BROKEN
    assert (shop.app / "app.log").read_text() == "a line"


def test_what_cannot_be_put_back_is_named(
    shop: RestoringShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.backup(artefacts=[shop.files_artefact(), shop.sqlite_artefact()])
    break_app(shop)

    def refuse(*_: t.Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sqlite_target.SqliteTarget, "replace", refuse)
    monkeypatch.setattr(files_target.FilesTarget, "put_back", refuse)

    with pytest.raises(RestoreError, match=r"^not all is as it was before: .*files was replaced"):
        shop.restore()

    [kept] = shop.kept(shop.app)

    assert (kept / "main.py").read_text() == BROKEN


def test_services_are_stopped_while_things_are_replaced(
    shop: RestoringShop, stand_in: Callable[[str, str], None]
) -> None:
    log = shop.folder / "calls"
    stand_in(
        "systemctl",
        f'shift 2; echo "$1 $3 $(head -c 6 {shop.app}/main.py)" >> {log}\n'
        "test $1 = show || exit 0\n"
        "shift 3; for unit; do test $unit = idle.service && state=inactive || state=active\n"
        "printf 'LoadState=loaded\\nActiveState=%s\\n\\n' $state; done",
    )
    shop.backup()
    break_app(shop)
    shop.restore(units=["shop.service", "idle.service"])

    calls = [line.split() for line in log.read_text().splitlines()]

    assert [call[0] for call in calls] == ["show", "show", "stop", "reset-failed", "start"]
    assert calls[2][1:] == ["shop.service", BROKEN]
    assert calls[4][1:] == ["shop.service", "print("]


def test_services_are_started_when_the_replacing_fails(
    shop: RestoringShop,
    stand_in: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = shop.folder / "calls"
    stand_in(
        "systemctl",
        f'shift 2; echo "$1" >> {log}\n'
        "test $1 != show || printf 'LoadState=loaded\\nActiveState=active\\n'",
    )
    shop.backup()
    break_app(shop)

    def move(*_: t.Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files_target, "move", move)
    with pytest.raises(RestoreError, match=r"as it was before: .*Input/output error"):
        shop.restore(units=["shop.service"])

    assert log.read_text().split() == ["show", "show", "stop", "reset-failed", "start"]


def test_another_libc_is_a_warning(shop: RestoringShop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.backup()
    monkeypatch.setattr(runs, "_libc", lambda: "glibc 9.99")

    answer = shop.restore()

    assert statuses(answer)["restore:libc"] == "warning"


def test_a_parent_that_a_link_leads_away_from_is_refused(shop: RestoringShop) -> None:
    inner = shop.folder / "service" / "app"
    inner.mkdir(parents=True)
    (inner / "main.py").write_text("x")
    if os.geteuid() == 0:
        os.chown(shop.folder / "service", 1234, 1234)
    shop.backup(artefacts=[{"name": "files", "files": {"paths": [str(inner)]}}])
    (shop.folder / "service").rename(shop.folder / "elsewhere")
    (shop.folder / "service").symlink_to(shop.folder / "elsewhere")
    if os.geteuid() != 0:
        pytest.skip("a link of ours is trusted")
    os.chown(shop.folder / "service", 1234, 1234, follow_symlinks=False)

    with pytest.raises(RestoreError, match="leads through the link"):
        shop.restore()
