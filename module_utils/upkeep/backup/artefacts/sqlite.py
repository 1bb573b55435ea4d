# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""SQLite files: copied while they are in use, checked, and their rows counted."""

from __future__ import annotations

import os
import sqlite3
import typing as t
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

from ...base import isolated
from ...base.deadline import Deadline
from ...base.files import open_regular, reason_of
from ...base.ownership import owned_path
from ...base.text import list_some
from .. import programs
from ..manifest import BROKEN_REFERENCES, Artefact
from ..settings import SqliteCopySettings
from .kind import (
    ArtefactError,
    ArtefactFolder,
    MadeArtefact,
    OpenFile,
    Workplace,
    foreign_folder,
    staging_folder,
)

COPY: t.Final = "database.sqlite.zst"
_NAME: t.Final = "database.sqlite"
_BUSY_SECONDS: t.Final = 30.0
#: So many broken references are counted.
_MOST_BROKEN: t.Final = 1000


class SqliteCopyKind:
    """Copies of SQLite files."""

    def make(
        self, source: SqliteCopySettings, folder: ArtefactFolder, place: Workplace
    ) -> MadeArtefact:
        """Copy the file with the rights of its owner, check the copy, and take it over."""
        try:
            owned = owned_path(source.path)
        except OSError as error:
            raise ArtefactError(f"'{source.path}' {reason_of(error)}") from error

        owner = owned.owner if os.geteuid() == 0 else None
        with staging_folder(place, owned.owner.uid, owned.owner.gid) as staging:
            copy = f"{staging}/{_NAME}"
            deadline = place.deadline
            values, problem = isolated.run(
                lambda: _copied(owned.path, copy, deadline), deadline.remaining(), owner
            )
            if problem:
                raise ArtefactError(f"'{source.path}' cannot be copied: {problem}")

            with (
                open_regular(copy, owner=owned.owner.uid) as stream,
                folder.create(COPY) as out,
            ):
                raw = os.fstat(stream.fileno()).st_size
                stages = programs.run(
                    [programs.compressing()], out.fileno(), deadline, stream.fileno()
                )

        facts = {"path": source.path, "raw_bytes": raw, **values[0]}

        return MadeArtefact(facts, tuple(stages))

    def verify(self, artefact: Artefact, open_file: OpenFile, place: Workplace) -> list[str]:
        """Unpack the copy, check it as SQLite does, and compare the rows of its tables."""
        owner = programs.harmless_owner()
        with (
            staging_folder(place, *(owner or ())) as staging,
            foreign_folder(staging, owner) as folder,
            open_file(artefact.files[0]) as stream,
            folder.create(_NAME) as out,
        ):
            programs.run([programs.expanding()], out.fileno(), place.deadline, stream.fileno())
            raw = os.fstat(out.fileno()).st_size
            if owner:
                os.fchown(out.fileno(), *owner)
            values, problem = isolated.run(
                lambda: iter([_checked(f"{staging}/{_NAME}", place.deadline)]),
                place.deadline.remaining(),
                owner,
                limits=isolated.PARSING,
            )

        if problem:
            return [f"its copy is damaged: {problem}"]

        expected = artefact.facts.get("raw_bytes")
        found = [] if raw == expected else [f"its copy has {raw} bytes instead of {expected}"]

        return found + _differing(artefact.facts.get("tables"), values[0]["tables"])


KIND: t.Final = SqliteCopyKind()


def _copied(path: str, copy: str, deadline: Deadline) -> Iterator[dict[str, t.Any]]:
    """Copy the file beside its writers, and yield the facts of the copy.

    In one step: a write of another process would begin a copy in steps anew, again and again.
    """
    source = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
    with closing(source), closing(sqlite3.connect(copy)) as target:
        mode = source.execute("PRAGMA journal_mode").fetchone()[0]
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE").fetchone()  # one file, without a log beside it

    yield {"journal_mode": mode, **_checked(copy, deadline)}


def _checked(path: str, deadline: Deadline) -> dict[str, t.Any]:
    """Return the facts of a copy; raises ArtefactError for a damaged one."""
    with closing(sqlite3.connect(f"file:{_quoted(path)}?mode=ro&immutable=1", uri=True)) as copy:
        copy.set_progress_handler(lambda: int(deadline.is_over()), 100_000)
        copy.text_factory = lambda data: data.decode("utf-8", "surrogateescape")

        [(verdict,), *_] = copy.execute("PRAGMA integrity_check(5)").fetchall()
        if verdict != "ok":
            raise ArtefactError(f"integrity_check finds: {verdict}")
        broken = copy.execute("PRAGMA foreign_key_check").fetchmany(_MOST_BROKEN)
        version = copy.execute("PRAGMA user_version").fetchone()[0]
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY 1"
        names = [name for (name,) in copy.execute(query)]
        tables = [{"name": name, "rows": _rows(copy, name)} for name in names]

    return {
        "sqlite_version": sqlite3.sqlite_version,
        "user_version": version,
        BROKEN_REFERENCES: len(broken),
        "tables": tables,
    }


def _rows(copy: sqlite3.Connection, name: str) -> int:
    quoted = '"' + name.replace('"', '""') + '"'

    return int(copy.execute(f"SELECT count(*) FROM {quoted}").fetchone()[0])  # noqa: S608 - quoted


def _differing(expected: t.Any, found: list[dict[str, t.Any]]) -> list[str]:
    before = {entry["name"]: entry["rows"] for entry in expected or []}
    now = {entry["name"]: entry["rows"] for entry in found}
    differing = [
        f"{name!r} has {now.get(name)} rows instead of {rows}"
        for name, rows in before.items()
        if now.get(name) != rows
    ]

    return [f"its copy differs: {list_some(differing, 3)}"] if differing else []


def _quoted(path: str) -> str:
    return quote(path)
