# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two services of two hosts, both in this process; systemd starts and stops the first."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.base.systemd import SystemdError
from ansible.module_utils.upkeep.failover_test import testing
from ansible.module_utils.upkeep.failover_test.settings import FailoverService, parse

UNIT: t.Final = "shop-api.service"
TIMER: t.Final = "shop-api-failover-end.timer"


class Handler(BaseHTTPRequestHandler):
    """Answers as its server says."""

    def do_GET(self) -> None:
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Web(ThreadingHTTPServer):
    """A server that can be stopped and started again at the same port."""

    daemon_threads = True
    status = 200

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


def serve(port: int = 0) -> Web:
    """Return a server that answers."""
    web = Web(("127.0.0.1", port), Handler)
    threading.Thread(target=web.serve_forever, args=(0.01,), daemon=True).start()

    return web


@dataclass
class Pair:
    """The service that is stopped and the one that takes over."""

    folder: Path
    first: Web
    second: Web
    calls: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    #: Whether the first one answers once it was started.
    comes_back: bool = True
    #: Unit -> its properties, as systemctl shows them.
    properties: dict[str, dict[str, str]] = field(default_factory=dict)
    unit: str = UNIT

    @property
    def address(self) -> str:
        return self._address

    def __post_init__(self) -> None:
        self._address = self.first.address

    def options(self, **more: t.Any) -> dict[str, t.Any]:
        """Return the entry of the service."""
        return {
            "name": "api",
            "unit": self.unit,
            "address": self.address,
            "others": [self.second.address],
            "take_over_seconds": 1,
            "start_seconds": 5,
            "timeout": 2,
            "interval": 0.05,
            **more,
        }

    def service(self, **more: t.Any) -> FailoverService:
        return parse({"services": [self.options(**more)]}).services[0]

    def end_first(self) -> None:
        self.first.shutdown()
        self.first.server_close()

    def order(self, verb: str, unit: str) -> None:
        self.calls.append(f"{verb} {unit}")
        if f"{verb} {unit}" in self.refused:
            raise SystemdError(f"systemctl cannot {verb} {unit}: refused")
        if unit == self.unit and verb == "stop":
            self.end_first()
        if unit == self.unit and verb == "start" and self.comes_back:
            self.first = serve(int(self.address.rpartition(":")[2]))


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Return two services that answer."""
    made = Pair(tmp_path, serve(), serve())
    (tmp_path / "run").mkdir(mode=0o755)
    monkeypatch.setattr(testing, "TRANSIENT", str(tmp_path / "run"))
    for verb in ("start", "stop", "restart"):
        monkeypatch.setattr(systemd, verb, lambda unit, _, verb=verb: made.order(verb, unit))
    monkeypatch.setattr(systemd, "reload_files", lambda _: None)
    monkeypatch.setattr(
        systemd, "show", lambda units, *_: {unit: made.properties.get(unit, {}) for unit in units}
    )

    yield made

    for web in (made.first, made.second):
        web.shutdown()
        web.server_close()
