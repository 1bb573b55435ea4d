# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PostgreSQL databases: dumped by pg_dump, their rows counted in the very snapshot of the dump."""

from __future__ import annotations

import re
import select
import time
import typing as t
from collections.abc import Iterable, Iterator, Mapping

from ...base import isolated, reader
from ...base.deadline import Deadline
from ...base.postgresql_programs import login_environment, program_path
from ...base.text import list_some
from ...postgresql.connection import DatabaseError, Session, open_session
from .. import programs
from ..database_settings import settings_facts
from ..dump_rows import count_rows
from ..manifest import MISSING, SUPERUSERS, TABLE_HASH, Artefact, SetFile, Stage
from ..programs import Program
from ..row_hash import hash_rows
from ..settings import DumpSettings
from .kind import ArtefactError, ArtefactFolder, MadeArtefact, OpenFile, Workplace

DUMP: t.Final = "database.dump.zst"
GLOBALS: t.Final = "globals.sql.zst"
#: The first sets had them as plain text, in which a wrong bit is found by nothing but its hash.
PLAIN_GLOBALS: t.Final = "globals.sql"
#: More than the roles of any server, bytes.
_MOST_GLOBALS: t.Final = 64 << 20
#: Milliseconds to wait for a table that another session has locked.
_LOCK_MS: t.Final = 30_000
#: Tables may be dropped while they are locked one by one; so often it is tried.
_ATTEMPTS: t.Final = 20
#: A dump of globals that lacks this line was cut off.
_END_OF_GLOBALS: t.Final = b"-- PostgreSQL database cluster dump complete"
_TABLES: t.Final = """
SELECT n.nspname, c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT 1 FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e')
 ORDER BY 1, 2
"""
_FACTS: t.Final = """
SELECT current_setting('server_version_num')::integer AS server_version,
       pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
       d.datcollversion AS collation_version,
       (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
       pg_database_size(d.oid) AS database_bytes,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_lsn() END::text AS lsn
  FROM pg_database d WHERE d.datname = current_database()
"""
_FACT_NAMES: t.Final = (
    "server_version", "encoding", "collate", "ctype", "collation_version", "system_identifier",
    "database_bytes", "lsn",
)  # fmt: skip


class DumpKind:
    """Dumps of databases."""

    def make(self, source: DumpSettings, folder: ArtefactFolder, place: Workplace) -> MadeArtefact:
        """Count the rows of the database and dump it, in one snapshot."""
        deadline = place.deadline
        stages: list[Stage] = []
        client = _client_version(source, deadline)
        child = isolated.start(lambda: _snapshot_kept(source), source.run_as)

        try:
            values: list[t.Any] = []
            snapshot = _next_value(child, values, deadline)
            with folder.create(DUMP) as out:
                dump = [_pg_dump(source, snapshot), programs.compressing()]
                stages += programs.run(dump, out.fileno(), deadline)
            facts = _next_value(child, values, deadline)
        finally:
            child.end()

        if facts["server_version"] // 10000 > client // 10000:
            raise ArtefactError(
                f"pg_dump is older ({client // 10000}) than the server"
                f" ({facts['server_version'] // 10000}); install the server's version"
            )
        if source.globals:
            with folder.create(GLOBALS) as out:
                roles = [_pg_dumpall(source), programs.compressing()]
                stages += programs.run(roles, out.fileno(), deadline)

        whole = {"database": source.database, "client_version": client, **facts}

        return MadeArtefact(whole, tuple(stages))

    def verify(self, artefact: Artefact, open_file: OpenFile, place: Workplace) -> list[str]:
        """Read the dump to its end and compare the rows of each table with the counted ones."""
        problems: list[str] = []
        for file in artefact.files:
            with open_file(file) as stream:
                if is_globals(file):
                    problems += _globals_problems(read_globals(stream, file, place.deadline))
                else:
                    problems += _dump_problems(stream, artefact.facts, place)

        return problems


KIND: t.Final = DumpKind()


def _dump_problems(stream: t.BinaryIO, facts: Mapping[str, t.Any], place: Workplace) -> list[str]:
    argv = (program_path("pg_restore"), "--data-only", "--file=-")
    pipe = [programs.expanding(), Program(argv, programs.harmless())]
    found = count_rows(programs.reading(pipe, stream.fileno(), place.deadline))

    differing = [
        f"{table['schema']}.{table['name']} has {found.get(_key(table), 'no')} rows"
        f" instead of {table['rows']}"
        for table in facts["tables"]
        if table["rows"] is not None and found.get(_key(table)) != table["rows"]
    ]

    return [f"its dump differs: {list_some(differing, 3)}"] if differing else []


def _key(table: Mapping[str, t.Any]) -> tuple[str, str]:
    return table["schema"], table["name"]


def is_globals(file: SetFile) -> bool:
    """Return whether a file of an artefact is its dump of globals."""
    return file.path.endswith((f"/{GLOBALS}", f"/{PLAIN_GLOBALS}"))


def read_globals(stream: t.BinaryIO, file: SetFile, deadline: Deadline) -> bytes:
    """Return the dump of globals; raises ProgramError, TimeoutError."""
    stream.seek(0)
    if file.path.endswith(f"/{PLAIN_GLOBALS}"):
        return stream.read(_MOST_GLOBALS)

    data = bytearray()
    for chunk in programs.reading([programs.expanding()], stream.fileno(), deadline):
        data += chunk[: _MOST_GLOBALS - len(data)]

    return bytes(data)


def _globals_problems(data: bytes) -> list[str]:
    return [] if _END_OF_GLOBALS in data[-200:] else ["its globals end too early"]


def _next_value(child: isolated.Child, values: list[t.Any], deadline: Deadline) -> t.Any:
    """Return the next value of the session that keeps the snapshot; raises ArtefactError."""
    while not values:
        _wait_for(child, deadline)
        found = child.take()
        if found is None:
            raise ArtefactError(child.problem or "the session with the database was lost")
        values += found

    return values.pop(0)


def _wait_for(child: isolated.Child, deadline: Deadline) -> None:
    """Wait until the session says something; raises TimeoutError."""
    poller = select.poll()
    poller.register(child.pipe, select.POLLIN)
    while not poller.poll(deadline.remaining() * 1000):
        pass


def _snapshot_kept(source: DumpSettings) -> Iterator[t.Any]:
    """Yield the name of a snapshot and what was counted in it; keep it until it is ended."""
    session = open_session(source.login, source.database, _LOCK_MS)
    try:
        if refusal := reader.refusal(session.rows):
            raise isolated.IsolatedError(refusal)

        reader.restrict(session.rows)
        session.execute("SET idle_in_transaction_session_timeout = 0")
        session.execute("SET statement_timeout = 0")  # the process has a deadline
        session.execute("SET row_security = off")
        snapshot = _exported(session)
        # Before the dump, not beside it: two readers at once would slow down the application.
        facts = _facts(session, source)
        yield snapshot
        yield facts
    except DatabaseError as error:
        raise isolated.IsolatedError(reader.advice(str(error)) or str(error)) from error

    while True:
        time.sleep(3600)


def _exported(session: Session) -> str:
    """Return the name of a snapshot in which no table can vanish any more.

    A lock does not need a snapshot, so it is taken before. What was made in between is locked
    afterwards; where it is gone by then, all begins anew.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        listed = session.rows(_TABLES)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            _lock(session, listed)
            snapshot = str(session.value("SELECT pg_export_snapshot()"))
            _lock(session, set(session.rows(_TABLES)) - set(listed))
        except DatabaseError:
            if attempt == _ATTEMPTS or session.lost:
                raise
            session.execute("ROLLBACK")
        else:
            return snapshot

    raise AssertionError("unreachable")


def _lock(session: Session, tables: Iterable[t.Any]) -> None:
    """Keep tables from being dropped while the transaction lasts."""
    for table in tables:
        session.execute("LOCK TABLE {table} IN ACCESS SHARE MODE", table=table)


def _facts(session: Session, source: DumpSettings) -> dict[str, t.Any]:
    [row] = session.rows(_FACTS)
    extensions = session.rows("SELECT extname, extversion FROM pg_extension ORDER BY 1")
    roles = session.rows(
        "SELECT rolname, rolsuper FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"
    )
    tables = [_table(session, source, schema, name) for schema, name in session.rows(_TABLES)]
    missing = source.hashed - {f"{table['schema']}.{table['name']}" for table in tables}

    return {
        **dict(zip(_FACT_NAMES, row, strict=True)),
        "extensions": dict(extensions),
        **settings_facts(session, source.database),
        "roles": [name for name, _ in roles],
        SUPERUSERS: [name for name, is_super in roles if is_super],
        "schema_revision": _schema_revision(session, tables),
        "tables": tables,
        **({MISSING: sorted(missing)} if missing else {}),
    }


def _table(session: Session, source: DumpSettings, schema: str, name: str) -> dict[str, t.Any]:
    table = {"schema": schema, "name": name, "rows": _rows(session, source, schema, name)}
    if f"{schema}.{name}" in source.hashed:
        table[TABLE_HASH] = hash_rows(session, (schema, name))

    return table


def _rows(session: Session, source: DumpSettings, schema: str, name: str) -> int | None:
    if f"{schema}.{name}" in source.uncounted:
        return None

    return int(session.value("SELECT count(*) FROM ONLY {table}", table=(schema, name)))


def _schema_revision(session: Session, tables: list[dict[str, t.Any]]) -> str | None:
    """Return the revision that Alembic keeps, None without its table."""
    if not any(_key(table) == ("public", "alembic_version") for table in tables):
        return None
    rows = session.rows("SELECT version_num FROM public.alembic_version ORDER BY 1")

    return ",".join(str(row[0]) for row in rows)


def _pg_dump(source: DumpSettings, snapshot: str) -> Program:
    return Program(
        (
            program_path("pg_dump", source.program_folder),
            "--format=custom",
            "--compress=0",
            f"--snapshot={snapshot}",
            f"--lock-wait-timeout={_LOCK_MS}",
            "--no-password",
        ),
        source.run_as,
        login_environment(source.login, source.database),
    )


def _pg_dumpall(source: DumpSettings) -> Program:
    return Program(
        (
            program_path("pg_dumpall", source.program_folder),
            "--globals-only",
            "--no-role-passwords",
            "--no-password",
        ),
        source.run_as,
        login_environment(source.login, source.database),
    )


def _client_version(source: DumpSettings, deadline: Deadline) -> int:
    """Return the version of pg_dump as servers number it; raises ArtefactError."""
    program = Program((program_path("pg_dump", source.program_folder), "--version"), source.run_as)
    text = b"".join(programs.reading([program], None, deadline)).decode("utf-8", "replace")
    match = re.search(r"(\d+)\.(\d+)", text)
    if not match:
        raise ArtefactError(f"pg_dump does not say its version: {text[:80]!r}")

    return int(match[1]) * 10000 + int(match[2])
