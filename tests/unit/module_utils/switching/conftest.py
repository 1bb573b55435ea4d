# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service with releases, on a systemd that stands in for the real one."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import tempfile
import typing as t
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import options
from ansible.module_utils.upkeep.switching import unit_files
from ansible.module_utils.upkeep.switching.options import CONFIRMATION, SERVER
from ansible.module_utils.upkeep.switching.releases import FOUND, Release, Releases
from ansible.module_utils.upkeep.switching.settings import Server, problems, server
from ansible.module_utils.upkeep.switching.switch import Switcher, no_hook

from tests.unit.module_utils.switching.stand_in import StandIn

UNIT: t.Final = "shop-api.service"


@dataclass
class Service:
    """A service of one host in a folder, and its systemd."""

    folder: Path
    port: int
    systemd: StandIn
    releases: Releases

    @property
    def log(self) -> Path:
        return self.folder / "app.log"

    def server(self, strategy: str = "restart", start_seconds: float = 30, **more: t.Any) -> Server:
        """Return the settings; ``more`` are options of its confirmation.

        What is not tested itself has much time: a busy machine starts a process in seconds.
        """
        window = {
            "seconds": 0.4,
            "interval": 0.1,
            "needed": 2,
            "latency_floor_ms": 5000,
            "log": str(self.log),
        }
        values = {
            "unit": UNIT,
            "listen": [f"127.0.0.1:{self.port}"],
            "strategy": strategy,
            "start_seconds": start_seconds,
            "drain_seconds": 2,
            "probes": [
                {"name": "health", "path": "/health", "timeout": 5},
                {"name": "golden", "path": "/value", "same_as_before": ["value"], "timeout": 5},
            ],
        }
        filled = options.parse(SERVER, values)
        filled["confirmation"] = options.parse(CONFIRMATION, {**window, **more})
        assert list(problems(filled, "server")) == []

        return server(filled)

    def switcher(self, hook: t.Any = no_hook, strategy: str = "restart", **more: t.Any) -> Switcher:
        return Switcher(self.server(strategy, **more), self.releases, hook=hook)

    def add(self, release: str, strategy: str = "restart", **told: t.Any) -> Release:
        """Make a complete release that behaves as told."""
        place = Path(self.releases.path(release))
        (place / "code").mkdir(parents=True)
        (place / "units").mkdir()
        (place / "code" / "app.json").write_text(json.dumps({"version": release, **told}))
        sockets = unit_files.handed_sockets(self.server(strategy))
        found = release == FOUND
        text = unit_files.drop_in(
            str(place / "code"), [] if found else ["x"], {}, [] if found else sockets
        )
        (place / "units" / f"{UNIT}.conf").write_text(text)
        made = Release(release, takes_socket=not found, strategy=strategy)
        self.releases.seal(made)

        return made

    def answer(self) -> t.Any:
        """Return what a visitor gets."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=30) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Give a service that runs release 0, which listens by itself."""
    # Paths of sockets must be short.
    folder = Path(tempfile.mkdtemp(prefix="sw-"))
    folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    units, transient = folder / "etc", folder / "run"
    for place in (units, transient, folder / "before"):
        place.mkdir()
    monkeypatch.setattr(unit_files, "UNITS", str(units))
    monkeypatch.setattr(unit_files, "TRANSIENT", str(transient))
    monkeypatch.setattr(unit_files, "SOCKETS", str(folder / "s"))
    (folder / "before" / "app.json").write_text(json.dumps({"version": FOUND}))
    (units / UNIT).write_text(
        f"[Service]\nWorkingDirectory={folder}/before\n"
        f"Environment=LISTEN={port}\nEnvironment=LOG={folder}/app.log\n"
    )
    systemd = StandIn(units, transient)
    systemd.patch(monkeypatch)
    made = Service(folder, port, systemd, Releases(str(folder / "releases-of-shop")))
    made.add(FOUND)
    made.releases.point_to(FOUND)
    systemd.start(UNIT)

    try:
        yield made
    finally:
        systemd.end()
        shutil.rmtree(folder)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Return a service that runs release 0, which listens by itself."""
    with running(monkeypatch) as made:
        yield made
