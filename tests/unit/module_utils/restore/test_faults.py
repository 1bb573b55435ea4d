# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A program that fails, hangs or lies leaves all as it is, and the next restore works."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import unpacking
from ansible.module_utils.upkeep.restore.choose import RestoreError

from tests.unit.module_utils.postgresql.server import Server, binaries
from tests.unit.module_utils.restore.conftest import RestoringShop, dump_artefact, login_of

ORDERS = (
    "CREATE TABLE orders (id serial PRIMARY KEY, note text)",
    "INSERT INTO orders (note) SELECT 'n' || n FROM generate_series(1, 200) n",
)
BROKEN = "broken"
REAL_ZSTD = shutil.which("zstd")


@pytest.mark.parametrize(
    "body",
    [
        "exit 1",
        "exit 0",
        "kill -9 $$",
        f'{REAL_ZSTD} "$@" | head -c 700; exit 0',
        f'{REAL_ZSTD} "$@"; exit 3',
        "sleep 60",
        f'{REAL_ZSTD} "$@"; printf more',
    ],
)
def test_an_archive_that_cannot_be_expanded_replaces_nothing(
    shop: RestoringShop, stand_in: Callable[[str, str], None], body: str
) -> None:
    shop.backup(artefacts=[shop.files_artefact(), shop.sqlite_artefact()])
    (shop.app / "main.py").write_text(BROKEN)
    stand_in("zstd", body)

    with pytest.raises(RestoreError, match="nothing was replaced"):
        shop.restore(artefact_seconds=2)

    assert (shop.app / "main.py").read_text() == BROKEN
    assert list(shop.folder.glob(".upkeep-*")) == []

    stand_in("zstd", f'exec {REAL_ZSTD} "$@"')
    shop.restore()

    assert (shop.app / "main.py").read_text().startswith("print")


def test_what_could_not_be_put_back_is_not_called_as_before(
    shop: RestoringShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.backup(artefacts=[shop.files_artefact()])
    (shop.app / "main.py").write_text(BROKEN)
    original, calls = os.rename, iter(range(1, 100))

    def rename(*names: t.Any, **folders: t.Any) -> None:
        if next(calls) > 1:
            raise OSError(errno.EIO, "Input/output error")
        original(*names, **folders)

    monkeypatch.setattr(unpacking.os, "rename", rename)

    with pytest.raises(RestoreError, match="not all is as it was before"):
        shop.restore()

    [kept] = shop.kept(shop.app)

    assert (kept / "main.py").read_text() == BROKEN


@pytest.fixture
def programs() -> Iterator[Path]:
    """Return a folder of PostgreSQL's programs in which pg_restore can be another one."""
    with tempfile.TemporaryDirectory(prefix="upkeep-programs-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for path in binaries().iterdir():
            (folder / path.name).symlink_to(path)
        (folder / "pg_restore").unlink()
        yield folder


def put(programs: Path, number: int, body: str) -> None:
    """Let one call of pg_restore that loads something be another program, the others be real."""
    counter = programs / "calls"
    counter.unlink(missing_ok=True)
    script = (
        "#!/bin/sh\n"
        f'case "$*" in *--use-list*) echo x >> {counter};; esac\n'
        f'test "$(wc -l < {counter} 2>/dev/null)" != {number} || {{ {body}; }}\n'
        f'exec {binaries()}/pg_restore "$@"\n'
    )
    (programs / "pg_restore").write_text(script)
    (programs / "pg_restore").chmod(0o755)
    programs.chmod(0o777)


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("body", ["exit 1", "exit 0", "kill -9 $$", "sleep 60"])
def test_a_load_that_breaks_off_replaces_nothing(
    shop: RestoringShop, pg: Server, programs: Path, number: int, body: str
) -> None:
    database = pg.create_database("", "CREATE EXTENSION amcheck", *ORDERS)
    shop.backup(artefacts=[dump_artefact(pg, database)])
    pg.run(database, "DELETE FROM orders WHERE id > 7")
    put(programs, number, body)
    login = login_of(pg, program_folder=str(programs))

    shop.later(seconds=1)
    with pytest.raises(RestoreError, match="nothing was replaced"):
        shop.restore(postgresql=login, artefact_seconds=4)

    assert pg.query(database, "SELECT count(*) FROM orders") == [(7,)]

    left = [name for (name,) in pg.query("postgres", "SELECT datname FROM pg_database")]

    assert not any("_side_" in name for name in left)

    shop.later(seconds=1)
    shop.restore(postgresql=login_of(pg))

    assert pg.query(database, "SELECT count(*) FROM orders") == [(200,)]
