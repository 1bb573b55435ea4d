# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real Redis server for tests, with a configuration file of its own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.redis_client import RedisClient, RedisError, RedisLogin

#: In Debian the server is the same program as its checker, of the package redis-tools.
_PROGRAMS: t.Final = ("redis-server", "redis-check-rdb", "valkey-server", "valkey-check-rdb")
PATIENCE: t.Final = 20.0


@dataclass
class RedisServer:
    """A server that runs, or was stopped."""

    folder: Path
    port: int
    program: str
    password: str | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def config(self) -> Path:
        """The server's own file."""
        return self.folder / "redis.conf"

    @property
    def login(self) -> RedisLogin:
        """How to reach the server."""
        return RedisLogin("127.0.0.1", self.port, password=self.password)

    def entry(self, **options: t.Any) -> dict[str, t.Any]:
        """Return an instance of the profile that is this server."""
        login = {"password": self.password} if self.password else {}

        return {"name": "x", "purpose": "cache", "port": self.port, **login, **options}

    def ask(self, *words: str | int) -> t.Any:
        """Return the reply to one command."""
        with RedisClient(self.login, Deadline(PATIENCE)) as redis:
            return redis.ask(*words)

    def setting(self, name: str) -> str:
        """Return a setting of the running server."""
        return str(self.ask("CONFIG", "GET", name)[1])

    def start(self, *arguments: str) -> None:
        """Start the server and wait until it answers."""
        self.process = subprocess.Popen(
            [self.program, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = Deadline(PATIENCE)
        while True:
            with contextlib.suppress(RedisError):
                self.ask("PING")
                return
            assert self.process.poll() is None, "the server ended at once"
            deadline.remaining()
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server without a snapshot."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """End the server and start it with its file."""
        self.stop()
        self.start(str(self.config))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path, *lines: str, password: str | None = None) -> Iterator[RedisServer]:
    """Yield a server whose file holds ``lines``; it is gone afterwards."""
    server = RedisServer(folder, free_port(), _program(folder), password)
    basic = [f"port {server.port}", "bind 127.0.0.1", f"dir {folder}", "daemonize no"]
    secret = [f"requirepass {password}"] if password else []
    server.config.write_text("\n".join([*basic, *secret, *lines]) + "\n")

    try:
        server.start(str(server.config))
        yield server
    finally:
        server.stop()


def _program(folder: Path) -> str:
    """Return the server's program, under the name that makes it a server."""
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    assert found, "there is no Redis here: install redis-tools, as `make setup` does"

    if found.endswith("-server"):
        return found

    link = folder / "redis-server"
    if not link.exists():
        link.symlink_to(found)

    return str(link)
