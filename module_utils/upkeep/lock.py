# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lease that lets one run at a time change a system.

It is a small JSON file on one host of the system, so that every controller sees the same one.
Reading and writing happen under flock(2), the file is replaced by rename. Times are seconds of that
host's clock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import typing as t
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding, finding


class LockError(RuntimeError):
    """The lease cannot be read or written; the message names the file and what to do."""


@dataclass(frozen=True)
class Lease:
    """Who changes a system, and until when at the latest."""

    run_id: str
    owner: str
    controller: str
    process: str
    taken_at: float
    expires_at: float

    def __str__(self) -> str:
        until = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(self.expires_at))
        return f"run {self.run_id} of {self.owner} on {self.controller} (until {until})"


@dataclass(frozen=True)
class Outcome:
    """``state`` is ``taken``, ``renewed``, ``taken_over``, ``held`` (by ``holder``), ``free`` or ``released``."""

    state: str
    holder: Lease | None = None


def take(
    path: Path, wanted: Lease, *, now: float, steal: bool = False, steal_from: str = ""
) -> Outcome:
    """Take the lease unless another run holds it.

    An expired lease, one that ``steal`` names by order of a person, or the one of run
    ``steal_from`` (whose controller process is known to be dead) is taken over; ``holder`` then
    tells from whom.
    """
    with _exclusive(path):
        holder = read(path)
        if holder is None:
            state = "taken"
        elif holder.run_id == wanted.run_id:
            state = "renewed"
        elif steal or holder.run_id == steal_from or holder.expires_at <= now:
            state = "taken_over"
        else:
            return Outcome("held", holder)

        _write(path, wanted)
        return Outcome(state, holder)


def release(path: Path, run_id: str) -> Outcome:
    """Give the lease back when this run holds it; somebody else's lease is left alone."""
    if not path.exists():
        return Outcome("free")

    with _exclusive(path):
        holder = read(path)
        if holder is None:
            return Outcome("free")
        if holder.run_id != run_id:
            return Outcome("held", holder)

        path.unlink()
        return Outcome("released", holder)


def inspect(path: Path, *, now: float) -> Outcome:
    """Tell who holds the lease without touching anything; an expired one counts as free."""
    holder = read(path)
    return (
        Outcome("free", holder)
        if holder is None or holder.expires_at <= now
        else Outcome("held", holder)
    )


def read(path: Path) -> Lease | None:
    """Return the lease in a file, None when there is none.

    Raises LockError for a damaged file (fail closed).
    """
    try:
        return Lease(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise LockError(
            f"lock file '{path}' cannot be read ({error}); look at it, then remove it by hand"
        ) from error


def as_finding(outcome: Outcome, system: str) -> Finding:
    """Return what the report shows about the lock."""
    check, who = "lock:system", str(outcome.holder) if outcome.holder else "nobody"
    if outcome.state == "held":
        message = f"Another run changes {system}: {who}. Wait for it; if it is surely dead, pass -e lock_steal=true."
        return finding(check, "critical", message, observed=who, expected="nobody else")

    if outcome.state == "taken_over":
        message = (
            f"The lock of {system} was taken over from {who}, which ended without giving it back."
        )
        return finding(check, "info", message, observed=who, expected="nobody else")

    return finding(
        check,
        "ok",
        f"The lock of {system} is {outcome.state}.",
        observed=outcome.state,
        expected="free",
    )


def _write(path: Path, lease: Lease) -> None:
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(asdict(lease), file)
        file.flush()
        os.fsync(file.fileno())

    temporary.rename(path)


@contextlib.contextmanager
def _exclusive(path: Path) -> t.Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        guard = path.with_suffix(".guard").open("w")
    except OSError as error:
        raise LockError(
            f"cannot write below '{path.parent}': {error}; check disk space and that become is on"
        ) from error

    with guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        try:
            yield
        except OSError as error:
            raise LockError(f"cannot write '{path}': {error}") from error
