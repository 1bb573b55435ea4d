# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for systemd: reads the unit files, owns sockets, starts real processes.

It knows only what a switch uses. The scenarios of the roles have the real one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.base.systemd import SystemdError

APP: t.Final = Path(__file__).with_name("small_app.py")


class StandIn:
    """Units of two folders; ``armed`` are the timers that run."""

    def __init__(self, units: Path, transient: Path) -> None:
        self.units, self.transient = units, transient
        self.sockets: dict[str, socket.socket] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.folders: dict[str, str] = {}
        self.restarts: dict[str, int] = {}
        self.armed: set[str] = set()
        self.enabled: set[str] = set()
        self.calls: list[str] = []
        self.refused: set[str] = set()

    def patch(self, monkeypatch: t.Any) -> None:
        """Take the place of systemd for everything that imports it."""
        from ansible.module_utils.upkeep.base import systemd

        for name in ("start", "stop", "restart", "show", "enable", "disable", "text_of"):
            monkeypatch.setattr(systemd, name, getattr(self, name))
        monkeypatch.setattr(systemd, "reload_files", lambda _: None)

    def end(self) -> None:
        """End everything."""
        for unit in list(self.processes):
            self._stop_process(unit)
        for one in self.sockets.values():
            one.close()

    def start(self, unit: str, _: t.Any = None) -> None:
        self.calls.append(f"start {unit}")
        if unit in self.refused:
            raise SystemdError(f"systemctl cannot start {unit}: refused")
        if unit.endswith(".socket"):
            self._bind(unit)
            front = unit.replace(".socket", ".service")
            if unit.endswith("-front.socket") and not self._runs(front):
                self._spawn_front(front)
        elif unit.endswith(".timer"):
            self.armed.add(unit)
        elif "Type=oneshot" in self._text(unit):
            self._run_steps(unit)
        elif not self._runs(unit):
            self._spawn(unit)

    def stop(self, unit: str, _: t.Any = None) -> None:
        self.calls.append(f"stop {unit}")
        self.armed.discard(unit)
        if unit in self.sockets:
            bound = self.sockets.pop(unit)
            path = bound.getsockname()
            bound.close()
            if isinstance(path, str):
                Path(path).unlink(missing_ok=True)
        self._stop_process(unit)

    def restart(self, unit: str, _: t.Any = None) -> None:
        self.stop(unit)
        self.start(unit)

    def enable(self, unit: str, _: t.Any = None) -> None:
        self.calls.append(f"enable {unit}")
        self.enabled.add(unit)

    def disable(self, unit: str, _: t.Any = None) -> None:
        self.calls.append(f"disable {unit}")
        self._path(unit)  # systemd refuses what has no file
        self.enabled.discard(unit)

    def show(
        self, units: t.Sequence[str], _names: t.Sequence[str], _: t.Any = None
    ) -> dict[str, dict[str, str]]:
        return {unit: self._state(unit) for unit in units}

    def text_of(self, unit: str, _: t.Any = None) -> str:
        path = self._path(unit)
        drop_in = self.units / f"{unit}.d" / "50-upkeep-release.conf"
        more = f"# {drop_in}\n{drop_in.read_text()}" if drop_in.exists() else ""

        return f"# {path}\n{path.read_text()}\n{more}"

    def _state(self, unit: str) -> dict[str, str]:
        process = self.processes.get(unit)
        if process and process.poll() is not None and process.returncode:
            state = "failed"
        else:
            up = unit in self.sockets or self._runs(unit) or unit in self.armed
            state = "active" if up else "inactive"

        return {
            "LoadState": "loaded",
            "ActiveState": state,
            "SubState": "x",
            "NRestarts": "0",
            "MainPID": str(process.pid if process else 0),
        }

    def _runs(self, unit: str) -> bool:
        return unit in self.processes and self.processes[unit].poll() is None

    def _path(self, unit: str) -> Path:
        found = [folder / unit for folder in (self.transient, self.units)]
        existing = [path for path in found if path.exists()]
        if not existing:
            raise SystemdError(f"there is no unit {unit}")
        return existing[0]

    def _text(self, unit: str) -> str:
        return self.text_of(unit)

    def _bind(self, unit: str) -> None:
        if unit in self.sockets:
            return
        place = self._values(self._path(unit).read_text(), "ListenStream")[0]
        if place.startswith("/"):
            made = socket.socket(socket.AF_UNIX)
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            Path(place).unlink(missing_ok=True)
            made.bind(place)
        else:
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            host, _, port = place.rpartition(":")
            made.bind((host, int(port)))
        made.listen(4096)
        made.set_inheritable(True)
        self.sockets[unit] = made
        for link in self._values(self._path(unit).read_text(), "Symlinks"):
            Path(link).unlink(missing_ok=True)
            Path(link).symlink_to(place)

    def _spawn_front(self, unit: str) -> None:
        """Start the real proxy, as systemd does when the first connection comes."""
        command = self._values(self._path(unit).read_text(), "ExecStart")[0]
        handed = self.sockets[unit.replace(".service", ".socket")].fileno()
        # Python lets SIGPIPE end what it starts; systemd does not.
        script = f"trap '' PIPE; exec 3<&{handed}; LISTEN_PID=$$ LISTEN_FDS=1 exec {command}"
        self.processes[unit] = subprocess.Popen(
            ["/bin/bash", "-c", script], pass_fds=[handed], stderr=subprocess.DEVNULL
        )

    def _spawn(self, unit: str) -> None:
        text = self.text_of(unit)
        wanted = set(" ".join(self._values(text, "Sockets")).split())
        wanted.add(unit.replace(".service", ".socket"))
        fds = [bound.fileno() for name, bound in self.sockets.items() if name in wanted]
        own = []
        if not fds:  # it listens by itself
            place = self._values(text, "Environment=LISTEN")[0]
            bound = socket.create_server(("127.0.0.1", int(place)), backlog=100)
            bound.set_inheritable(True)
            own, fds = [bound], [bound.fileno()]
        folder = [one for one in self._values(text, "WorkingDirectory") if one][-1]
        self.folders[unit] = folder
        self.processes[unit] = subprocess.Popen(
            [sys.executable, "-S", str(APP)],
            cwd=folder,
            env={
                "FDS": ",".join(map(str, fds)),
                "LOG": self._values(text, "Environment=LOG")[0],
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            pass_fds=fds,
            stderr=subprocess.DEVNULL,
        )
        for one in own:
            one.close()

    def _stop_process(self, unit: str) -> None:
        process = self.processes.pop(unit, None)
        if process:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run_steps(self, unit: str) -> None:
        text = self._path(unit).read_text()
        condition = self._values(text, "ConditionPathExists")[0]
        if not os.path.exists(condition):  # noqa: PTH110
            return
        for line in self._values(text, "ExecStart"):
            may_fail, words = line.startswith("-"), shlex.split(line.lstrip("-"))
            try:
                self._step(words)
            except (SystemdError, subprocess.CalledProcessError):
                if not may_fail:
                    raise

    def _step(self, words: list[str]) -> None:
        if words[0] == "/bin/sh" and "UPKEEP_RELEASE" not in words[2]:
            script = words[2].replace("$$", "$").replace("%%", "%")
            subprocess.run(["/bin/sh", "-c", script], check=True)
        elif words[0] == "/bin/sh":  # restart it unless it runs this release
            release = re.findall(r"UPKEEP_RELEASE=([^$]*)", words[2])[0]
            unit = words[2].split()[-1]
            if not self._runs(unit) or f"/releases/{release}/" not in self.folders[unit]:
                self.restart(unit)
        elif words[0] != "/usr/bin/systemctl":
            subprocess.run(words, check=True)
        elif words[1] in ("start", "stop", "restart", "enable", "disable"):
            for unit in words[2:]:
                getattr(self, words[1])(unit)

    @staticmethod
    def _values(text: str, name: str) -> list[str]:
        return re.findall(rf"^{re.escape(name)}=(.*)$", text, re.MULTILINE)
