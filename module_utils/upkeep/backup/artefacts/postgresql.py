# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PostgreSQL databases: dumped by pg_dump, their rows counted in the very snapshot of the dump."""

from __future__ import annotations

import os
import re
import select
import signal
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
from ..manifest import MISSING, SUPERUSERS, TABLE_HASH, Artefact, SetFile
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
#: Milliseconds that pg_dump waits for a table. Our session has locked all of them, so it waits only
#: behind somebody who waits for us, and holds up the application with him.
_QUEUED_MS: t.Final = 5_000
#: Tables may be dropped while they are locked one by one; so often it is tried.
_ATTEMPTS: t.Final = 20
#: More bytes than of a dump without any: pg_dump writes nothing before it has its locks.
_EMPTY: t.Final = 64
#: What the session with the snapshot is asked: whether somebody waits for its locks, and at the end
#: what it counts.
_IS_AWAITED: t.Final = signal.SIGUSR1
_COUNT: t.Final = signal.SIGUSR2
_AWAITED: t.Final = """
SELECT EXISTS (SELECT FROM pg_locks w
                WHERE NOT w.granted AND pg_backend_pid() = ANY (pg_blocking_pids(w.pid)))
"""
#: A dump of globals that lacks this line was cut off.
_END_OF_GLOBALS: t.Final = b"-- PostgreSQL database cluster dump complete"
_LOCKED: t.Final = """
SELECT n.nspname, c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT EXISTS (SELECT 1 FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e')
 ORDER BY 1, 2
"""
_TABLES: t.Final = _LOCKED.replace("IN ('r', 'p')", "= 'r'")
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
        """Dump the database and count its rows, in one snapshot."""
        deadline = place.deadline
        with folder.create(DUMP) as out:
            attempts = iter(reversed(range(_ATTEMPTS)))
            while (made := _dump_and_count(source, out, deadline, next(attempts))) is None:
                out.truncate(0)
                out.seek(0)
        stages = list(made.stages)

        if source.globals:
            with folder.create(GLOBALS) as out:
                server = int(made.facts["server_version"]) // 10000
                roles = [_pg_dumpall(source, server), programs.compressing()]
                stages += programs.run(roles, out.fileno(), deadline)

        return MadeArtefact(made.facts, tuple(stages))

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


def _dump_and_count(
    source: DumpSettings, out: t.BinaryIO, deadline: Deadline, attempts_left: int
) -> MadeArtefact | None:
    """Dump a database, and count in the same snapshot; raises ArtefactError, ProgramError.

    None when somebody wanted to change a table after we had locked it and before pg_dump had: he
    waits for us, pg_dump waits for him, and all of us stand in the way of the application.
    """
    child = isolated.start(lambda: _snapshot_kept(source), source.run_as)
    values: list[t.Any] = []
    try:
        snapshot, server = _next_value(child, values, deadline)
        client = _client_version(source, server, deadline)
        try:
            dump = [_pg_dump(source, server, snapshot), programs.compressing()]
            stages = programs.run(dump, out.fileno(), deadline)
        except programs.ProgramError:
            began = os.fstat(out.fileno()).st_size > _EMPTY
            if began or not attempts_left or not _is_awaited(child, values, deadline):
                raise
            return None
        # After the dump, not beside it: two readers at once would slow down the application. Nor
        # before it, since pg_dump must have its locks as soon as possible.
        facts = _answer(child, _COUNT, values, deadline)
    finally:
        child.end()

    return MadeArtefact(
        {"database": source.database, "client_version": client, **facts}, tuple(stages)
    )


def _is_awaited(child: isolated.Child, values: list[t.Any], deadline: Deadline) -> bool:
    """Return whether somebody waits for the session with the snapshot, False if it is lost."""
    try:
        return bool(_answer(child, _IS_AWAITED, values, deadline))
    except (ArtefactError, TimeoutError):
        return False


def _answer(
    child: isolated.Child, question: signal.Signals, values: list[t.Any], deadline: Deadline
) -> t.Any:
    """Return what the session with the snapshot says to a question; raises ArtefactError."""
    os.kill(child.pid, question)

    return _next_value(child, values, deadline)


def _dump_problems(stream: t.BinaryIO, facts: Mapping[str, t.Any], place: Workplace) -> list[str]:
    path = program_path("pg_restore", version=int(facts["client_version"]) // 10000)
    argv = (path, "--data-only", "--file=-")
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
    """Yield the name of a snapshot with the server's major version, then answers to questions.

    The last of them is what was counted in it. The snapshot is kept until this is ended.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, (_IS_AWAITED, _COUNT))
    session = open_session(source.login, source.database, _LOCK_MS)
    try:
        if refusal := reader.refusal(session.rows):
            raise isolated.IsolatedError(refusal)

        reader.restrict(session.rows)
        session.execute("SET idle_in_transaction_session_timeout = 0")
        session.execute("SET statement_timeout = 0")  # the process has a deadline
        session.execute("SET row_security = off")
        # On a small host parallel counting would take every core from the application.
        session.execute("SET max_parallel_workers_per_gather = 0")
        snapshot = _exported(session)
        [row] = session.rows(_FACTS)
        known = dict(zip(_FACT_NAMES, row, strict=True))
        yield snapshot, known["server_version"] // 10000
        while signal.sigwait((_IS_AWAITED, _COUNT)) == _IS_AWAITED:
            yield bool(session.value(_AWAITED))
        yield {**known, **_counted(session, source)}
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
        listed = session.rows(_LOCKED)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            _lock(session, listed)
            snapshot = str(session.value("SELECT pg_export_snapshot()"))
            _lock(session, set(session.rows(_LOCKED)) - set(listed))
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


def _counted(session: Session, source: DumpSettings) -> dict[str, t.Any]:
    extensions = session.rows("SELECT extname, extversion FROM pg_extension ORDER BY 1")
    roles = session.rows(
        "SELECT rolname, rolsuper FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"
    )
    tables = [_table(session, source, schema, name) for schema, name in session.rows(_TABLES)]
    missing = source.hashed - {f"{table['schema']}.{table['name']}" for table in tables}

    return {
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


def _pg_dump(source: DumpSettings, server: int, snapshot: str) -> Program:
    return Program(
        (
            program_path("pg_dump", source.program_folder, server),
            "--format=custom",
            "--compress=0",
            f"--snapshot={snapshot}",
            f"--lock-wait-timeout={_QUEUED_MS}",
            "--no-password",
        ),
        source.run_as,
        login_environment(source.login, source.database),
    )


def _pg_dumpall(source: DumpSettings, server: int) -> Program:
    return Program(
        (
            program_path("pg_dumpall", source.program_folder, server),
            "--globals-only",
            "--no-role-passwords",
            "--no-password",
        ),
        source.run_as,
        login_environment(source.login, source.database),
    )


def _client_version(source: DumpSettings, server: int, deadline: Deadline) -> int:
    """Return the version of pg_dump as servers number it.

    Raises ArtefactError where it is older than the server, given as its major version.
    """
    path = program_path("pg_dump", source.program_folder, server)
    program = Program((path, "--version"), source.run_as)
    text = b"".join(programs.reading([program], None, deadline)).decode("utf-8", "replace")
    match = re.search(r"(\d+)\.(\d+)", text)
    if not match:
        raise ArtefactError(f"the version of pg_dump cannot be read: {text[:80]!r}")

    if int(match[1]) < server:
        raise ArtefactError(
            f"pg_dump is older ({match[1]}) than the server ({server});"
            " install the server's version"
        )

    return int(match[1]) * 10000 + int(match[2])
