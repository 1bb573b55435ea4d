# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real servers in trouble: reached by TLS, still loading, without room on their disk."""

from __future__ import annotations

import contextlib
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.redis_client import RedisError

from tests.unit.module_utils.redis_tune.server import PATIENCE, RedisServer, free_port, running

PASSWORD: t.Final = "p-one"  # noqa: S105 - of a server of the test


class Secured(t.NamedTuple):
    """A server that also listens with TLS, and the certificate of its authority."""

    server: RedisServer
    port: int
    ca_file: str

    def options(self, **options: t.Any) -> dict[str, t.Any]:
        """Return the options of an instance that is reached by TLS."""
        return {"port": self.port, "tls": True, "ca_file": self.ca_file, **options}


def openssl(folder: Path, *arguments: str) -> None:
    """Run openssl in a folder."""
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@contextlib.contextmanager
def running_secured(folder: Path) -> Iterator[Secured]:
    """Yield a server with a password and a certificate for 127.0.0.1."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(folder, "req", "-x509", *key, "-subj", "/CN=Own", "-keyout", "ca.key", "-out", "ca.crt")
    openssl(folder, "req", *key, "-subj", "/CN=redis", "-keyout", "r.key", "-out", "r.csr")
    (folder / "names").write_text("subjectAltName = IP:127.0.0.1\n")
    sign = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl(folder, "x509", "-req", "-in", "r.csr", *sign, "-out", "r.crt")
    port = free_port()
    files = [f"tls-cert-file {folder}/r.crt", f"tls-key-file {folder}/r.key"]
    lines = [f"tls-port {port}", *files, "tls-auth-clients no"]
    with running(folder, *lines, password=PASSWORD) as server:
        yield Secured(server, port, f"{folder}/ca.crt")


@contextlib.contextmanager
def loading(server: RedisServer) -> Iterator[None]:
    """Start a server again that loads its data all the while; it has them afterwards."""
    server.ask("SAVE")
    server.stop()
    with server.config.open("a") as stream:
        stream.write("key-load-delay 2000\nloading-process-events-interval-bytes 1024\n")
    server.process = subprocess.Popen(
        [server.program, str(server.config)], cwd=server.folder, stdout=subprocess.DEVNULL
    )
    wait_for(server, "\nloading:1")
    try:
        yield
    finally:
        server.ask("CONFIG", "SET", "key-load-delay", 0)
        wait_for(server, "\nloading:0")


def wait_for(server: RedisServer, text: str) -> None:
    """Wait until INFO holds a text."""
    deadline = Deadline(PATIENCE)
    while deadline.remaining():
        with contextlib.suppress(RedisError):
            if text in server.ask("INFO", "persistence"):
                return


def without_room(server: RedisServer) -> None:
    """Start a server again that can write nothing to any file."""
    server.stop()
    program = server.folder / "without-room"
    program.write_text(f'#!/bin/sh\ntrap "" XFSZ\nulimit -f 0\nexec {server.program} "$@"\n')
    program.chmod(0o755)
    full = RedisServer(server.folder, server.port, str(program))
    full.start(str(server.config))
    server.process = full.process
