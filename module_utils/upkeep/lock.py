# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lease that lets one run at a time change a system.

It is a small JSON file on one host of the system, so that every controller sees the same one.
Reading and writing happen under flock(2), the file is replaced whole. Times are seconds of that
host's clock.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from .base import files
from .base.bounded import deadline_option
from .base.options import OptionError, Options, option
from .base.options import parse as parse_options
from .base.text import limit_text, visible
from .findings import Finding, Subject

OPTIONS: t.Final[Options] = {
    "system": option(
        "str",
        "Name of the system.",
        required=True,
        pattern="[a-z][a-z0-9_]*",
        why="it names a file",
    ),
    "state": option(
        "str",
        [
            "Whether to take the lease (C(held)), extend the one that this run holds (C(renewed)), "
            "give it back (C(released)) or only look (C(inspected)).",
            "C(renewed) never takes the lease. Where this run does not hold it any more, the state "
            "returned is C(lost).",
        ],
        choices=["held", "renewed", "released", "inspected"],
        default="held",
    ),
    "directory": option(
        "path", "Where leases are kept on the host.", default="/var/lib/upkeep/locks"
    ),
    "minutes": option(
        "int",
        "How long the lease counts when it is neither renewed nor given back.",
        default=120,
        minimum=1,
        maximum=1440,
        why="a run that was killed would hold the system for days",
    ),
    "stage_seconds": option(
        "int",
        "How long the stage that follows may take, in seconds. The lease counts at least that long "
        "and half an hour more.",
        default=0,
        minimum=0,
        maximum=86400,
    ),
    "steal": option(
        "bool",
        "Whether to take the lease away from a run that holds it. For a person who knows that the "
        "run is dead.",
        default=False,
    ),
    "optional": option(
        "bool",
        "Whether a run that does not get the lease is fine: that another one holds it is a note.",
        default=False,
    ),
    "run_id": option("str", "Id of the run; filled in by the action plugin.", default=""),
    "owner": option("str", "Who started the run; filled in by the action plugin.", default=""),
    "controller": option(
        "str", "Name of the controller; filled in by the action plugin.", default=""
    ),
    "machine": option(
        "str",
        "What tells the controller's machine, its boot and its process namespace from others; "
        "empty when it is not known. Filled in by the action plugin.",
        default="",
    ),
    "process": option(
        "str",
        "Controller process as C(pid:start time); filled in by the action plugin.",
        default="",
    ),
    "steal_from": option(
        "str",
        "Run id whose process is known to be dead; filled in by the action plugin.",
        default="",
    ),
    **deadline_option(60),
}
#: A lease is a few lines; a larger file is not one, bytes.
_MAX_BYTES: t.Final = 1 << 16
#: What a lease counts beyond the stage that it is for, s: time to end it, and the next to begin.
MARGIN: t.Final = 1800
#: What a lease says of the run that holds it.
_RUN: t.Final = ("run_id", "owner", "controller", "process", "machine")
#: What a state cannot do without.
_NEEDED: t.Final = {"held": _RUN[:4], "renewed": _RUN[:4], "released": _RUN[:1]}
_LOCK: t.Final = Subject("lock:system")


class LockError(OptionError):
    """The lease cannot be read or written; the message names the file and what to do."""


@dataclass(frozen=True)
class Lease:
    """Who changes a system, and until when at the latest.

    ``machine`` and ``process`` tell the controller's process from all others; empty when unknown.
    """

    run_id: str
    owner: str
    controller: str
    process: str
    taken_at: float
    expires_at: float
    machine: str = ""

    def __str__(self) -> str:
        until = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(self.expires_at))
        who = (limit_text(visible(text), 80) for text in (self.run_id, self.owner, self.controller))
        return "run {} of {} on {} (until {})".format(*who, until)


@dataclass(frozen=True)
class LockSettings:
    """What is asked of the lock, by which run; a lease counts for ``seconds``."""

    system: str
    state: str
    path: Path
    seconds: int
    run: Mapping[str, str]
    steal: bool
    steal_from: str
    optional: bool
    max_seconds: int

    def lease(self, now: float) -> Lease:
        """Return how this run holds the lock from ``now`` on."""
        return Lease(**self.run, taken_at=now, expires_at=now + self.seconds)


@dataclass(frozen=True)
class LockOutcome:
    """How it went.

    ``state`` is ``taken``, ``renewed``, ``taken_over``, ``held`` (by ``holder``), ``free``,
    ``released`` or ``lost`` (``holder`` has it now, or nobody).
    """

    state: str
    holder: Lease | None = None


def parse(values: Mapping[str, t.Any]) -> LockSettings:
    """Return what the module's options ask for; raises LockError."""
    try:
        given = parse_options(OPTIONS, values)
    except OptionError as error:
        raise LockError(str(error)) from error

    state = given["state"]
    if missing := [name for name in _NEEDED.get(state, ()) if not given[name]]:
        raise LockError(f"state is {state!r}, which needs {', '.join(missing)}")

    return LockSettings(
        system=given["system"],
        state=state,
        path=Path(given["directory"]) / f"{given['system']}.json",
        seconds=max(60 * given["minutes"], given["stage_seconds"] + MARGIN),
        run={name: given[name] for name in _RUN},
        steal=given["steal"],
        steal_from=given["steal_from"],
        optional=given["optional"],
        max_seconds=given["max_seconds"],
    )


def run(settings: LockSettings, check_mode: bool, now: float) -> dict[str, t.Any]:
    """Do what is asked, in check mode only look, and return the module's result.

    Raises LockError.
    """
    outcome = _carry_out(settings, check_mode, now)

    return {
        "changed": False,
        "lock_state": outcome.state,
        "holder": asdict(outcome.holder) if outcome.holder else None,
        "findings": [as_finding(outcome, settings.system, settings.optional)],
    }


def _carry_out(settings: LockSettings, check_mode: bool, now: float) -> LockOutcome:
    path, lease = settings.path, settings.lease(now)
    if check_mode or settings.state == "inspected":
        return inspect(path, now=now, steal=settings.steal, steal_from=settings.steal_from)
    if settings.state == "released":
        return release(path, lease.run_id)
    if settings.state == "renewed":
        return renew(path, lease)

    return take(path, lease, now=now, steal=settings.steal, steal_from=settings.steal_from)


def take(
    path: Path, lease: Lease, *, now: float, steal: bool = False, steal_from: str = ""
) -> LockOutcome:
    """Take the lease unless another run holds it; raises LockError.

    An expired lease, one that ``steal`` names by order of a person, or the one of run
    ``steal_from`` (whose controller process is known to be dead) is taken over; ``holder`` is then
    who had it.
    """
    with _exclusive(path):
        holder = read(path)
        if holder is None:
            state = "taken"
        elif holder.run_id == lease.run_id:
            state = "renewed"
        elif steal or holder.run_id == steal_from or holder.expires_at <= now:
            state = "taken_over"
        else:
            return LockOutcome("held", holder)

        _write(path, lease)

    return LockOutcome(state, holder)


def renew(path: Path, lease: Lease) -> LockOutcome:
    """Extend the lease of this run.

    ``lost`` when this run does not hold it, expired or not: nothing may be changed then. Raises
    LockError.
    """
    with _exclusive(path):
        holder = read(path)
        if holder is None or holder.run_id != lease.run_id:
            return LockOutcome("lost", holder)

        _write(path, replace(lease, taken_at=holder.taken_at))

    return LockOutcome("renewed", holder)


def release(path: Path, run_id: str) -> LockOutcome:
    """Give the lease back when this run holds it; another run's lease is left alone.

    Raises LockError.
    """
    if not path.exists():
        return LockOutcome("free")

    with _exclusive(path):
        holder = read(path)
        if holder is None:
            return LockOutcome("free")
        if holder.run_id != run_id:
            return LockOutcome("held", holder)

        files.unlink_beneath(path, path.parent)

    return LockOutcome("released", holder)


def inspect(path: Path, *, now: float, steal: bool = False, steal_from: str = "") -> LockOutcome:
    """Return who holds the lease without touching anything; one to be taken over counts as free."""
    holder = read(path)
    is_free = holder is None or holder.expires_at <= now or steal or holder.run_id == steal_from

    return LockOutcome("free" if is_free else "held", holder)


def read(path: Path) -> Lease | None:
    """Return the lease in a file, None when there is none.

    Raises LockError for a file that is damaged or not ours (fail closed).
    """
    try:
        raw = files.read_bytes(path, _MAX_BYTES, owner=(0, os.geteuid()), trusted_links=True)
        return _lease(json.loads(raw))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = files.reason_of(error) if isinstance(error, OSError) else visible(str(error))
        raise LockError(
            f"lock file '{path}' cannot be read ({reason}); look at it, then remove it by hand"
        ) from error


def as_finding(outcome: LockOutcome, system: str, optional: bool = False) -> Finding:
    """Return the finding about the lock for the report."""
    who = str(outcome.holder) if outcome.holder else "nobody"
    if outcome.state == "held" and optional:
        message = f"Another run changes {system}: {who}. This one changes nothing."
        return _LOCK.finding("info", message, observed=who, expected="nobody else")

    if outcome.state == "held":
        message = (
            f"Another run changes {system}: {who}. Wait until it has ended; if it is surely dead, "
            "pass -e lock_steal=true."
        )
        return _LOCK.finding("critical", message, observed=who, expected="nobody else")

    if outcome.state == "lost":
        message = (
            f"This run no longer holds the lock of {system}, {who} does: it expired or was taken "
            "away. Nothing more is changed; start the run again."
        )
        return _LOCK.finding("critical", message, observed=who, expected="this run")

    if outcome.state == "taken_over":
        message = f"The lock of {system} was taken over from {who}, which did not give it back."
        return _LOCK.finding("info", message, observed=who, expected="nobody else")

    message = f"The lock of {system} is {outcome.state}."

    return _LOCK.finding("ok", message, observed=outcome.state, expected="free")


def _lease(raw: t.Any) -> Lease:
    """Return the lease; raises TypeError or ValueError for anything else."""
    lease = Lease(**raw)
    texts = (lease.run_id, lease.owner, lease.controller, lease.process, lease.machine)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a field is not text")

    for moment in (lease.taken_at, lease.expires_at):
        if isinstance(moment, bool) or not isinstance(moment, int | float):
            raise TypeError("a time is not a number")
        if not math.isfinite(moment) or not 0 <= moment < 1 << 40:
            raise ValueError(f"a time is {moment}")

    return lease


def _write(path: Path, lease: Lease) -> None:
    files.write_atomic(path, json.dumps(asdict(lease)), 0o644)


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Let one process at a time look at the lease and change it; raises LockError."""
    try:
        with files.exclusive(path.with_suffix(".guard"), folder_mode=0o755):
            yield
    except TimeoutError as error:
        raise LockError(f"{error}; see which one with fuser") from error
    except OSError as error:
        raise LockError(
            f"cannot write '{path}' ({files.reason_of(error)}); check disk space and that the play "
            "has 'become: true'"
        ) from error
