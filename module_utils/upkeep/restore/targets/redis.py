# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Redis: a snapshot checked beside the live file, then swapped while the server is stopped.

What the server holds is written to its file first, so that what is kept is what was there. A server
that reads an append-only file at its start would not read the snapshot, and a replica would drop it
for what its primary has: both are refused.
"""

from __future__ import annotations

import os
import stat
import time
import typing as t
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from ...backup import programs
from ...backup.artefacts import redis as snapshots
from ...backup.artefacts.kind import ArtefactError, Workplace
from ...base import isolated, systemd
from ...base.deadline import Deadline
from ...base.files import open_folder, reason_of
from ...base.folders import Folder
from ...base.redis_client import RedisClient, RedisError, RedisReplyError
from ...base.systemd import ACTIVE_STATES, SystemdError
from ...base.unpacking import move, move_back
from ..choose import NotPutBackError, RestoreError
from ..snapshots import check_snapshot
from .target import TargetPlan, TargetWork

#: Seconds that a server has to stop and start when it is put back.
_BACK_SECONDS: t.Final = 60.0
_PAUSE: t.Final = 0.1
#: A new snapshot is as Redis makes one.
_MODE: t.Final = 0o660
_LOADED: t.Final = ("rdb_last_load_keys_loaded", "rdb_last_load_keys_expired")


class RedisTarget:
    """The snapshot of one server, and the unit that runs it."""

    def __init__(self, work: TargetWork) -> None:
        self._work = work
        self._facts = work.artefact.facts
        self._server = work.settings.redis
        self._path = str(self._facts["path"])
        self._parent, self._name = os.path.split(self._path)
        self._side = work.side_folder
        self._was_active = False
        self._is_kept = False
        self._notes: list[str] = []

    def plan(self) -> TargetPlan:
        """Return what would be replaced; raises RestoreError where it would not be read."""
        if not self._server.login.is_local:
            raise RestoreError(f"{self._server.login.place} is not on this host")
        if not Path(self._parent).is_dir():
            raise RestoreError(f"there is no folder '{self._parent}': install Redis first")
        if os.path.lexists(f"{self._path}{self._work.kept_suffix}"):
            raise RestoreError(f"'{self._path}' was replaced in this very second; try again")

        self._was_active = self._is_active(self._work.deadline)
        info = self._asked()
        if info:
            self._require_fitting(info)
        there = (self._path,) if os.path.lexists(self._path) else ()
        raw = int(self._facts["raw_bytes"])
        notes = [f"{self._server.unit} is stopped for that"]
        if not there:
            notes.append(f"not there now: {self._path}")
        needs = {self._parent: raw}
        if (staging := self._work.settings.staging) != self._parent:
            needs[staging] = raw

        return TargetPlan(there, needs, tuple(notes))

    def _is_active(self, deadline: Deadline) -> bool:
        unit = self._server.unit
        try:
            found = systemd.show([unit], ["LoadState", "ActiveState"], deadline)[unit]
        except SystemdError as error:
            raise RestoreError(str(error)) from error
        if found.get("LoadState") != "loaded":
            raise RestoreError(f"there is no unit {unit} on this host; correct redis.unit")

        return found.get("ActiveState") in ACTIVE_STATES

    def _asked(self) -> Mapping[str, str]:
        """Return what the server says about itself, {} when it does not run."""
        try:
            with RedisClient(self._server.login, self._work.deadline) as client:
                info = {**snapshots.info_of(client), "path": snapshots.file_of(client)}
        except (RedisError, ArtefactError) as error:
            if self._was_active or isinstance(error, RedisReplyError):
                raise RestoreError(str(error)) from error
            return {}
        if not self._was_active:
            raise RestoreError(
                f"{self._server.unit} does not run, but a server answers at"
                f" {self._server.login.place}; correct redis.unit or redis.port"
            )

        return info

    def _require_fitting(self, info: Mapping[str, str]) -> None:
        """Raise RestoreError when the server would not read the snapshot at its start."""
        if info.get("role") == "slave":
            raise RestoreError("this server is a replica; restore its primary")
        if info.get("aof_enabled") != "0":
            raise RestoreError(
                "this server reads its append-only file at its start, not a snapshot: set"
                " 'appendonly no' in its configuration, restart it, restore, and then switch it on"
                " again with CONFIG SET appendonly yes and in the configuration"
            )
        if info["path"] != self._path:
            raise RestoreError(
                f"this server's snapshot is '{info['path']}', that of the set was '{self._path}';"
                " set dir and dbfilename as they were"
            )
        here, there = info.get("redis_version", ""), str(self._facts.get("redis_version", ""))
        if _version(here) < _version(there)[:1]:
            raise RestoreError(f"the server ({here}) is older than that of the snapshot ({there})")

    def prepare(self) -> str:
        """Check the snapshot, have a server of its own load it, and unpack it beside the file."""
        work = self._work
        place = Workplace(work.deadline, work.settings.staging)
        check = check_snapshot(work.artefact, work.open_file, place)
        if not check.keys and not work.settings.allow_empty:
            raise RestoreError("the snapshot has no keys; allow_empty restores it all the same")

        if check.doubt:
            self._notes.append(check.doubt)
        with self._folder() as folder:
            self._unpack(folder)

        return check.found

    def _unpack(self, folder: Folder) -> None:
        account = isolated.account_of(self._server.account)
        mode = _MODE
        if folder.has(self._name):
            status = folder.status(self._name)
            if not stat.S_ISREG(status.st_mode):
                raise RestoreError(f"'{self._path}' is not a regular file")
            mode = stat.S_IMODE(status.st_mode) & 0o666
        with (
            folder.make(self._side) as side,
            closing(self._work.open_file(self._work.artefact.files[0])) as packed,
            side.create(self._name) as out,
        ):
            pipe = [programs.expanding()]
            programs.run(pipe, out.fileno(), self._work.deadline, packed.fileno())
            raw = os.fstat(out.fileno()).st_size
            if raw != self._facts["raw_bytes"]:
                raise RestoreError(f"{raw} bytes were unpacked, not {self._facts['raw_bytes']}")
            if os.geteuid() == 0:
                os.fchown(out.fileno(), account.pw_uid, account.pw_gid)
            os.fchmod(out.fileno(), mode)
            os.fsync(out.fileno())

    def _folder(self) -> Folder:
        """Open the folder of the file, which must be root's or that of the server's account."""
        folder = Folder(open_folder(self._parent), self._parent)
        owner = os.fstat(folder.descriptor).st_uid
        if owner not in (0, os.geteuid(), isolated.account_of(self._server.account).pw_uid):
            folder.close()
            raise RestoreError(
                f"'{self._parent}' belongs neither to {self._server.account} nor to root"
            )

        return folder

    def side_names(self) -> list[str]:
        """Return what was unpacked beside."""
        return [f"{self._parent}/{self._side}/{self._name}"]

    def replace(self) -> list[str]:
        """Save what the server holds, stop it, change the files, and start it."""
        deadline = self._work.deadline
        if self._was_active:
            self._save(deadline)
        try:
            self._stop(deadline)
            self._swap()
            self._start(deadline)
        except (RestoreError, OSError) as error:
            text = reason_of(error) if isinstance(error, OSError) else str(error)
            text = f"'{self._path}' cannot be replaced: {text}"
            if back := self._tried_back():
                raise NotPutBackError(f"{text}{back}") from error
            raise RestoreError(text) from error

        return [f"{self._parent}/{self._kept}"] if self._is_kept else []

    def _save(self, deadline: Deadline) -> None:
        try:
            with RedisClient(self._server.login, deadline) as client:
                snapshots.save(client, deadline)
        except (RedisError, ArtefactError) as error:
            raise RestoreError(f"what Redis holds now cannot be saved: {error}") from error

    def _stop(self, deadline: Deadline) -> None:
        unit = self._server.unit
        _ordered(lambda: systemd.stop(unit, deadline))
        try:
            with RedisClient(self._server.login, deadline):
                pass
        except RedisReplyError:
            pass
        except RedisError:
            return

        raise RestoreError(f"{unit} was stopped, and a server still answers; correct redis.unit")

    def _start(self, deadline: Deadline) -> None:
        """Start the server, and raise RestoreError unless it reads the snapshot."""
        _ordered(lambda: systemd.start(self._server.unit, deadline))
        info = self._read(deadline)
        if info.get("aof_enabled") != "0":
            raise RestoreError(
                "at its start this server reads its append-only file, not a snapshot; set"
                " 'appendonly no' in its configuration before"
            )
        loaded, expired = (int(info.get(name, -1)) for name in _LOADED)
        keys = int(self._facts["keys"])
        if loaded >= 0 and loaded + max(expired, 0) != keys:
            raise RestoreError(f"Redis read {loaded} keys at its start instead of {keys}")
        if expired > 0:
            self._notes.append(f"{expired} of the keys have expired since")

    def _read(self, deadline: Deadline) -> Mapping[str, str]:
        """Return what the server says about itself once it has read its file."""
        while True:
            try:
                with RedisClient(self._server.login, deadline) as client:
                    info = snapshots.info_of(client)
                if info.get("loading", "0") == "0":
                    return info
            except RedisReplyError as error:
                if error.code != "LOADING":
                    raise RestoreError(str(error)) from error
            except RedisError as error:
                if not self._is_starting(deadline):
                    raise RestoreError(f"{self._server.unit} does not run: {error}") from error
            deadline.remaining()
            time.sleep(_PAUSE)

    def _is_starting(self, deadline: Deadline) -> bool:
        unit = self._server.unit
        try:
            state = systemd.show([unit], ["ActiveState"], deadline)[unit].get("ActiveState")
        except SystemdError as error:
            raise RestoreError(str(error)) from error

        return state in (*ACTIVE_STATES, "activating")

    def _swap(self) -> None:
        with self._folder() as folder, folder.enter(self._side) as side:
            if folder.has(self._name):
                move(folder, self._name, folder, self._kept)
                self._is_kept = True
            move(side, self._name, folder, self._name)

    @property
    def _kept(self) -> str:
        return f"{self._name}{self._work.kept_suffix}"

    def _tried_back(self) -> str:
        """Put back what was replaced; return what could not be, '' when all is as before."""
        try:
            self.put_back()
        except (RestoreError, TimeoutError, OSError) as error:
            text = reason_of(error) if isinstance(error, OSError) else str(error)
            return f"; {self._server.unit} is not as it was: {text}"

        return ""

    def put_back(self) -> None:
        """Give the replaced file its name again, and start the server if it ran."""
        deadline = Deadline(_BACK_SECONDS)
        unit = self._server.unit
        _ordered(lambda: systemd.stop(unit, deadline))
        with self._folder() as folder, folder.enter(self._side) as side:
            if not side.has(self._name) and folder.has(self._name):
                move_back(folder, self._name, side, self._name)
            if self._is_kept:
                move_back(folder, self._kept, folder, self._name)
                self._is_kept = False
        if self._was_active:
            _ordered(lambda: systemd.start(unit, deadline))
            self._read(deadline)

    def discard(self) -> None:
        """Remove the side folder."""
        if Path(self._parent).is_dir():
            with self._folder() as folder:
                folder.remove(self._side)

    def finish(self) -> str:
        """Remove the side folder, which is empty by now."""
        self.discard()

        return "; ".join(self._notes)


def _ordered(order: Callable[[], None]) -> None:
    try:
        order()
    except (SystemdError, TimeoutError) as error:
        raise RestoreError(str(error)) from error


def _version(text: str) -> tuple[int, ...]:
    """Return a version as numbers; empty for what is not a version."""
    parts = text.split(".")

    return tuple(int(part) for part in parts) if all(map(str.isdecimal, parts)) else ()


KIND: t.Final = RedisTarget
