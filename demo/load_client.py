# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bounded client with three kinds of requests, to see what a change of releases loses.

``python3 load_client.py --url http://127.0.0.1:8000/health --seconds 20``: one thread for each
kind asks without a pause and never asks again what failed. Prints JSON: for each kind what was
answered, what was lost and how, and the longest wait; and for how long answers of both versions
came. Standard library only, so that it runs on a host as well.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import sys
import threading
import time
import typing as t
import urllib.parse
from dataclasses import asdict, dataclass, field

#: A request that takes longer was lost, s.
PATIENCE: t.Final = 30.0
#: Between two requests of one thread, s.
PAUSE: t.Final = 0.002


@dataclass
class KindResult:
    """What the requests of one kind met; times in seconds."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    reset: int = 0
    server_errors: int = 0
    longest: float = 0.0
    losses: list[str] = field(default_factory=list)

    def lose(self, error: Exception, moment: float) -> None:
        """Count a request without an answer, ``moment`` seconds after the first one."""
        if isinstance(error, ConnectionRefusedError):
            self.refused += 1
        else:
            self.reset += 1
        if len(self.losses) < 5:
            self.losses.append(f"{moment:.2f} s: {type(error).__name__}: {error}")


class LoadClient:
    """Asks one address until time is up."""

    def __init__(self, url: str, post: str, seconds: float) -> None:
        parts = urllib.parse.urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._get, self._post = parts.path or "/", post
        self.end_in(seconds)
        self._versions: dict[str, list[float]] = {}
        self._lock = threading.Lock()

    def end_in(self, seconds: float) -> None:
        """Let the requests end after that many seconds from now; also while they run."""
        self._end = time.monotonic() + seconds

    def run(self) -> dict[str, t.Any]:
        """Return the result of each kind, and the overlap of versions in seconds."""
        kinds = {
            "new_connection": KindResult(),
            "keep_alive_get": KindResult(),
            "keep_alive_post": KindResult(),
        }
        threads = [
            threading.Thread(target=self._ask_on, args=(kind, result))
            for kind, result in kinds.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        return {
            **{kind: asdict(result) for kind, result in kinds.items()},
            "versions": {name: len(times) for name, times in self._versions.items()},
            "mixed_seconds": self._mixed(),
        }

    def _ask_on(self, kind: str, result: KindResult) -> None:
        connection = self._connect()
        method, path = ("POST", self._post) if kind == "keep_alive_post" else ("GET", self._get)
        body = b"{}" if method == "POST" else None
        first = time.monotonic()
        while time.monotonic() < self._end:
            began = time.monotonic()
            result.sent += 1
            try:
                connection.request(method, path, body, {"X-Load": kind})
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                result.lose(error, time.monotonic() - first)
                connection.close()
                connection = self._connect()
                time.sleep(0.01)
                continue

            result.longest = max(result.longest, round(time.monotonic() - began, 3))
            result.answered += 1
            result.server_errors += answer.status >= 500
            if method == "GET":
                self._note_version(content)
            if kind == "new_connection":
                connection.close()
            time.sleep(PAUSE)

        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE)

    def _note_version(self, content: bytes) -> None:
        try:
            version = str(json.loads(content)["version"])
        except (ValueError, KeyError, TypeError):
            return

        with self._lock:
            self._versions.setdefault(version, []).append(time.monotonic())

    def _mixed(self) -> float:
        """Return the seconds from the first answer of the newer version to the last of the older.

        0 with one version.
        """
        spans = sorted((times[0], times[-1]) for times in self._versions.values())
        overlaps = [before[1] - after[0] for before, after in itertools.pairwise(spans)]

        return round(max([0.0, *overlaps]), 3)


def main(argv: list[str] | None = None) -> int:
    """Ask and print what was met; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--post", default="/", help="path of the requests by POST")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument(
        "--until-eof", action="store_true", help="end a second after standard input does"
    )
    options = parser.parse_args(argv)
    client = LoadClient(options.url, options.post, options.seconds)
    if options.until_eof:
        threading.Thread(target=_end_after_input, args=(client,), daemon=True).start()
    print(json.dumps(client.run()))

    return 0


def _end_after_input(client: LoadClient) -> None:
    sys.stdin.read()
    client.end_in(1)


if __name__ == "__main__":
    sys.exit(main())
