# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Redis: a snapshot that was awaited, taken from the server's own file, and checked."""

from __future__ import annotations

import os
import re
import time
import typing as t
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ...base import isolated
from ...base.deadline import Deadline
from ...base.files import open_regular, reason_of
from ...base.redis_client import RedisClient, RedisError, RedisReplyError
from .. import programs
from ..manifest import Artefact
from ..programs import Program
from ..settings import SnapshotSettings
from .kind import (
    ArtefactError,
    ArtefactFolder,
    MadeArtefact,
    OpenFile,
    Workplace,
    foreign_folder,
    staging_folder,
)

SNAPSHOT: t.Final = "dump.rdb.zst"
#: The fact with the keys of each database as the snapshot itself has them, expired ones as well.
SNAPSHOT_DATABASES: t.Final = "snapshot_databases"
#: What an unpacked snapshot is called.
UNPACKED: t.Final = "dump.rdb"
_PAUSE: t.Final = 0.1
_KEYS: t.Final = re.compile(r"^\[info\] (\d+) keys read$", re.MULTILINE)
_MEMORY: t.Final = re.compile(r"^\[offset \d+\] AUX FIELD used-mem = '(\d{1,18})'$", re.MULTILINE)
_SELECTED: t.Final = re.compile(r"^\[offset (\d{1,15})\] Selecting DB ID (\d{1,5})$", re.MULTILINE)
#: In a snapshot the number of keys of a database follows this byte.
_SIZES: t.Final = 0xFB
_FACTS: t.Final = ("redis_version", "aof_enabled", "maxmemory_policy")
_KEYSPACE: t.Final = re.compile(r"db\d+")
#: What writes in the background, of which one runs at a time.
_WRITERS: t.Final = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress")


class UnpackedSnapshot(t.NamedTuple):
    """A snapshot in a staging folder, read by Redis' own checker.

    ``databases`` are the keys of each database, {} where the snapshot does not hold them;
    ``memory`` is what the server used when it was written, bytes, 0 where that is not known.
    """

    folder: str
    keys: int
    databases: dict[str, int]
    memory: int


class SnapshotKind:
    """Snapshots of Redis."""

    def make(
        self, source: SnapshotSettings, folder: ArtefactFolder, place: Workplace
    ) -> MadeArtefact:
        """Have the server write a snapshot, wait for it, and copy its file."""
        if not source.login.is_local:
            raise ArtefactError(f"{source.login.place} is not on this host; its file is needed")
        owner = isolated.account_of(source.account).pw_uid
        try:
            with RedisClient(source.login, place.deadline) as client:
                path = file_of(client)
                info = save(client, place.deadline)
        except RedisError as error:
            raise ArtefactError(str(error)) from error

        try:
            source_file = open_regular(path, owner=owner)
        except OSError as error:
            raise ArtefactError(f"'{path}' {reason_of(error)}") from error
        with source_file, folder.create(SNAPSHOT) as out:
            raw = os.fstat(source_file.fileno()).st_size
            compress = [programs.compressing()]
            stages = programs.run(compress, out.fileno(), place.deadline, source_file.fileno())
            with unpacked(out, raw, place) as snapshot:
                pass

        facts: dict[str, t.Any] = {
            "path": path,
            "raw_bytes": raw,
            "keys": snapshot.keys,
            "databases": databases_in(info),
            SNAPSHOT_DATABASES: snapshot.databases,
            **{name: info[name] for name in _FACTS if name in info},
        }

        return MadeArtefact(facts, tuple(stages))

    def verify(self, artefact: Artefact, open_file: OpenFile, place: Workplace) -> list[str]:
        """Unpack the snapshot, have Redis' own program read it to its end, and count its keys."""
        raw = artefact.facts["raw_bytes"]
        with open_file(artefact.files[0]) as stream, unpacked(stream, raw, place) as snapshot:
            return snapshot_problems(artefact, snapshot)


KIND: t.Final = SnapshotKind()


def snapshot_problems(artefact: Artefact, snapshot: UnpackedSnapshot) -> list[str]:
    """Return what a snapshot has that the manifest has not; sets of before have totals only."""
    facts = artefact.facts
    if snapshot.keys != facts["keys"]:
        return [f"its snapshot has {snapshot.keys} keys instead of {facts['keys']}"]
    expected = facts.get(SNAPSHOT_DATABASES)
    if expected and snapshot.databases != expected:
        return [f"its databases have {snapshot.databases} keys instead of {expected}"]

    return []


def file_of(client: RedisClient) -> str:
    """Return the path of the server's snapshot; raises RedisError, ArtefactError."""
    folder, name = (_setting(client, name) for name in ("dir", "dbfilename"))
    if not folder.startswith("/") or not name or "/" in name:
        raise ArtefactError("Redis does not show where its snapshot is")

    return f"{folder.rstrip('/')}/{name}"


def _setting(client: RedisClient, name: str) -> str:
    reply = client.ask("CONFIG", "GET", name)

    return str(reply[1]) if isinstance(reply, list) and len(reply) == 2 else ""


def save(client: RedisClient, deadline: Deadline) -> dict[str, str]:
    """Have a snapshot written that begins after this call, and return INFO of afterwards.

    That a time or a status is new proves nothing alone: a snapshot that somebody else had begun
    may end now, without what was written since. Raises RedisError, ArtefactError, TimeoutError.
    """
    while True:
        before = _idle(client, deadline)
        try:
            started = _moment(client)
            client.ask("BGSAVE")
            break
        except RedisReplyError as error:
            if "in progress" not in str(error) and "child process" not in str(error):
                raise
            time.sleep(_PAUSE)  # somebody else was faster

    info = _idle(client, deadline)
    if info.get("rdb_last_bgsave_status") != "ok":
        raise ArtefactError("Redis could not write its snapshot; its own log says why")
    is_new = _figure(info, "rdb_last_save_time") >= started
    if "rdb_saves" in info:
        is_new = _figure(info, "rdb_saves") != _figure(before, "rdb_saves")
    if not is_new:
        raise ArtefactError("Redis wrote no snapshot, though it accepted BGSAVE")

    return info


def _moment(client: RedisClient) -> int:
    """Return the server's time, s; raises RedisError, ArtefactError."""
    match client.ask("TIME"):
        case [str(seconds), *_] if seconds.isascii() and seconds.isdecimal():
            return int(seconds)
        case _:
            raise ArtefactError("Redis does not answer TIME")


def _figure(info: dict[str, str], name: str) -> int:
    """Return a number of INFO, 0 without it; raises ArtefactError."""
    text = info.get(name, "0")
    if not text.isascii() or not text.isdecimal():
        raise ArtefactError(f"Redis does not show its {name}")

    return int(text)


def _idle(client: RedisClient, deadline: Deadline) -> dict[str, str]:
    """Wait until nothing is being written in the background, and return INFO; raises as above."""
    while True:
        info = info_of(client)
        if not all(name in info for name in _WRITERS):
            raise ArtefactError("Redis does not show whether it writes a snapshot")
        if all(info[name] == "0" for name in _WRITERS):
            return info
        deadline.remaining()
        time.sleep(_PAUSE)


def info_of(client: RedisClient) -> dict[str, str]:
    """Return what INFO says, by name; raises RedisError, TimeoutError."""
    pairs = (line.partition(":") for line in str(client.ask("INFO")).splitlines())

    return {name: value for name, _, value in pairs if value}


def databases_in(info: Mapping[str, str]) -> dict[str, int]:
    """Return the keys of each database that INFO names."""
    return {name: _keys(text) for name, text in info.items() if _KEYSPACE.fullmatch(name)}


def _keys(text: str) -> int:
    """Return the number of keys of a line such as ``keys=3,expires=0,avg_ttl=0``."""
    found = re.search(r"\bkeys=(\d+)", text)

    return int(found[1]) if found else 0


@contextmanager
def unpacked(stream: t.BinaryIO, raw: int, place: Workplace) -> Iterator[UnpackedSnapshot]:
    """Yield a compressed snapshot of ``raw`` bytes, unpacked and read to its end.

    It belongs to an account without rights. Raises ArtefactError, ProgramError, OSError.
    """
    stream.seek(0)
    owner = programs.harmless_owner()
    with (
        staging_folder(place, *(owner or ())) as staging,
        foreign_folder(staging, owner) as folder,
        folder.create(UNPACKED) as out,
    ):
        programs.run([programs.expanding()], out.fileno(), place.deadline, stream.fileno())
        size = os.fstat(out.fileno()).st_size
        if owner:
            os.fchown(out.fileno(), *owner)
        check = Program(("redis-check-rdb", f"{staging}/{UNPACKED}"), programs.harmless())
        output = b"".join(programs.reading([check], None, place.deadline))
        if size != raw:
            raise ArtefactError(f"its snapshot has {size} bytes instead of {raw}")

        yield _read_snapshot(staging, output.decode("utf-8", "replace"), out.fileno())


def _read_snapshot(folder: str, output: str, snapshot: int) -> UnpackedSnapshot:
    """Return what the checker wrote about a snapshot; raises ArtefactError."""
    counted, memory = _KEYS.search(output), _MEMORY.search(output)
    if not counted:
        raise ArtefactError("redis-check-rdb does not say how many keys it read")

    keys = int(counted[1])
    databases = {
        f"db{number}": _stored_number(os.pread(snapshot, 16, int(offset)))
        for offset, number in _SELECTED.findall(output)
    }
    is_whole = sum(databases.values()) == keys

    return UnpackedSnapshot(
        folder, keys, databases if is_whole else {}, int(memory[1]) if memory else 0
    )


def _stored_number(data: bytes) -> int:
    """Return the number of keys that stands at the beginning of a database, 0 without one."""
    if len(data) < 11 or data[0] != _SIZES:
        return 0
    form = data[1] >> 6
    if form == 0:
        return data[1] & 0x3F
    if form == 1:
        return (data[1] & 0x3F) << 8 | data[2]

    return int.from_bytes(data[2:10] if data[1] & 0x3F else data[2:6], "big")
