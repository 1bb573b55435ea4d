# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a snapshot of Redis can be loaded: read to its end, then loaded by a server of its own.

That server runs without rights and within a limit of memory, listens on a socket in its folder
alone, and writes nothing. It is a replica of a server that cannot be reached, since any other would
leave out at once what has expired, and nothing could be compared.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import typing as t
from collections.abc import Iterator

from ..backup import programs
from ..backup.artefacts.kind import OpenFile, Workplace, foreign_folder
from ..backup.artefacts.redis import (
    UNPACKED,
    UnpackedSnapshot,
    databases_in,
    info_of,
    snapshot_problems,
    unpacked,
)
from ..backup.manifest import Artefact
from ..backup.programs import Pipeline, Program
from ..base.deadline import Deadline
from ..base.redis_client import RedisClient, RedisError, RedisLogin, RedisReplyError
from ..base.text import visible
from .choose import RestoreError
from .space import memory_available

#: Nobody can listen there, and nothing is sent out to find out.
_NOWHERE: t.Final = ("255.255.255.255", "1")
_SOCKET: t.Final = "redis.sock"
_SERVER: t.Final = "redis-server"
_PAUSE: t.Final = 0.05
#: A snapshot that does not say how much memory it needs may need so many times its size.
_GROWS: t.Final = 10
#: Address space that a server has before it holds any key, bytes.
_BASE: t.Final = 512 << 20
_TAIL: t.Final = 4096
_DEFAULT_DATABASES: t.Final = 16
_COMPLAINT: t.Final = re.compile(r"^\d+:\w .* # (.+)$", re.MULTILINE)


class SnapshotCheck(t.NamedTuple):
    """What was found of a snapshot; ``doubt`` is why it was not loaded, '' when it was."""

    found: str
    keys: int
    doubt: str


def check_snapshot(artefact: Artefact, open_file: OpenFile, place: Workplace) -> SnapshotCheck:
    """Read and load a snapshot and compare it with the manifest.

    Raises RestoreError, ArtefactError, ProgramError, TimeoutError, OSError.
    """
    raw = int(artefact.facts["raw_bytes"])
    with open_file(artefact.files[0]) as stream, unpacked(stream, raw, place) as snapshot:
        if problems := snapshot_problems(artefact, snapshot):
            raise RestoreError("; ".join(problems))
        doubt = _memory_problem(snapshot, raw)
        if not doubt:
            _require_loads(snapshot, place.deadline)

    count = len(snapshot.databases or artefact.facts["databases"])
    found = f"{snapshot.keys} keys in {count} databases as in the manifest"

    return SnapshotCheck(found, snapshot.keys, doubt)


def _memory_problem(snapshot: UnpackedSnapshot, raw: int) -> str:
    needed = snapshot.memory or raw * _GROWS
    free = memory_available()
    if needed <= free // 2:
        return ""

    return (
        f"it was read to its end and not loaded: it needs {needed >> 20} MiB of memory, more than"
        f" half of the {free >> 20} MiB that are free"
    )


def _require_loads(snapshot: UnpackedSnapshot, deadline: Deadline) -> None:
    """Raise RestoreError unless a server loads all keys of a snapshot."""
    with _loaded(snapshot, deadline) as login:
        try:
            with RedisClient(login, deadline) as client:
                found = databases_in(info_of(client))
        except RedisError as error:
            raise RestoreError(f"its own server: {error}") from error

    keys = sum(found.values())
    if keys != snapshot.keys or (snapshot.databases and found != snapshot.databases):
        expected = snapshot.databases or snapshot.keys
        raise RestoreError(f"its own server has {found} keys instead of {expected}")


@contextlib.contextmanager
def _loaded(snapshot: UnpackedSnapshot, deadline: Deadline) -> Iterator[RedisLogin]:
    """Yield how to reach a server that has loaded a snapshot; raises RestoreError, TimeoutError."""
    log = os.memfd_create("log", os.MFD_CLOEXEC)
    pipeline = None
    try:
        pipeline = Pipeline([_server(snapshot)], None, log)
        login = RedisLogin(f"{snapshot.folder}/{_SOCKET}", 0)
        _wait(login, pipeline, log, deadline)
        yield login
    finally:
        if pipeline:
            pipeline.kill()
        os.close(log)


def _server(snapshot: UnpackedSnapshot) -> Program:
    numbers = [int(name.removeprefix("db")) for name in snapshot.databases]
    options = {
        "port": ("0",),
        "unixsocket": (f"{snapshot.folder}/{_SOCKET}",),
        "unixsocketperm": ("700",),
        "dir": (snapshot.folder,),
        "dbfilename": (UNPACKED,),
        "databases": (str(max([_DEFAULT_DATABASES - 1, *numbers]) + 1),),
        "save": ("",),
        "appendonly": ("no",),
        "daemonize": ("no",),
        "logfile": ("",),
        "replicaof": _NOWHERE,
    }
    words = [word for name, values in options.items() for word in (f"--{name}", *values)]
    most = memory_available() // 2 + _BASE
    argv = ("prlimit", f"--as={most}", _program(snapshot.folder), *words)

    return Program(argv, programs.harmless())


def _program(folder: str) -> str:
    """Return the path of Redis' server.

    In Debian the checker, which is installed wherever sets are verified, is the same program: its
    name says what it does.
    """
    if found := shutil.which(_SERVER):
        return found
    checker = shutil.which("redis-check-rdb")
    if not checker:
        raise RestoreError("there is no Redis on this host: install redis-tools")
    with foreign_folder(folder, programs.harmless_owner()) as opened:
        opened.link(_SERVER, os.path.realpath(checker))

    return f"{folder}/{_SERVER}"


def _wait(login: RedisLogin, pipeline: Pipeline, log: int, deadline: Deadline) -> None:
    """Wait until a server has loaded all that it has; raises RestoreError, TimeoutError."""
    while True:
        if pipeline.has_ended:
            raise RestoreError(f"Redis cannot load it: {_last_complaint(log)}")
        deadline.remaining()
        try:
            with RedisClient(login, deadline) as client:
                client.ask("PING")
                return
        except RedisReplyError as error:
            if error.code != "LOADING":
                raise RestoreError(f"its own server: {error}") from error
        except RedisError:
            pass  # it does not listen yet
        time.sleep(_PAUSE)


def _last_complaint(log: int) -> str:
    size = os.fstat(log).st_size
    text = os.pread(log, _TAIL, max(size - _TAIL, 0)).decode("utf-8", "replace")
    found = _COMPLAINT.findall(text)

    return visible(found[-1]) if found else "it ended without a word"
