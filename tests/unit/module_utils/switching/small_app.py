# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small application for tests: serves on the sockets that it is handed, as its folder says.

``app.json`` in the working folder: ``version``; ``start`` and ``delay`` in seconds; ``ill`` for so
many seconds; ``status`` and ``value`` of its answers; ``crash`` ends it before it serves,
``crash_after`` so many seconds later; ``log`` is written to the file LOG with each request.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOLD = json.loads(Path("app.json").read_text())
#: Requests that are being answered.
BUSY: set[int] = set()
BEGAN = time.monotonic()


class Handler(BaseHTTPRequestHandler):
    """Answers everything alike."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        BUSY.add(id(self))
        try:
            self.answer()
        finally:
            BUSY.discard(id(self))

    def answer(self) -> None:
        time.sleep(TOLD.get("delay", 0))
        body = json.dumps({"version": TOLD["version"], "value": TOLD.get("value", 1.5)}).encode()
        ill = time.monotonic() - BEGAN < TOLD.get("ill", 0)
        self.send_response(503 if ill else TOLD.get("status", 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if TOLD.get("log"):
            with Path(os.environ["LOG"]).open("a") as log:
                log.write(TOLD["log"] + "\n")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.do_GET()

    def address_string(self) -> str:
        return "test"

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Serves on a socket that is there."""

    daemon_threads = False

    def __init__(self, handed: socket.socket) -> None:
        super().__init__(("", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = handed


def main() -> None:
    if TOLD.get("crash"):
        sys.exit("cannot import name 'predictor'")
    time.sleep(TOLD.get("start", 0))
    servers = [Server(socket.socket(fileno=int(fd))) for fd in os.environ["FDS"].split(",")]
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    if not ended.wait(TOLD.get("crash_after")):
        os._exit(3)
    for server in servers:
        server.shutdown()
    while BUSY:
        time.sleep(0.01)
    os._exit(0)  # idle connections are closed, as servers do


if __name__ == "__main__":
    main()
