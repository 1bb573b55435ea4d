# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A database: loaded into one beside it, compared row by count with the manifest, then renamed."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
import typing as t
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from ...backup import programs
from ...backup.artefacts.kind import Workplace, staging_folder
from ...backup.artefacts.postgresql import DUMP, is_globals, read_globals
from ...backup.database_settings import GRANTS, SETTINGS, read_grants, read_settings
from ...backup.manifest import SetFile
from ...backup.programs import Program
from ...base import isolated
from ...base.files import Owner, open_regular, write_atomic
from ...base.folders import Folder
from ...base.login import Login
from ...base.postgresql_programs import connection_string, login_environment, program_path
from ...base.text import list_some, visible
from ...postgresql.connection import Session
from .. import server as live
from ..choose import NotPutBackError, RestoreError
from ..extensions import require_extensions
from ..locales import read_locale
from ..server import LiveServer
from ..space import memory_available
from . import toc
from .target import TargetPlan, TargetWork

_LISTING_BYTES: t.Final = 64 << 20
#: Building an index in more than this is not faster, bytes.
_MOST_INDEX_MEMORY: t.Final = 1 << 30


class DatabaseTarget:
    """One database of the live server."""

    def __init__(self, work: TargetWork) -> None:
        self._work = work
        self._facts = work.artefact.facts
        self._name = str(self._facts["database"])
        self._server = LiveServer(work.settings.server, work.deadline)
        self._side = live.side_name(self._name, "side", work.stamp)
        self._kept = live.side_name(self._name, "before", work.stamp)
        self._known: dict[str, t.Any] = {}
        self._notes: list[str] = []
        self._indexes = 0
        self._options: tuple[str, ...] = ()

    def plan(self) -> TargetPlan:
        """Return what would be replaced, after what can be known before was checked."""
        known = self._known = self._server.ask(lambda session: live.describe(session, self._name))
        self._require_server(known)
        database = known["database"]
        size = int(self._facts["database_bytes"])
        needs = {self._work.settings.staging: size}
        if Path(known["data_folder"]).is_dir():
            needs[known["data_folder"]] = size

        missing = [role for role in self._facts["roles"] if role not in known["roles"]]
        notes = [f"roles to be made: {list_some(missing, 5)}"] if missing else []
        if database is None:
            notes.append(f"there is no database {self._name!r} now")

        return TargetPlan((self._name,) if database else (), needs, tuple(notes))

    def _require_server(self, known: t.Mapping[str, t.Any]) -> None:
        """Raise RestoreError where the dump cannot be loaded, or not as it was."""
        dumped, there = int(self._facts["server_version"]), int(known["version"])
        if not known["is_superuser"]:
            raise RestoreError("the login is not that of a superuser, who alone can restore owners")
        if known["is_standby"]:
            raise RestoreError("the server is a standby: restore on the primary")
        if there // 10000 < dumped // 10000:
            raise RestoreError(
                f"the server ({there // 10000}) is older than that of the dump"
                f" ({dumped // 10000}); restore on one that is at least as new"
            )
        require_extensions(self._facts["extensions"], known["available"], there // 10000)
        client = self._client_version()
        if client < int(self._facts["client_version"]) // 10000:
            made_by = int(self._facts["client_version"]) // 10000
            raise RestoreError(
                f"pg_restore ({client}) is older than the pg_dump of the set ({made_by})"
            )
        if (
            self._work.settings.server.restore_as in known["roles"]
            and known["roles"][self._work.settings.server.restore_as]
        ):
            raise RestoreError("restore_as is a superuser; name a role of its own")

    def _client_version(self) -> int:
        """Return the major version of pg_restore."""
        program = Program((self._program("pg_restore"), "--version"), programs.harmless())
        text = b"".join(programs.reading([program], None, self._work.deadline))
        match = re.search(rb"(\d+)\.", text)
        if not match:
            raise RestoreError("the version of pg_restore cannot be read")

        return int(match[1])

    def _program(self, name: str) -> str:
        """Return the program of the server's version, or of that which made the dump."""
        major = max(int(self._known["version"]), int(self._facts["client_version"])) // 10000

        return program_path(name, self._work.settings.server.program_folder, major)

    def prepare(self) -> str:
        """Load the dump into a database beside the live one, and compare it with the manifest."""
        self._require_rows()
        with staging_folder(self._place) as staging:
            with self._phase("unpack"):
                self._unpack(staging)
            with self._phase("load"):
                self._load(f"{staging}/{DUMP}")

        with self._phase("compare"):
            found = self._compare()
        with self._phase("analyze"):
            self._server.ask(live.analyze, self._side)

        return found

    @property
    def _place(self) -> Workplace:
        return Workplace(self._work.deadline, self._work.settings.staging)

    @property
    def _loader(self) -> str:
        return self._work.settings.server.restore_as

    @contextlib.contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        spent = time.monotonic() - started
        self._work.seconds[name] = round(self._work.seconds.get(name, 0) + spent, 3)

    def _require_rows(self) -> None:
        tables = self._facts["tables"]
        counted = [table["rows"] for table in tables if table["rows"] is not None]
        is_empty = not any(counted) and len(counted) == len(tables)
        if is_empty and not self._work.settings.allow_empty:
            raise RestoreError(
                f"the set has not a single row of {self._name!r}; allow_empty restores it anyway"
            )

    def _unpack(self, staging: str) -> None:
        """Write the dump as pg_restore needs it for several processes: whole, in one file.

        It is ours, and read by others under a name that they are given.
        """
        [file] = [one for one in self._work.artefact.files if one.path.endswith(f"/{DUMP}")]
        with (
            Folder.private(staging) as folder,
            closing(self._work.open_file(file)) as packed,
            folder.create(DUMP) as out,
        ):
            pipe = [programs.expanding()]
            programs.run(pipe, out.fileno(), self._work.deadline, packed.fileno())
            os.fchmod(out.fileno(), 0o444)

    def _load(self, dump: str) -> None:
        entries = self._chosen(self._entries(dump))
        self._indexes = toc.count_indexes(entries)
        database = self._new_database(entries, dump)
        members = [
            role for role in toc.owners(entries) | {database["owner"]} if not self._is_super(role)
        ]
        password = "" if self._server.settings.login.local else secrets.token_hex(24)
        statements = self._role_statements()  # with other rights a process lacks our open files
        made = self._server.ask(
            lambda session: self._make(session, database, members, password, statements)
        )
        if made:
            self._notes.append(f"roles made: {list_some(made, 5)}")

        opened: list[tuple[str, str]] = []
        roles = [*members, self._loader]
        self._options = self._tablespace_options(dump)
        supers = {role for role, is_super in self._known["roles"].items() if is_super}
        for part in toc.parts(entries, supers, self._keys_to_superusers(entries, supers, dump)):
            if not part.by_superuser and not opened:
                opened = self._server.ask(lambda one: live.open_schemas(one, roles), self._side)
            self._load_part(part, dump, password)

        self._server.ask(lambda session: self._hand_over(session, opened, database), self._side)
        if (last := toc.event_triggers(entries)).entries:
            self._load_part(last, dump, password)
        self._notes += self._server.ask(self._end_loading)

    def _end_loading(self, session: Session) -> list[str]:
        """Take back what was for loading, and give the database its settings and rights.

        They are those of the live one, or else those of the set. Return what could not be.
        """
        live.drop_loader(session, self._loader)
        live.end_fast_loading(session, self._side)
        if self._known["database"]:
            rows = read_settings(session, self._name), read_grants(session, self._name)
        elif SETTINGS in self._facts:
            rows = self._facts[SETTINGS], self._facts[GRANTS]
        else:
            return ["the set does not know the settings and rights of the database itself"]

        return live.give_settings(session, self._side, *rows)

    def _tablespace_options(self, dump: str) -> tuple[str, ...]:
        """Have all of it loaded into the default tablespace where one of the dump is missing."""
        argv = (self._program("pg_restore"), "--schema-only", "--file=-")
        with closing(open_regular(dump)) as stream:
            chunks = programs.reading(
                [Program(argv, programs.harmless())], stream.fileno(), self._work.deadline
            )
            named = toc.tablespaces(_limited(chunks, _LISTING_BYTES))
        missing = sorted(named - {*self._known["tablespaces"]})
        if not missing:
            return ()

        self._notes.append(
            f"there is no tablespace {list_some(list(map(visible, missing)), 3)} here: all of it is"
            " in the default one"
        )

        return ("--no-tablespaces",)

    def _keys_to_superusers(
        self, entries: list[toc.TocEntry], supers: set[str], dump: str
    ) -> frozenset[toc.TocEntry]:
        """Return the foreign keys that only a superuser can make."""
        if not toc.has_keys_to_superusers(entries, supers):
            return frozenset()
        argv = (self._program("pg_restore"), "--section=post-data", "--file=-")
        with closing(open_regular(dump)) as stream:
            chunks = programs.reading(
                [Program(argv, programs.harmless())], stream.fileno(), self._work.deadline
            )
            text = b"".join(_limited(chunks, _LISTING_BYTES)).decode("utf-8", "surrogateescape")

        return toc.keys_to_superusers(entries, supers, text)

    def _chosen(self, entries: list[toc.TocEntry]) -> list[toc.TocEntry]:
        """Return the entries that are loaded."""
        return entries

    def _hand_over(
        self, session: Session, opened: list[tuple[str, str]], database: dict[str, t.Any]
    ) -> None:
        live.close_schemas(session, opened)
        live.hand_over(session, self._loader, database["owner"])

    def _entries(self, dump: str) -> list[toc.TocEntry]:
        """Return what the dump holds, that of the database itself included."""
        argv = (self._program("pg_restore"), "--list", "--create")
        with closing(open_regular(dump)) as stream:
            chunks = programs.reading(
                [Program(argv, programs.harmless())], stream.fileno(), self._work.deadline
            )
            listing = b"".join(_limited(chunks, _LISTING_BYTES)).decode("utf-8", "surrogateescape")

        return toc.read_toc(listing, [*self._facts["roles"], *self._known["roles"]])

    def _new_database(self, entries: list[toc.TocEntry], dump: str) -> dict[str, t.Any]:
        """Return what the side database is made like: the live one, without it what was dumped."""
        facts = {
            "encoding_name": self._facts["encoding"],
            "datcollate": self._facts["collate"],
            "datctype": self._facts["ctype"],
        }
        if live_one := self._known["database"]:
            return {**live_one, **facts}

        owner = toc.database_owner(entries)
        if not owner:
            raise RestoreError(f"the dump does not name the owner of {self._name!r}")

        locale = read_locale(self._program("pg_restore"), dump, self._work.deadline)

        return {"owner": owner, **facts, **locale}

    def _is_super(self, role: str) -> bool:
        return bool(self._known["roles"].get(role))

    def _make(
        self,
        session: Session,
        database: dict[str, t.Any],
        members: list[str],
        password: str,
        statements: dict[str, str],
    ) -> list[str]:
        """Make the empty database and the role that loads it; return which roles were missing."""
        for (name,) in session.rows("SELECT datname FROM pg_database"):
            if re.fullmatch(re.escape(self._name) + r"_side_\d{8}t\d{6}", name):
                live.drop_database(session, name)  # of a killed restore: we have its lock

        roles = [role for role in self._facts["roles"] if role != self._loader]
        made = live.make_roles(session, roles, statements)
        live.make_database(session, self._side, database)
        live.make_loading_fast(session, self._side, self._index_memory())
        live.make_loader(session, self._loader, members, password, self._work.deadline.left)

        return made

    def _index_memory(self) -> int:
        """Return the memory that each process may build indexes in, 0 for what the server gives."""
        if not Path(self._known["data_folder"]).is_dir():
            return 0  # the server is on another host
        share = memory_available() // (4 * self._work.settings.server.jobs)
        memory = min(share, _MOST_INDEX_MEMORY)

        return memory if memory > int(self._known["index_memory"]) else 0

    def _role_statements(self) -> dict[str, str]:
        """Return for each role what its dump of globals says of it; passwords are not in there."""
        file = next(filter(is_globals, self._work.artefact.files), None)
        if file is None:
            return {}

        text = self._globals(file)
        found = {}
        for role in self._facts["roles"]:
            quoted = '"' + role.replace('"', '""') + '"'
            for name in (role, quoted):
                match = re.search(rf"^ALTER ROLE {re.escape(name)} WITH [A-Z0-9 ]*;$", text, re.M)
                if match:
                    found[role] = match[0]

        return found

    def _globals(self, file: SetFile) -> str:
        with closing(self._work.open_file(file)) as stream:
            return read_globals(stream, file, self._work.deadline).decode("utf-8", "replace")

    def _load_part(self, part: toc.TocPart, dump: str, password: str) -> None:
        """Load some entries, by several processes, with the rights that they need."""
        settings, login = self._work.settings.server, self._server.settings.login
        account = settings.run_as or "" if part.by_superuser else self._loader
        if not part.by_superuser:
            login = Login(
                login.host, login.port, self._loader, password or None, login.sslmode, login.ca_file
            )
        owner = _account(account)

        with staging_folder(self._place, *(owner or ())) as staging:
            named = f"{staging}/{DUMP}"
            os.link(dump, named, follow_symlinks=False)
            loading = []
            for number, entries in enumerate(self._shares(part)):
                listed = f"{staging}/list{number}"
                lines = "".join(f"{one.line}\n" for one in entries)
                write_atomic(listed, lines, 0o600, owner=owner)
                argv = (
                    self._program("pg_restore"),
                    "--exit-on-error",
                    "--no-password",
                    f"--dbname={connection_string(self._side)}",
                    f"--use-list={listed}",
                    *(() if part.is_rows else (f"--jobs={settings.jobs}",)),
                    *self._options,
                    named,
                )
                environment = login_environment(login, self._side)
                loading.append(Program(argv, account if owner else None, environment))
            programs.run_together(loading, self._work.deadline)

    def _shares(self, part: toc.TocPart) -> Sequence[Sequence[toc.TocEntry]]:
        """Return the entries of a part as each process that loads it gets them."""
        if not part.is_rows:
            return [part.entries]
        rows = {(one["schema"], one["name"]): one["rows"] for one in self._facts["tables"]}

        return toc.shares(part, rows, self._work.settings.server.jobs)

    def _compare(self) -> str:
        """Return what was found; raises RestoreError unless it is what the manifest says."""
        tables = self._facts["tables"]
        names = [(str(table["schema"]), str(table["name"])) for table in tables]
        counts = self._server.ask(lambda session: live.count_rows(session, names), self._side)
        differing = [
            f"{visible(schema)}.{visible(name)} has"
            f" {'no table' if count is None else count} instead of {table['rows']}"
            for table, (schema, name), count in zip(tables, names, counts, strict=True)
            if count is None or (table["rows"] is not None and count != table["rows"])
        ]
        if not differing:
            differing = self._server.ask(
                lambda session: live.hash_problems(session, tables), self._side
            )
        if differing:
            raise RestoreError(f"what was restored differs: {list_some(differing, 3)}")

        extensions = list(self._facts["extensions"])
        problems = self._server.ask(
            lambda session: live.shape_problems(session, extensions, self._indexes), self._side
        )
        if problems:
            raise RestoreError(f"what was restored differs: {list_some(problems, 3)}")

        rows = sum(count or 0 for count in counts)

        return f"{rows} rows in {len(tables)} tables as in the manifest"

    def side_names(self) -> list[str]:
        """Return what was restored beside."""
        return [self._side]

    def replace(self) -> list[str]:
        """Let the restored database take the name of the live one."""
        try:
            self._replace()
        except (RestoreError, TimeoutError) as error:
            self._undo(error)
            raise

        return [self._kept] if self._known["database"] else []

    def _replace(self) -> None:
        if self._known["database"]:
            names = self._name, self._kept, self._side
            self._server.ask(lambda session: live.swap(session, *names))
        else:
            self._rename(self._side, self._name)

    def _undo(self, error: Exception) -> None:
        """Undo what was done before a session was lost, or its process ended in the middle.

        Raises NotPutBackError.
        """
        self._server.renew()
        try:
            self._undo_replace()
        except (RestoreError, TimeoutError) as problem:
            raise NotPutBackError(f"{error}; it could not be put back: {problem}") from error

    def _undo_replace(self) -> None:
        if not self._known["database"]:
            found = self._server.ask(lambda session: live.describe(session, self._name))
            if found["database"]:
                self._rename(self._name, self._side)
        elif self._known["database"]["datallowconn"]:
            names = self._name, self._kept, self._side
            self._server.ask(lambda session: live.undo_swap(session, *names))

    def _rename(self, old: str, new: str) -> None:
        self._server.ask(
            lambda session: session.execute("ALTER DATABASE {a} RENAME TO {b}", a=(old,), b=(new,))
        )

    def put_back(self) -> None:
        """Let the replaced database have its name again."""
        self._server.renew()
        if self._known["database"]:
            self._server.ask(
                lambda session: live.swap_back(session, self._name, self._kept, self._side)
            )
        else:
            self._rename(self._name, self._side)

    def discard(self) -> None:
        """Remove the side database and the role that loads."""
        self._server.renew()
        self._server.ask(lambda session: live.drop_database(session, self._side))
        self._server.ask(lambda session: live.drop_loader(session, self._loader))

    def finish(self) -> str:
        """Return what a person should know."""
        return "; ".join(self._notes)


def _account(name: str) -> Owner | None:
    """Return an account as numbers, None when we cannot become another one anyway."""
    if not name or os.geteuid() != 0:
        return None
    account = isolated.account_of(name)

    return Owner(account.pw_uid, account.pw_gid)


def _limited(chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > most:
            raise RestoreError(f"the listing of the dump has more than {most >> 20} MB")
        yield chunk


KIND: t.Final = DatabaseTarget
