# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a restore asks of the live server as its superuser: databases and roles, never tables' code.

Each call is a session of its own, in a process with the rights of the account that logs in.
"""

from __future__ import annotations

import json
import time
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ..backup.row_hash import hash_problem
from ..base import isolated, reader
from ..base.deadline import Deadline
from ..base.text import visible
from ..postgresql.connection import DatabaseError, DriverMissingError, Session, open_session
from .choose import RestoreError
from .settings import ServerSettings

_LOCK_MS: t.Final = 10_000
#: Seconds for sessions to be gone after they were ended.
_GONE_SECONDS: t.Final = 20.0
_PAUSE: t.Final = 0.1
#: Seconds to undo what was begun, whatever time was left.
_UNDO_SECONDS: t.Final = 60.0
#: Longest name that PostgreSQL keeps, bytes.
_LONGEST_NAME: t.Final = 63
_TABLES: t.Final = """
SELECT n.nspname, c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_DATABASE: t.Final = """
SELECT to_jsonb(d) || jsonb_build_object(
           'owner', pg_get_userbyid(d.datdba), 'tablespace', s.spcname,
           'bytes', pg_database_size(d.oid))
  FROM pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace
 WHERE d.datname = %(name)s
"""
_SCHEMAS: t.Final = """
SELECT n.nspname, r.rolname
  FROM pg_namespace n, pg_roles r
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND r.rolname = ANY(%(roles)s)
   AND NOT (has_schema_privilege(r.oid, n.oid, 'CREATE')
            AND has_schema_privilege(r.oid, n.oid, 'USAGE'))
"""

#: One over a table in partitions is invalid while a partition lacks its own, and so it was dumped.
_INDEXES: t.Final = """
SELECT count(*), count(*) FILTER (WHERE NOT i.indisvalid AND c.relkind = 'i')
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""

#: Tables that are a part of a table of another owner, with both owners, that of the whole first.
_PARTS: t.Final = """
SELECT c.oid::regclass::text, pg_get_userbyid(p.relowner), pg_get_userbyid(c.relowner)
  FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
 WHERE c.relkind IN ('r', 'p', 'f') AND c.relowner <> p.relowner ORDER BY 1
"""

#: What can be analyzed without asking another server: nothing that a foreign table is a part of.
_ANALYZED: t.Final = """
WITH RECURSIVE far AS (
    SELECT ftrelid AS oid FROM pg_foreign_table
    UNION SELECT i.inhparent FROM pg_inherits i JOIN far ON i.inhrelid = far.oid)
SELECT n.nspname, c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'pg_toast'
   AND c.oid NOT IN (SELECT oid FROM far)
"""

T = t.TypeVar("T")


class LiveServer:
    """The server, asked as its superuser."""

    def __init__(self, settings: ServerSettings, deadline: Deadline) -> None:
        self.settings = settings
        self._deadline = deadline

    def renew(self) -> None:
        """Start a new deadline, for undoing what was done."""
        self._deadline = Deadline(_UNDO_SECONDS)

    def ask(self, work: Callable[[Session], T], database: str = "postgres") -> T:
        """Return what ``work``, which gets a session, returns as JSON; raises RestoreError."""
        seconds = self._deadline.remaining()

        def in_process() -> Iterator[T]:
            try:
                session = open_session(self.settings.login, database, _LOCK_MS)
                reader.restrict(session.rows)
                with session.statement_timeout(seconds):
                    yield work(session)
            except (DatabaseError, DriverMissingError) as error:
                raise isolated.IsolatedError(str(error)) from error

        values, problem = isolated.run(in_process, seconds, self.settings.run_as)
        if problem:
            raise RestoreError(f"the server of '{database}' refused: {problem}")

        return t.cast(T, values[0])


def describe(session: Session, database: str) -> dict[str, t.Any]:
    """Return facts of a server and of one of its databases (None when there is no such one)."""
    rows = session.rows(_DATABASE, {"name": database})
    found = rows[0][0] if rows else None

    return {
        "version": int(session.value("SELECT current_setting('server_version_num')")),
        "is_superuser": session.value("SELECT current_setting('is_superuser')") == "on",
        "is_standby": bool(session.value("SELECT pg_is_in_recovery()")),
        "data_folder": session.value("SELECT current_setting('data_directory')"),
        "database": json.loads(found) if isinstance(found, str) else found,
        "roles": dict(session.rows("SELECT rolname, rolsuper FROM pg_roles")),
        "available": available_extensions(session),
        "index_memory": int(
            session.value("SELECT pg_size_bytes(current_setting('maintenance_work_mem'))")
        ),
        "tablespaces": [name for (name,) in session.rows("SELECT spcname FROM pg_tablespace")],
    }


def major_version(session: Session) -> int:
    """Return the version of the server, such as 15."""
    return int(session.value("SELECT current_setting('server_version_num')")) // 10000


def available_extensions(session: Session) -> list[str]:
    """Return the extensions that the server has the files of."""
    return [str(name) for (name,) in session.rows("SELECT name FROM pg_available_extensions")]


def side_name(database: str, what: str, stamp: str) -> str:
    """Return the name of a database beside another one, cut to what PostgreSQL allows."""
    suffix = f"_{what}_{stamp}"
    room = _LONGEST_NAME - len(suffix)

    return database.encode()[:room].decode("utf-8", "ignore") + suffix


def make_roles(session: Session, names: Sequence[str], statements: Mapping[str, str]) -> list[str]:
    """Make the roles that are missing, and return their names.

    ``statements`` are those of the dump of globals for a role; a role without any cannot log in.
    """
    known = {name for (name,) in session.rows("SELECT rolname FROM pg_roles")}
    missing = [name for name in names if name not in known]
    for name in missing:
        session.execute("CREATE ROLE {role} NOLOGIN", role=(name,))
    for name in missing:
        if text := statements.get(name):
            session.execute(escaped(text))

    return missing


def make_loader(
    session: Session, role: str, owners: Iterable[str], password: str, seconds: float
) -> None:
    """Make the role that loads a dump: it may act as the owners, and nothing else."""
    drop_loader(session, role)
    valid = f"VALID UNTIL {_literal(_in_future(session, seconds))}"
    secret = f" PASSWORD {_literal(password)}" if password else ""
    session.execute(f"CREATE ROLE {{role}} LOGIN{escaped(secret)} {valid}", role=(role,))
    for owner in owners:
        session.execute("GRANT {owner} TO {role}", owner=(owner,), role=(role,))


def drop_loader(session: Session, role: str) -> None:
    """Remove the role that loads dumps, if it is there."""
    if session.rows("SELECT 1 FROM pg_roles WHERE rolname = %(name)s", {"name": role}):
        session.execute("DROP ROLE {role}", role=(role,))


def make_database(session: Session, name: str, like: Mapping[str, t.Any]) -> None:
    """Make an empty database with owner, encoding and locale of another one."""
    provider = {"i": "icu", "b": "builtin"}.get(like.get("datlocprovider") or "c", "libc")
    locale = like.get("datlocale") or like.get("daticulocale")
    options = [
        f"ENCODING {_literal(like['encoding_name'])}",
        f"LC_COLLATE {_literal(like['datcollate'])}",
        f"LC_CTYPE {_literal(like['datctype'])}",
        f"LOCALE_PROVIDER {provider}",
    ]
    if provider != "libc" and locale:
        options.append(f"{'ICU' if provider == 'icu' else 'BUILTIN'}_LOCALE {_literal(locale)}")

    names = {"name": (name,), "owner": (like["owner"],)}
    if like.get("tablespace"):
        options.append("TABLESPACE {space}")
        names["space"] = (like["tablespace"],)
    session.execute(
        f"CREATE DATABASE {{name}} OWNER {{owner}} TEMPLATE template0 {' '.join(options)}", **names
    )


def make_loading_fast(session: Session, name: str, memory: int) -> None:
    """Let sessions with a database build indexes in more memory, and not wait for the disk.

    Whatever is committed later by a session that waits has all of this on disk as well.
    """
    session.execute("ALTER DATABASE {name} SET synchronous_commit = off", name=(name,))
    if memory:
        kilobytes = f"{memory >> 10}kB"
        session.execute(
            f"ALTER DATABASE {{name}} SET maintenance_work_mem = {_literal(kilobytes)}",
            name=(name,),
        )


def end_fast_loading(session: Session, name: str) -> None:
    """Take back what ``make_loading_fast`` set."""
    session.execute("ALTER DATABASE {name} RESET ALL", name=(name,))


def drop_database(session: Session, name: str) -> None:
    """Remove a database that we made, whoever is connected to it."""
    session.execute("DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=(name,))


def open_schemas(session: Session, roles: Sequence[str]) -> list[tuple[str, str]]:
    """Let roles make things in all schemas; return schema and role where they could not before.

    A thing can only be given to a role that could have made it in its schema.
    """
    found = [
        (str(schema), str(role)) for schema, role in session.rows(_SCHEMAS, {"roles": [*roles]})
    ]
    for schema, role in found:
        session.execute("GRANT ALL ON SCHEMA {schema} TO {role}", schema=(schema,), role=(role,))

    return found


def close_schemas(session: Session, opened: Iterable[Sequence[str]]) -> None:
    """Take back what ``open_schemas`` gave."""
    for schema, role in opened:
        session.execute("REVOKE ALL ON SCHEMA {schema} FROM {role}", schema=(schema,), role=(role,))


def hand_over(session: Session, role: str, owner: str) -> None:
    """Give what still belongs to the role that loaded to the owner of the database."""
    session.execute("REASSIGN OWNED BY {role} TO {owner}", role=(role,), owner=(owner,))
    session.execute("DROP OWNED BY {role}", role=(role,))


def count_rows(session: Session, tables: Iterable[tuple[str, str]]) -> list[int | None]:
    """Return the rows of tables, None for a table that is not there."""
    known = set(session.rows(_TABLES))

    return [
        int(session.value("SELECT count(*) FROM ONLY {table}", table=table))
        if tuple(table) in known
        else None
        for table in tables
    ]


def hash_problems(session: Session, tables: Iterable[Mapping[str, t.Any]]) -> list[str]:
    """Return which tables have other rows than their entries in a manifest say."""
    return [problem for table in tables if (problem := hash_problem(session, table))]


def shape_problems(session: Session, extensions: Sequence[str], indexes: int) -> list[str]:
    """Return what a database lacks of extensions and of valid indexes."""
    there = {str(name) for (name,) in session.rows("SELECT extname FROM pg_extension")}
    missing = [f"it lacks the extension {name}" for name in extensions if name not in there]
    [(found, invalid)] = session.rows(_INDEXES)
    if found < indexes:
        missing.append(f"it has {found} of {indexes} indexes")
    if invalid:
        missing.append(f"{invalid} of its indexes are invalid")

    return missing


def parts_of_superusers(session: Session, superusers: Iterable[str]) -> list[str]:
    """Return tables of others that are a part of a superuser's, which a restore cannot make."""
    supers = set(superusers)

    return [
        visible(str(name))
        for name, whole, part in session.rows(_PARTS)
        if whole in supers and part not in supers
    ]


def analyze(session: Session) -> None:
    """Have the server know how rows are spread, without asking those that foreign tables are of."""
    if not session.rows("SELECT 1 FROM pg_foreign_table LIMIT 1"):
        session.execute("ANALYZE")
        return
    for schema, table in session.rows(_ANALYZED):
        session.execute("ANALYZE {table}", table=(str(schema), str(table)))


def silence_triggers(session: Session) -> None:
    """Have no event trigger run on what follows."""
    for (name,) in session.rows("SELECT evtname FROM pg_event_trigger"):
        session.execute("ALTER EVENT TRIGGER {name} DISABLE", name=(str(name),))


def give_settings(
    session: Session,
    target: str,
    settings: Sequence[Sequence[t.Any]],
    grants: Sequence[Sequence[t.Any]],
) -> list[str]:
    """Give a database settings and rights that were read of another one.

    Return what could not be.
    """
    failed = []
    for role, is_of_role, setting in settings:
        name, _, value = str(setting).partition("=")
        try:
            session.rows(
                "SELECT set_config(%(name)s, %(value)s, false)", {"name": name, "value": value}
            )
            scope = "ROLE {role} IN DATABASE {target}" if is_of_role else "DATABASE {target}"
            session.execute(
                f"ALTER {scope} SET {{setting}} FROM CURRENT",
                target=(target,),
                setting=tuple(name.split(".")),
                **({"role": (str(role),)} if is_of_role else {}),
            )
        except DatabaseError as error:
            failed.append(f"the setting {name}: {error}")
        finally:
            session.rows("SELECT set_config('search_path', 'pg_catalog,pg_temp', false)")

    _give_grants(session, target, grants)

    return failed


def _give_grants(session: Session, target: str, grants: Sequence[Sequence[t.Any]]) -> None:
    if not grants:
        return

    session.execute("REVOKE ALL ON DATABASE {target} FROM PUBLIC", target=(target,))
    for is_role, role, privilege, grantable in grants:
        option = " WITH GRANT OPTION" if grantable and is_role else ""
        grantee = "{role}" if is_role else "PUBLIC"
        session.execute(
            f"GRANT {_privilege(privilege)} ON DATABASE {{target}} TO {grantee}{option}",
            target=(target,),
            **({"role": (str(role),)} if is_role else {}),
        )


def swap(session: Session, live: str, kept: str, side: str) -> None:
    """Rename ``live`` to ``kept`` and ``side`` to ``live``, or leave both as they are.

    The kept database takes no connections any more.
    """
    _close(session, live)
    try:
        end_sessions(session, [live, side])
        session.execute("BEGIN")
        try:
            session.execute("ALTER DATABASE {a} RENAME TO {b}", a=(live,), b=(kept,))
            session.execute("ALTER DATABASE {a} RENAME TO {b}", a=(side,), b=(live,))
            session.execute("COMMIT")
        except DatabaseError:
            session.execute("ROLLBACK")
            raise
    except DatabaseError:
        session.execute("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true", name=(live,))
        raise


def swap_back(session: Session, live: str, kept: str, side: str) -> None:
    """Undo ``swap``."""
    swap(session, live, side, kept)
    for name in (live, side):
        session.execute("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true", name=(name,))


def undo_swap(session: Session, live: str, kept: str, side: str) -> None:
    """Leave names and connections as they were before a swap, however far it came."""
    if session.rows("SELECT 1 FROM pg_database WHERE datname = %(name)s", {"name": kept}):
        swap_back(session, live, kept, side)
    else:
        session.execute("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true", name=(live,))


def end_sessions(session: Session, databases: Sequence[str]) -> None:
    """End all sessions with some databases; raises DatabaseError when they do not go."""
    give_up = time.monotonic() + _GONE_SECONDS
    query = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = ANY(%(names)s) AND pid <> pg_backend_pid()"
    )
    while session.value(query, {"names": [*databases]}):
        if time.monotonic() > give_up:
            raise DatabaseError(f"sessions with {databases[0]!r} do not end")
        time.sleep(_PAUSE)


def _close(session: Session, database: str) -> None:
    session.execute("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false", name=(database,))


def _in_future(session: Session, seconds: float) -> str:
    query = "SELECT (now() + make_interval(secs => %(seconds)s))::text"

    return str(session.value(query, {"seconds": seconds + 60}))


def _privilege(name: t.Any) -> str:
    """Return the name of a right; the server knows no others of databases."""
    if name not in ("CREATE", "CONNECT", "TEMPORARY"):
        raise DatabaseError(f"the right {name!r} on a database is not known")

    return str(name)


def _literal(text: str) -> str:
    """Return a text as SQL, for a statement that takes no parameters."""
    doubled = text.replace("'", "''")

    return escaped(f"'{doubled}'")


def escaped(text: str) -> str:
    """Return a text with doubled braces, so that ``format`` leaves it as it is."""
    return text.replace("{", "{{").replace("}", "}}")
