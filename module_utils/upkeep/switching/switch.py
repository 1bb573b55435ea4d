# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Switch a unit to another release, confirm it, and go back when it does not prove itself.

From before the switch until it is confirmed, a timer of the host itself stands ready to go back:
when this process, the run or the controller is killed, the release before serves again.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..base import systemd
from ..base.deadline import Deadline
from ..base.files import read_text, write_atomic
from ..base.folders import Folder
from ..base.systemd import SystemdError
from . import unit_files
from .asking import ProbeAnswer, address_of
from .confirming import Baseline, Confirmation, ask_all, baseline, confirm, wait_until_ready
from .log_tail import LogTail, journal
from .releases import Release, Releases, Switching
from .settings import Server
from .unit_state import ended_since

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

    No role offers the strategy ``blue_green`` yet: two processes that accept on one socket lost
    about one connection at each stop of one of them (uvicorn 0.17 behind nginx 1.22).
    """

    def __init__(
        self,
        server: Server,
        releases: Releases,
        *,
        strategy: str = "restart",
        workers: Sequence[str] = (),
        run_as: str = "",
        hook: Hook = no_hook,
    ) -> None:
        self.server = server
        self.releases = releases
        self.strategy = strategy
        self.workers = tuple(workers)
        self._run_as = run_as
        self._hook = hook

    @property
    def address(self) -> str:
        """Where everybody asks."""
        return address_of(self.server.listen[0])

    @property
    def sockets(self) -> list[str]:
        """The socket units that the serving unit is handed, the public one first."""
        if not self.server.listen:
            return []
        own = [f"{self.server.stem}-own.socket"] if self.strategy == "blue_green" else []

        return [self.server.socket_unit, *own]

    def adopt(self) -> bool:
        """Let the unit follow the link to the current release; return whether that is new."""
        changed = False
        for unit in (self.server.unit, *self.workers):
            target = f"{self.releases.root}/current/units/{unit}.conf"
            with Folder.owned(f"{unit_files.UNITS}/{unit}.d", make=True) as folder:
                if folder.target(unit_files.DROP_IN) != target:
                    folder.link(unit_files.DROP_IN, target)
                    changed = True

        for name, text in self._socket_files().items():
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
            return undone

        self._undo(left.previous)

        return left

    def switch(self, target: Release) -> SwitchOutcome:
        """Switch to a release and return once it is confirmed.

        Raises SwitchError, after the release before serves again when the new one had served.
        """
        outcome = SwitchOutcome()
        previous = self.releases.require(self.releases.current())
        before = baseline(self.server, self.address, self._run_as)
        outcome.start_seconds = self._try(target, before)
        tail = LogTail(self.server.window, (self.server.unit, *self.workers))
        self._arm(target, previous)
        try:
            began = time.monotonic()
            self._bring_live(target, previous)
            outcome.switch_seconds = time.monotonic() - began
            self._hook("switched")
            outcome.confirmation = self._confirm(before, tail)
        except (SystemdError, TimeoutError, OSError) as error:
            self._give_up(previous, str(error), [])
        problem, failed = outcome.confirmation.problem, outcome.confirmation.failed
        if problem:
            self._give_up(previous, problem, failed)

        self._hook("confirmed")
        if self.releases.switching() is None or self.releases.current() != target.id:
            raise SwitchError("the host went back by itself meanwhile", touched=True)
        self.releases.confirm(target.id)
        self.releases.end()
        self._disarm()

        return outcome

    def _try(self, target: Release, before: Baseline) -> float:
        """Ask a release on a socket of its own; return its seconds to the first answer."""
        if not target.takes_socket or not self.server.probes:
            return 0.0

        self._hook("trying")
        began, moment = time.monotonic(), time.time()
        address = unit_files.next_socket(self.server)
        try:
            self._start_next(target, [])
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

        self._stop_next()

        return ready

    def _start_next(self, target: Release, sockets: Sequence[str]) -> None:
        """Start another release beside the one that serves, on its own socket and these."""
        deadline = Deadline(60)
        self._stop_next()
        unit = self.server.next_unit
        own = unit.replace(".service", ".socket")
        text = systemd.text_of(self.server.unit, deadline)
        part = _read(self.releases.path(target.id, "units", f"{self.server.unit}.conf"))
        path = unit_files.next_socket(self.server)
        _write(f"{unit_files.TRANSIENT}/{own}", unit_files.private_socket(self.server, path, unit))
        _write(
            f"{unit_files.TRANSIENT}/{unit}",
            unit_files.next_unit(self.server, text, part, sockets),
        )
        systemd.reload_files(deadline)
        systemd.start(own, deadline)
        systemd.start(unit, deadline.part(self.server.start_seconds))

    def _stop_next(self) -> None:
        unit = self.server.next_unit
        with contextlib.suppress(SystemdError):
            deadline = Deadline(self.server.drain_seconds + 30)
            systemd.stop(unit, deadline)
            systemd.stop(unit.replace(".service", ".socket"), deadline)

    def _bring_live(self, target: Release, previous: Release) -> None:
        """Let everybody be served by the target."""
        seconds = self.server.start_seconds + self.server.drain_seconds
        deadline = Deadline(2 * seconds + 60)
        bridged = self.strategy == "blue_green" and target.takes_socket and previous.takes_socket
        if bridged:
            self._bridge(target, deadline)

        self.releases.point_to(target.id)
        systemd.reload_files(deadline)
        self._hook("pointed")
        if target.takes_socket != self._has_sockets(deadline):
            systemd.stop(self.server.unit, deadline)
            self._take_sockets(target.takes_socket, deadline)
        systemd.restart(self.server.unit, deadline)

        address = unit_files.own_socket(self.server) if bridged else self.address
        problem = wait_until_ready(
            self.server,
            address,
            Deadline(self.server.start_seconds),
            ended_since(self.server.unit),
            self._run_as,
        )
        if problem:
            raise SystemdError(f"after the switch: {problem}")
        if bridged:
            self._stop_next()
        for worker in self.workers:
            systemd.restart(worker, deadline)
        if self.workers:  # what serves may say that it is not well while they start
            self._require_ready(Deadline(self.server.start_seconds))

    def _require_ready(self, deadline: Deadline) -> None:
        ended = ended_since(self.server.unit)
        problem = wait_until_ready(self.server, self.address, deadline, ended, self._run_as)
        if problem:
            raise SystemdError(f"after its workers were restarted: {problem}")

    def _bridge(self, target: Release, deadline: Deadline) -> None:
        """Let a second process of the target accept, so that somebody always does."""
        self._start_next(target, [self.server.socket_unit])
        problem = wait_until_ready(
            self.server,
            unit_files.next_socket(self.server),
            deadline.part(self.server.start_seconds),
            ended_since(self.server.next_unit),
            self._run_as,
        )
        if problem:
            raise SystemdError(f"beside the release before: {problem}")

    def _has_sockets(self, deadline: Deadline) -> bool:
        if not self.sockets:
            return False
        states = systemd.show(self.sockets, ["ActiveState"], deadline)

        return all(state["ActiveState"] == "active" for state in states.values())

    def _take_sockets(self, taken: bool, deadline: Deadline) -> None:
        for unit in self.sockets:
            if taken:
                systemd.enable(unit, deadline)
                systemd.start(unit, deadline)
            else:
                systemd.stop(unit, deadline)
                systemd.disable(unit, deadline)

    def _confirm(self, before: Baseline, tail: LogTail) -> Confirmation:
        found = confirm(
            self.server, self.address, before, tail, ended_since(self.server.unit), self._run_as
        )
        if not found.problem:
            for worker in self.workers:
                found.problem = found.problem or ended_since(worker)()

        return found

    def _give_up(
        self, previous: Release, problem: str, failed: Sequence[ProbeAnswer]
    ) -> t.NoReturn:
        lines = self._last_lines([self.server.unit, *self.workers], time.time() - 300)
        try:
            self._undo(previous.id)
        except (SystemdError, TimeoutError, OSError) as error:
            problem += f"; and the way back failed: {error}"
        raise SwitchError(problem, touched=True, failed=failed, lines=lines)

    def _arm(self, target: Release, previous: Release) -> None:
        """Have the host go back by itself when nobody confirms in time."""
        server, deadline = self.server, Deadline(60)
        self.releases.begin(Switching(target.id, previous.id, time.time()))
        self._hook("armed")
        rounds = server.window.needed * sum(probe.timeout for probe in server.probes)
        steps = 4 * (server.start_seconds + server.drain_seconds) + rounds + SLACK
        seconds = steps + server.window.seconds
        self._write_undo(previous)
        timer = server.undo_unit.replace(".service", ".timer")
        _write(f"{unit_files.UNITS}/{timer}", unit_files.undo_timer(server, seconds))
        systemd.reload_files(deadline)
        systemd.enable(timer, deadline)
        systemd.start(timer, deadline)

    def _write_undo(self, previous: Release) -> None:
        steps = unit_files.undo_steps(
            self.server,
            self.workers,
            self.releases.root,
            previous.id,
            previous.takes_socket,
            self.sockets,
        )
        text = unit_files.undo_service(self.server, self.releases.root, previous.id, steps)
        _write(f"{unit_files.UNITS}/{self.server.undo_unit}", text)

    def _undo(self, previous: str) -> None:
        """Go back now, by the unit that the host would use, and see that it serves."""
        deadline = Deadline(600)
        self._write_undo(self.releases.require(previous))
        systemd.reload_files(deadline)
        systemd.start(self.server.undo_unit, deadline)
        problem = wait_until_ready(
            self.server,
            self.address,
            Deadline(self.server.start_seconds),
            ended_since(self.server.unit),
            self._run_as,
        )
        self._disarm()
        if problem:
            raise SystemdError(f"release {previous} does not serve either: {problem}")
        self.releases.end()

    def _disarm(self) -> None:
        deadline = Deadline(60)
        timer = self.server.undo_unit.replace(".service", ".timer")
        with contextlib.suppress(SystemdError):
            systemd.stop(timer, deadline)
            systemd.disable(timer, deadline)
        with Folder.owned(unit_files.UNITS) as folder:
            folder.remove(timer)
            folder.remove(self.server.undo_unit)
        systemd.reload_files(deadline)

    @staticmethod
    def _last_lines(units: Sequence[str], since: float) -> list[str]:
        with contextlib.suppress(Exception):
            return journal(units, since, _LAST_LINES).splitlines()[-_LAST_LINES:]

        return []

    def _socket_files(self) -> dict[str, str]:
        server = self.server
        if not server.listen:
            return {}

        found = {server.socket_unit: unit_files.public_socket(server)}
        if self.strategy == "blue_green":
            path = unit_files.own_socket(server)
            own = unit_files.private_socket(server, path, server.unit)
            found[f"{server.stem}-own.socket"] = own

        return found


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
