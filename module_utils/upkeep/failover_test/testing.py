# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stop a unit, see who takes over, and start it again, whatever happens in between.

A timer of the host itself stands ready to start the unit: when this process, the run or the
controller is killed, the unit serves again.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass

from ..base import systemd
from ..base.deadline import Deadline
from ..base.files import write_atomic
from ..base.folders import Folder
from ..base.systemd import SystemdError
from .client import Client, ask, is_same
from .settings import FailoverService

#: Units that only live until the next boot, which starts the service anyway.
TRANSIENT: t.Final = "/run/systemd/system"
#: Seconds beyond what the test may take after which the host starts the unit itself.
SLACK: t.Final = 30.0
_SYSTEMD: t.Final = 60.0
#: Properties that name the units that systemd stops with a unit.
_STOP_TOGETHER: t.Final = ("RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf")
_MOST_DEPENDANTS: t.Final = 100


class NotTestedError(Exception):
    """Why nothing was stopped; a sentence without a full stop."""


@dataclass(frozen=True)
class FailoverOutcome:
    """What a test showed.

    ``seconds`` until another one answered, None when none did; ``answered_by`` is its address. Of
    ``requests`` nobody answered ``lost``. ``back`` is why the unit does not serve again, '' when it
    does, after ``back_seconds``. ``came_back`` is whether it answered while it was to be stopped.
    """

    seconds: float | None
    answered_by: str
    requests: int
    lost: int
    back: str
    back_seconds: float
    came_back: bool = False


class StoppedUnits(t.NamedTuple):
    """What is stopped with a unit: what would start it again at once, and what needs it.

    Only units that are active now: all of them are started again.
    """

    triggers: tuple[str, ...] = ()
    dependants: tuple[str, ...] = ()


def require_both(service: FailoverService) -> None:
    """Raise NotTestedError unless the service and all others answer now."""
    for other in service.others:
        if is_same(service.address, other):
            message = f"{other} is {service.address} itself, so nothing was stopped; name another"
            raise NotTestedError(message)
    for address in (service.address, *service.others):
        if problem := ask(service, address):
            message = f"{address} does not answer as it must ({problem}), so nothing was stopped"
            raise NotTestedError(message)


def stop_and_watch(service: FailoverService) -> FailoverOutcome:
    """Return what happened; raises NotTestedError before anything was stopped."""
    require_both(service)
    try:
        with_it = _stopped_with(service.unit)
        _arm(service, with_it)
    except (SystemdError, TimeoutError, OSError) as error:
        _disarm(service)
        raise NotTestedError(f"nothing was stopped, since no timer can be set: {error}") from error

    with Client(service) as client:
        stopped = time.monotonic()
        problem = ""
        try:
            for unit in (*with_it.triggers, service.unit):
                systemd.stop(unit, Deadline(_SYSTEMD))
            stopped = time.monotonic()
            time.sleep(service.take_over_seconds)
        except (SystemdError, TimeoutError) as error:
            problem = str(error)
        finally:
            ended = time.monotonic()
            back, back_seconds = _start_again(service, with_it)
        first = client.first_by_others(stopped)
        came_back = client.came_back(stopped, ended)

    if not back:
        _disarm(service)
    if problem and not back:
        raise NotTestedError(f"{problem}; {service.unit} serves")

    return FailoverOutcome(
        seconds=max(first.ended - stopped, 0.0) if first else None,
        answered_by=first.answered_by if first else "",
        requests=len(client.requests),
        lost=client.lost(),
        back=back,
        back_seconds=back_seconds,
        came_back=came_back,
    )


def _stopped_with(unit: str) -> StoppedUnits:
    """Return the active units that start a unit by themselves, and those that stop with it.

    Raises SystemdError, TimeoutError.
    """
    deadline = Deadline(_SYSTEMD)
    triggers = systemd.show([unit], ["TriggeredBy"], deadline)[unit].get("TriggeredBy", "").split()
    dependants: list[str] = []
    waiting = [unit]
    while waiting and len(dependants) < _MOST_DEPENDANTS:
        shown = systemd.show(waiting, _STOP_TOGETHER, deadline)
        found = [name for one in shown.values() for value in one.values() for name in value.split()]
        waiting = [name for name in dict.fromkeys(found) if name not in {unit, *dependants}]
        dependants += waiting

    active = _active([*triggers, *dependants], deadline)

    return StoppedUnits(
        tuple(name for name in triggers if name in active),
        tuple(name for name in dependants if name in active and name not in triggers),
    )


def _active(units: list[str], deadline: Deadline) -> set[str]:
    shown = systemd.show(units, ["ActiveState"], deadline)

    return {name for name, one in shown.items() if one.get("ActiveState") in systemd.ACTIVE_STATES}


def _start_again(service: FailoverService, with_it: StoppedUnits) -> tuple[str, float]:
    """Return why the unit does not serve again, '' when it does, and after how many seconds."""
    began = time.monotonic()
    deadline = Deadline(service.start_seconds)
    problem = "it was not asked"
    try:
        for unit in (*with_it.triggers, service.unit, *with_it.dependants):
            systemd.start(unit, Deadline(_SYSTEMD + service.start_seconds))
        while not deadline.is_over():
            problem = ask(service, service.address)
            if not problem:
                break
            time.sleep(min(0.1, deadline.left))
    except (SystemdError, TimeoutError) as error:
        problem = str(error)

    return problem, time.monotonic() - began


def _arm(service: FailoverService, with_it: StoppedUnits) -> None:
    """Have the host start the units by itself when nobody else does."""
    units = " ".join((*with_it.triggers, service.unit, *with_it.dependants))
    seconds = service.take_over_seconds + SLACK + _SYSTEMD
    timer = service.guard.replace(".service", ".timer")
    _write(
        service.guard,
        f"[Unit]\nDescription=Start {service.unit} after a failover test\n\n"
        f"[Service]\nType=oneshot\nExecStart=/usr/bin/systemctl start {units}\n",
    )
    _write(
        timer,
        f"[Unit]\nDescription=Start {service.unit} after a failover test\n\n"
        f"[Timer]\nOnActiveSec={seconds:.0f}\nAccuracySec=1\n",
    )
    systemd.reload_files(Deadline(_SYSTEMD))
    systemd.restart(timer, Deadline(_SYSTEMD))


def _disarm(service: FailoverService) -> None:
    timer = service.guard.replace(".service", ".timer")
    with contextlib.suppress(SystemdError, TimeoutError, OSError):
        systemd.stop(timer, Deadline(_SYSTEMD))
        with Folder.owned(TRANSIENT) as folder:
            folder.remove(timer)
            folder.remove(service.guard)
        systemd.reload_files(Deadline(_SYSTEMD))


def _write(unit: str, text: str) -> None:
    write_atomic(f"{TRANSIENT}/{unit}", f"# Written by Upkeep.\n{text}", 0o644, folder_mode=0o755)
