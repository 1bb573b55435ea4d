# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server of PostgreSQL for one rehearsal: own account, folder and socket, and then gone.

A dump can run code, so the server runs as an account that can neither read nor write the live one,
which is proved before it starts. It listens on no address, archives nothing, and its socket lies in
a folder that only its account may enter.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import stat
import tempfile
import time
import typing as t
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from ..backup import programs
from ..backup.artefacts.kind import Workplace, is_held, is_stale
from ..backup.programs import Pipeline, Program, ProgramError
from ..base import isolated
from ..base.deadline import Deadline
from ..base.files import Owner, open_folder, write_atomic
from ..base.folders import Folder
from ..base.login import Login
from ..base.postgresql_programs import connection_string, login_environment, program_path
from ..postgresql.connection import DatabaseError, DriverMissingError, Session, open_session
from .choose import RestoreError

#: Where Debian keeps clusters, and their sockets.
LIVE_FOLDERS: t.Final = ("/var/lib/postgresql",)
LIVE_SOCKETS: t.Final = ("/var/run/postgresql",)
#: What belongs to it in a dump, as event triggers do, can belong to a superuser only.
_ROLE: t.Final = "postgres"
#: What the name of its folder begins with.
PREFIX: t.Final = "upkeep-rehearsal-"
_PORT: t.Final = 5432
_START_SECONDS: t.Final = 60.0
_STOP_SECONDS: t.Final = 20.0
_PAUSE: t.Final = 0.1
_LOCK_MS: t.Final = 10_000
#: Nothing here has to survive, and nothing may leave.
_SETTINGS: t.Final = """\
listen_addresses = ''
unix_socket_directories = '{folder}'
unix_socket_permissions = 0700
archive_mode = off
wal_level = minimal
max_wal_senders = 0
fsync = off
full_page_writes = off
synchronous_commit = off
autovacuum = off
shared_preload_libraries = ''
session_preload_libraries = ''
local_preload_libraries = ''
max_connections = 20
shared_buffers = '64MB'
maintenance_work_mem = '128MB'
max_wal_size = '1GB'
logging_collector = off
log_min_messages = fatal
"""

T = t.TypeVar("T")


class ServerPrograms(t.NamedTuple):
    """Where the programs are, '' for where Debian has them, and the major version to prefer."""

    folder: str = ""
    version: int = 0


class ThrowawayServer:
    """The running server; ``folder`` is its own."""

    def __init__(
        self, folder: str, account: str | None, chosen: ServerPrograms, deadline: Deadline
    ) -> None:
        self.folder = folder
        self.deadline = deadline
        self._account = account
        self._chosen = chosen

    @property
    def login(self) -> Login:
        """How to log in to it."""
        return Login(self.folder, _PORT, _ROLE, None)

    def program(self, name: str, *arguments: str, database: str = "postgres") -> Program:
        """Return a program that talks to it, as its account."""
        path = program_path(name, self._chosen.folder, self._chosen.version)

        return Program((path, *arguments), self._account, login_environment(self.login, database))

    def run(self, program: Program, source: int | None = None) -> None:
        """Run a program to its end; raises ProgramError."""
        nothing = os.memfd_create("output", os.MFD_CLOEXEC)
        try:
            programs.run([program], nothing, self.deadline, source)
        finally:
            os.close(nothing)

    def load(self, dump: str, database: str, jobs: int) -> None:
        """Load a dump with all that it holds; raises ProgramError."""
        self.run(
            self.program(
                "pg_restore",
                "--exit-on-error",
                "--no-password",
                "--no-tablespaces",
                f"--jobs={jobs}",
                f"--dbname={connection_string(database)}",
                dump,
                database=database,
            )
        )

    def ask(self, work: Callable[[Session], T], database: str = "postgres") -> T:
        """Return what ``work``, which gets a session, returns as JSON; raises RestoreError."""
        seconds = self.deadline.remaining()

        def in_process() -> Iterator[T]:
            try:
                session = open_session(self.login, database, _LOCK_MS)
                with session.statement_timeout(seconds):
                    yield work(session)
            except (DatabaseError, DriverMissingError) as error:
                raise isolated.IsolatedError(str(error)) from error

        values, problem = isolated.run(in_process, seconds, self._account)
        if problem:
            raise RestoreError(problem)

        return t.cast(T, values[0])


@contextlib.contextmanager
def running(
    place: Workplace,
    account: str,
    chosen: ServerPrograms,
    guarded: Sequence[str] = LIVE_FOLDERS,
) -> Iterator[ThrowawayServer]:
    """Yield a server that runs; raises RestoreError, ProgramError, TimeoutError, OSError."""
    owner = _owner(account)
    require_apart(account, guarded)
    name = account if owner else None
    with _own_folder(place, owner) as folder:
        _remove_leftovers(place, owner, lambda path: _ended(path, name, chosen, place))
        server = ThrowawayServer(folder, name, chosen, place.deadline)
        data = f"{folder}/data"
        server.run(
            server.program(
                "initdb",
                "--no-sync",
                "--auth=trust",
                f"--username={_ROLE}",
                "--encoding=UTF8",
                "--locale=C",
                f"--pgdata={data}",
            )
        )
        text = _SETTINGS.format(folder=folder)
        write_atomic(f"{data}/postgresql.auto.conf", text, 0o600, owner=owner)
        out = os.memfd_create("output", os.MFD_CLOEXEC)
        pipeline = Pipeline([server.program("postgres", "-D", data)], None, out)
        try:
            _wait(server, pipeline)
            yield server
        finally:
            _stop(server, data)
            pipeline.kill()
            os.close(out)


@contextlib.contextmanager
def _own_folder(place: Workplace, owner: Owner | None) -> Iterator[str]:
    """Yield a new folder that belongs to an account and that we hold locked.

    The lock ends with us, however we end: a folder that nobody holds is a leftover.
    """
    path = tempfile.mkdtemp(prefix=PREFIX, dir=place.staging)
    with Folder(open_folder(path), path) as folder:
        try:
            fcntl.flock(folder.descriptor, fcntl.LOCK_EX)
            if owner:
                os.fchown(folder.descriptor, *owner)
            yield path
        finally:
            shutil.rmtree(path)


def _remove_leftovers(
    place: Workplace, owner: Owner | None, end_server: Callable[[str], None]
) -> None:
    """Remove what killed rehearsals left: a server that runs for ever, and a whole database."""
    uids = {owner.uid if owner else os.geteuid(), os.geteuid()}
    with Folder(open_folder(place.staging), place.staging) as staging:
        for name in staging.names():
            status = staging.status(name)
            is_ours = name.startswith(PREFIX) and status.st_uid in uids
            if is_ours and is_stale(status):
                with staging.enter(name) as folder:
                    if not is_held(folder):
                        end_server(f"{place.staging}/{name}")
                        staging.remove(name)


def _ended(folder: str, account: str | None, chosen: ServerPrograms, place: Workplace) -> None:
    """End the server of a folder, if one runs."""
    _stop(ThrowawayServer(folder, account, chosen, place.deadline), f"{folder}/data")


def require_apart(account: str, guarded: Sequence[str]) -> None:
    """Raise RestoreError when the account could read or write the live server.

    Asked of the kernel, as the account: whatever groups or access lists would allow counts.
    """
    if _owner(account) is None:
        return

    def look() -> Iterator[str]:
        for folder in guarded:
            yield from _reachable(folder)
        for folder in LIVE_SOCKETS:
            yield from _answering(folder)

    found, problem = isolated.run(look, 30.0, account)
    if problem:
        raise RestoreError(f"the account {account} cannot be judged: {problem}")
    if found:
        raise RestoreError(
            f"the account {account} can reach the live server ({found[0]}); give the rehearsal an"
            " account of its own without any rights"
        )


def _reachable(folder: str) -> Iterator[str]:
    """Yield what of the clusters below a folder we can read or write."""
    for version in _names(folder):
        for cluster in _names(f"{folder}/{version}"):
            path = f"{folder}/{version}/{cluster}"
            if (os.access(path, os.R_OK) and _has_data(path)) or os.access(path, os.W_OK):
                yield path


def _names(folder: str) -> list[str]:
    try:
        with Folder(open_folder(folder), folder) as opened:
            return [name for name in opened.names() if stat.S_ISDIR(opened.status(name).st_mode)]
    except OSError:
        return []


def _has_data(path: str) -> bool:
    return Path(f"{path}/PG_VERSION").exists()


def _answering(folder: str) -> Iterator[str]:
    """Yield the sockets of live servers that let us in."""
    try:
        with Folder(open_folder(folder), folder) as opened:
            names = [name for name in opened.names() if name.startswith(".s.PGSQL.")]
    except OSError:
        return
    for name in names:
        port = name.rpartition(".")[2]
        if port.isdecimal():
            for role in (None, "postgres"):
                with contextlib.suppress(DatabaseError, DriverMissingError):
                    open_session(Login(folder, int(port), role, None), "postgres", _LOCK_MS).close()
                    yield f"{folder}/{name}"
                    break


def _wait(server: ThrowawayServer, pipeline: Pipeline) -> None:
    """Wait until the server takes connections; raises ProgramError, TimeoutError."""
    limit = server.deadline.part(_START_SECONDS)
    path = f"{server.folder}/.s.PGSQL.{_PORT}"
    while True:
        if pipeline.has_ended:
            pipeline.finish(limit)  # says what it complained about
            raise RestoreError("the server ended at once")
        limit.remaining()
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
            try:
                probe.connect(path)
            except OSError:
                pass
            else:
                with contextlib.suppress(RestoreError):
                    server.ask(lambda session: session.value("SELECT 1"))
                    return
        time.sleep(_PAUSE)


def _stop(server: ThrowawayServer, data: str) -> None:
    """End the server and wait for its processes, which would go on writing for a moment."""
    server.deadline = Deadline(_STOP_SECONDS)
    with contextlib.suppress(ProgramError, TimeoutError):
        server.run(server.program("pg_ctl", "stop", "--wait", "--mode=immediate", "-D", data))


def _owner(account: str) -> Owner | None:
    """Return the account as numbers, None when we cannot become another one anyway."""
    if os.geteuid() != 0:
        return None
    entry = isolated.account_of(account)
    if entry.pw_uid == 0:
        raise RestoreError("the rehearsal must not run as root")

    return Owner(entry.pw_uid, entry.pw_gid)
