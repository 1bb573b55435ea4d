# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Switch a unit to another release, confirm it, and go back when it does not prove itself.

From before the switch until it is confirmed, a timer of the host itself stands ready to go back:
when this process, the run or the controller is killed, the release before serves again.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..base import systemd
from ..base.deadline import Deadline
from ..base.files import read_text, write_atomic
from ..base.folders import Folder
from ..base.systemd import SystemdError
from . import drop_ins, listening, unit_files
from .asking import ProbeAnswer, address_of
from .confirming import (
    Baseline,
    Confirmation,
    ask_all,
    baseline,
    confirm,
    longest_confirmation,
    wait_until_ready,
)
from .draining import drain
from .log_tail import LogTail, journal
from .new_environment import NewEnvironment
from .options import BLUE_GREEN
from .releases import Release, Releases, Switching
from .settings import Server
from .unit_state import ended_since
from .unit_times import UnitTimes

#: Seconds that the host's own way back waits beyond what a switch may take.
SLACK: t.Final = 180.0
_LAST_LINES: t.Final = 50
#: Moments at which a test may end this process.
Hook = Callable[[str], None]


class SwitchError(Exception):
    """A release that does not prove itself; ``touched`` is whether it has served."""

    def __init__(
        self,
        message: str,
        *,
        touched: bool,
        failed: Sequence[ProbeAnswer] = (),
        lines: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.touched = touched
        self.failed = list(failed)
        self.lines = list(lines)


@dataclass
class SwitchOutcome:
    """What a confirmed switch took, s."""

    start_seconds: float = 0.0
    switch_seconds: float = 0.0
    confirmation: Confirmation = field(default_factory=Confirmation)


def no_hook(_: str) -> None:
    """Do nothing at a moment."""


class Switcher:
    """Switches one server, and the workers that run the same release.

    With ``restart`` one listening socket goes from release to release, and connections wait
    meanwhile. With ``blue_green`` each of two releases has a socket of its own, and a proxy
    connects to a path that leads to one of them: a rename sends every new connection to the other
    one, and back again. Nothing is stopped before its last connection has ended or its time to
    drain is over, since servers close connections that they have accepted and not yet read.
    Each worker has ``worker_seconds`` to finish its tasks.
    """

    def __init__(
        self,
        server: Server,
        releases: Releases,
        *,
        workers: Sequence[str] = (),
        worker_seconds: float = 0.0,
        run_as: str = "",
        hook: Hook = no_hook,
    ) -> None:
        self.server = server
        self.releases = releases
        self.workers = tuple(workers)
        self._run_as = run_as
        self._environment: NewEnvironment | None = None
        self._times = UnitTimes(server, workers, worker_seconds)
        self._hook = hook

    @property
    def _units(self) -> tuple[str, ...]:
        return (self.server.unit, *self.workers)

    @property
    def address(self) -> str:
        """Where everybody asks."""
        return address_of(self.server.listen[0])

    def adopt(self) -> bool:
        """Let the units be as the current release says; return whether that is new."""
        changed = drop_ins.install(self.releases, self._units, self.releases.current())
        for name, text in self._known_files().items():
            changed |= _write_changed(f"{unit_files.UNITS}/{name}", text)
        if changed:
            systemd.reload_files(Deadline(60))

        return changed

    def recover(self) -> Switching | None:
        """Take back a switch that was left between; return it, or what the host took back."""
        left = self.releases.switching()
        if left is None:
            undone = self.releases.undone()
            if undone:
                self.releases.end()
            if self.is_armed():
                self._disarm()
            if self._next_is_up():
                self._stop_next()
            return undone

        self._environment = left.environment
        self._undo(left.previous, left.release)

        return left

    def switch(self, target: Release, environment: NewEnvironment | None = None) -> SwitchOutcome:
        """Switch to a release, and to a new environment, and return once it is confirmed.

        Raises SwitchError, after the release before serves again when the new one had served.
        """
        outcome = SwitchOutcome()
        self._environment = environment
        previous = self.releases.require(self.releases.current())
        before = baseline(self.server, self.address, self._run_as)
        bridged = self._can_bridge(previous, target)
        outcome.start_seconds = self._try(target, before, stays=bridged)
        serving = self.server.next_unit if bridged else self.server.unit
        tail = LogTail(self.server.window, (serving, *self.workers))
        try:
            self._arm(target, previous)
        except (SystemdError, TimeoutError, OSError):
            self._stop_next()
            self._disarm()
            self.releases.end()
            raise
        try:
            began = time.monotonic()
            if self._environment:
                self._environment.put_in_place()
            if bridged:
                self._cut_over(target)
            else:
                self._bring_live(target)
            outcome.switch_seconds = time.monotonic() - began
            self._hook("switched")
            outcome.confirmation = self._confirm(before, tail, serving)
            if bridged and not outcome.confirmation.problem:
                self._take_over()
        except (SystemdError, TimeoutError, OSError) as error:
            self._give_up(previous, target, str(error), [])
        problem, failed = outcome.confirmation.problem, outcome.confirmation.failed
        if problem:
            self._give_up(previous, target, problem, failed)

        self._hook("confirmed")
        if self.releases.switching() is None or self.releases.current() != target.id:
            raise SwitchError("the host went back by itself meanwhile", touched=True)
        try:
            self.releases.confirm(target.id)
            self.releases.end()
        except OSError as error:
            self._give_up(previous, target, f"it cannot be noted as confirmed: {error}", [])
        self._disarm()
        if self._environment:
            with contextlib.suppress(OSError):  # the release serves, whatever becomes of old files
                self._environment.keep_old()

        return outcome

    def has_leftovers(self) -> bool:
        """Return whether a switch that is over left something that ``recover`` takes away."""
        return self.is_armed() or self._next_is_up()

    def _next_is_up(self) -> bool:
        unit = self.server.next_unit
        if not os.path.lexists(f"{unit_files.TRANSIENT}/{unit}"):
            return False  # nothing has started it since the host booted

        return self._are_up([unit], Deadline(60))

    def is_armed(self) -> bool:
        """Return whether the host has what goes back by itself."""
        timer = self.server.undo_unit.replace(".service", ".timer")

        return self._has_file(timer) or self._has_file(self.server.undo_unit)

    def _can_bridge(self, previous: Release, target: Release) -> bool:
        """Return whether the target can serve beside the release before."""
        if not unit_files.are_bridged(self.server, previous, target):
            return False

        return self._are_up(unit_files.layout(self.server, target), Deadline(60))

    def _try(self, target: Release, before: Baseline, *, stays: bool) -> float:
        """Ask a release on a socket of its own; return its seconds to the first answer.

        With ``stays`` it goes on running when it answers as it must.
        """
        if not target.takes_socket or not self.server.probes:
            return 0.0

        self._hook("trying")
        began, moment = time.monotonic(), time.time()
        address = unit_files.next_socket(self.server)
        try:
            self._start_next(target)
            deadline = Deadline(self.server.start_seconds)
            problem = wait_until_ready(
                self.server, address, deadline, ended_since(self.server.next_unit), self._run_as
            )
            ready = time.monotonic() - began
            failed: list[ProbeAnswer] = []
            if not problem:
                _, problem, failed = ask_all(self.server.probes, address, before, self._run_as)
        except (SystemdError, TimeoutError) as error:
            ready, problem, failed = 0.0, str(error), []

        if problem:
            lines = self._last_lines([self.server.next_unit], moment)
            self._stop_next()
            message = f"asked before it served: {problem}"
            raise SwitchError(message, touched=False, failed=failed, lines=lines)

        if not stays:
            self._stop_next()

        return ready

    def _start_next(self, target: Release) -> None:
        """Start another release beside the one that serves, on its own socket."""
        self._stop_next()
        deadline = Deadline(60)
        unit = self.server.next_unit
        own = unit.replace(".service", ".socket")
        text = systemd.text_of(self.server.unit, deadline)
        part = _read(self.releases.path(target.id, "units", f"{self.server.unit}.conf"))
        if self._environment:
            text = self._environment.read_instead(text)
        path = unit_files.next_socket(self.server)
        user = self._run_as if target.strategy == BLUE_GREEN else ""
        _write(f"{unit_files.TRANSIENT}/{own}", unit_files.private_socket(path, unit, user))
        _write(f"{unit_files.TRANSIENT}/{unit}", unit_files.next_unit(self.server, text, part))
        systemd.reload_files(deadline)
        systemd.start(own, deadline)
        systemd.start(unit, Deadline(self.server.start_seconds + 60))

    def _stop_next(self) -> None:
        """Stop the release beside; what systemd still waits for, it ends itself."""
        unit = self.server.next_unit
        deadline = Deadline(self._times.server_ends())
        for one in (unit, unit.replace(".service", ".socket")):
            with contextlib.suppress(SystemdError, TimeoutError):
                systemd.stop(one, deadline)

    def _cut_over(self, target: Release) -> None:
        """Let every new connection go to the target, which runs beside the release before."""
        self._point_to(target)
        self._lead_to(unit_files.next_socket(self.server))
        self._restart_workers(self.server.next_unit)

    def _point_to(self, target: Release) -> None:
        self.releases.point_to(target.id)
        drop_ins.install(self.releases, self._units, target.id)
        systemd.reload_files(Deadline(60))
        self._hook("pointed")

    def _take_over(self) -> None:
        """Let the unit itself run the release that serves beside it, once that is confirmed."""
        server = self.server
        drain(unit_files.own_socket(server), Deadline(server.drain_seconds))
        systemd.restart(server.unit, Deadline(server.start_seconds + self._times.server_ends()))
        own = unit_files.own_socket(server)
        self._hook("taking_over")
        self._require_ready(own, server.unit, "when its own unit took it over")

        self._lead_to(own)
        drain(unit_files.next_socket(server), Deadline(server.drain_seconds))
        self._stop_next()

    def _lead_to(self, path: str) -> None:
        """Let the proxy connect to another socket from now on, in one step."""
        folder, _, name = path.rpartition("/")
        with Folder.owned(folder) as sockets:
            sockets.link(unit_files.front_link(self.server).rpartition("/")[2], name)

    def _bring_live(self, target: Release) -> None:
        """Let everybody be served by the target, in the place of the release before."""
        server = self.server
        deadline = Deadline(2 * (server.start_seconds + self._times.server_ends()))
        self._point_to(target)
        needed = unit_files.layout(server, target)
        if not self._are_up(needed, deadline) or self._up_beside(needed, deadline):
            systemd.stop(server.unit, deadline)
            self._take_sockets(needed, deadline)
        systemd.restart(server.unit, deadline)

        self._require_ready(self.address, server.unit, "after the switch")
        self._restart_workers(server.unit)

    def _restart_workers(self, serving: str) -> None:
        for worker in self.workers:
            systemd.restart(worker, Deadline(self._times.restart_of(worker)))
        if self.workers:  # what serves may say that it is not well while they start
            self._require_ready(self.address, serving, "after its workers were restarted")

    def _require_ready(self, address: str, unit: str, when: str) -> None:
        deadline = Deadline(self.server.start_seconds)
        problem = wait_until_ready(self.server, address, deadline, ended_since(unit), self._run_as)
        if problem:
            raise SystemdError(f"{when}: {problem}")

    @staticmethod
    def _are_up(units: Sequence[str], deadline: Deadline) -> bool:
        states = systemd.show(units, ["ActiveState"], deadline)

        return all(state["ActiveState"] == "active" for state in states.values())

    def _up_beside(self, needed: Sequence[str], deadline: Deadline) -> bool:
        """Return whether sockets of another layout are there."""
        other = [unit for unit in self._socket_units() if unit not in needed]
        states = systemd.show(other, ["ActiveState"], deadline)

        return any(state["ActiveState"] == "active" for state in states.values())

    def _socket_units(self) -> list[str]:
        return [one for one in unit_files.all_units(self.server) if one.endswith(".socket")]

    def _take_sockets(self, needed: Sequence[str], deadline: Deadline) -> None:
        """Have the sockets of one layout, now and at boot, and none of another one."""
        for unit in unit_files.all_units(self.server):
            if unit in needed:
                continue
            systemd.stop(unit, deadline)
            if unit.endswith(".socket") and self._has_file(unit):
                systemd.disable(unit, deadline)
        for unit in reversed(needed):
            systemd.enable(unit, deadline)
            systemd.start(unit, deadline)

    @staticmethod
    def _has_file(unit: str) -> bool:
        with Folder.owned(unit_files.UNITS) as folder:
            return folder.has(unit)

    def _confirm(self, before: Baseline, tail: LogTail, serving: str) -> Confirmation:
        ended = ended_since(serving, *self.workers)

        return confirm(self.server, self.address, before, tail, ended, self._run_as)

    def _give_up(
        self, previous: Release, target: Release, problem: str, failed: Sequence[ProbeAnswer]
    ) -> t.NoReturn:
        units = [self.server.unit, self.server.next_unit, *self.workers]
        lines = self._last_lines(units, time.time() - 300)
        try:
            self._undo(previous.id, target.id)
        except (SystemdError, TimeoutError, OSError) as error:
            problem += f"; and the way back failed: {error}"
        raise SwitchError(problem, touched=True, failed=failed, lines=lines)

    def _arm(self, target: Release, previous: Release) -> None:
        """Start the timer that goes back unless the switch is confirmed in time."""
        server, deadline = self.server, Deadline(60)
        begun = Switching(target.id, previous.id, time.time(), self._environment)
        self.releases.begin(begun)
        self._hook("armed")
        steps = 4 * server.start_seconds + 2 * (server.drain_seconds + self._times.server_ends())
        seconds = steps + SLACK + longest_confirmation(server) + self._times.restart_of_workers()
        self._write_undo(previous, target)
        timer = server.undo_unit.replace(".service", ".timer")
        _write(f"{unit_files.UNITS}/{timer}", unit_files.undo_timer(server, seconds))
        systemd.reload_files(deadline)
        systemd.enable(timer, deadline)
        systemd.start(timer, deadline)

    def _write_undo(self, previous: Release, target: Release | None) -> None:
        root = self.releases.root
        drop_ins.prepare(self.releases, self._units, previous.id)
        steps = unit_files.undo_steps(self.server, self.workers, root, previous, target)
        if self._environment:
            steps.insert(0, unit_files.shell_step(self._environment.script_back()))
        seconds = self._undo_seconds()
        text = unit_files.undo_service(self.server, root, previous.id, steps, seconds)
        _write(f"{unit_files.UNITS}/{self.server.undo_unit}", text)

    def _undo_seconds(self) -> float:
        seconds = self._times.server_ends() + self._times.restart_of_workers()

        return unit_files.undo_seconds(self.server, seconds)

    def _undo(self, previous: str, target: str) -> None:
        """Go back now, by the unit that the host would use, and see that it serves."""
        deadline = Deadline(self._undo_seconds() + 60)
        if self.releases.switching() is None and self.releases.current() != previous:
            # Without the note the unit does nothing, and systemd calls that a success.
            self.releases.begin(Switching(target, previous, time.time(), self._environment))
        self._write_undo(self.releases.require(previous), self.releases.get(target))
        systemd.reload_files(deadline)
        systemd.start(self.server.undo_unit, deadline)
        problem = wait_until_ready(
            self.server,
            listening.address(self.server),
            Deadline(self.server.start_seconds),
            ended_since(self.server.unit),
            self._run_as,
        )
        self._disarm()
        if not problem and (current := self.releases.current()) != previous:
            problem = f"'current' leads to release {current}"
        if problem:
            raise SystemdError(f"release {previous} does not serve either: {problem}")
        self.releases.end()

    def _disarm(self) -> None:
        """Take away what goes back by itself.

        What fails of it is done by the next run: without the note of a switch it does nothing.
        """
        deadline = Deadline(60)
        timer = self.server.undo_unit.replace(".service", ".timer")
        with contextlib.suppress(SystemdError, TimeoutError, OSError):
            systemd.stop(timer, deadline)
            if self._has_file(timer):  # not where a switch was cut off before it was written
                systemd.disable(timer, deadline)
            drop_ins.forget(self._units)
            with Folder.owned(unit_files.UNITS) as folder:
                folder.remove(timer)
                folder.remove(self.server.undo_unit)
            systemd.reload_files(deadline)

    @staticmethod
    def _last_lines(units: Sequence[str], since: float) -> list[str]:
        with contextlib.suppress(Exception):
            return journal(units, since, _LAST_LINES).splitlines()[-_LAST_LINES:]

        return []

    def _known_files(self) -> dict[str, str]:
        """Return the sockets of this strategy, and of the other one where it was ever used."""
        texts = unit_files.public_files(self.server)
        used = {unit: text for unit, text in texts.items() if self._has_file(unit)}

        return {**used, **self.socket_files()}

    def socket_files(self) -> dict[str, str]:
        """Return the units that hold and hand over the sockets, name -> text."""
        return unit_files.socket_files(self.server, self._run_as)


def _write(path: str, text: str) -> None:
    write_atomic(path, text, 0o644, folder_mode=0o755)


def _read(path: str) -> str:
    return read_text(path, 1 << 20)


def _write_changed(path: str, text: str) -> bool:
    """Write a file that differs; return whether it did."""
    with contextlib.suppress(OSError):
        if _read(path) == text:
            return False
    _write(path, text)

    return True
