# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plant logs on a host as root: good, rotated, broken and hostile ones, and a container's."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

NOW = dt.datetime.now(dt.UTC)
IDENTITY = "ab" * 32


def ago(**span: float) -> str:
    """Return the stamp of a moment that lies some time back."""
    moment = NOW - dt.timedelta(**span)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write(path: Path, *lines: str) -> None:
    """Write some lines; bytes that are not UTF-8 come as surrogates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))


def record(when: str, level: str = "INFO", **fields: object) -> str:
    """Return a line of JSON."""
    return json.dumps({"timestamp": when, "level": level, "message": "Request processed", **fields})


def main(folder: Path) -> None:
    """Make everything below ``folder``, and a container's log where Docker keeps it."""
    failed = (
        "Traceback (most recent call last):",
        '  File "a.py", line 1',
        "ValueError: ERROR, Exception",
    )
    # Rotated every six hours; the traceback was cut by a rotation.
    live = folder / "app.log"
    write(
        live,
        failed[2],
        f"{ago(minutes=20)} INFO app: fine\x00\udcff",
        f"{ago(minutes=10)} ERROR app: job 3 failed",
    )
    write(
        folder / "app.log-1",
        f"{ago(hours=7)} INFO app: fine",
        f"{ago(hours=6)} ERROR app: job 2 failed",
        *failed[:2],
    )
    older = (
        f"{ago(hours=40)} ERROR app: too old\n"
        f"{ago(hours=20)} ERROR app: password=hunter2hunter2 refused\n"
    )
    (folder / "app.log-2.gz").write_bytes(gzip.compress(older.encode()))
    write(folder / "app.log-3", f"{ago(hours=60)} ERROR app: too old, too")
    subprocess.run(["zstd", "--quiet", "--rm", str(folder / "app.log-3")], check=True)

    write(
        folder / "api.log",
        *(
            record(ago(minutes=60 - n), endpoint="/api", duration_ms=10 + n, status_code=200)
            for n in range(50)
        ),
        *(
            record(ago(minutes=9), "ERROR", endpoint="/api", duration_ms=900, status_code=500)
            for _ in range(3)
        ),
        "somebody prints here",
    )
    write(
        folder / "future.log",
        f"{ago(minutes=1)} INFO app: now",
        f"{ago(days=-3)} INFO app: to come",
    )
    write(folder / "silent.log", f"{ago(days=3)} INFO app: last words")
    write(
        folder / "name\nof \x1b[31m enemies.log",
        f"{ago(minutes=1)} INFO app: \x1b]0;title\x07 hello",
    )
    os.mkfifo(folder / "fifo.log")
    (folder / "loop.log").symlink_to("loop.log")
    (folder / "shadow.log").symlink_to("/etc/shadow")

    home = Path("/var/lib/docker/containers") / IDENTITY
    write(home / "config.v2.json", json.dumps({"Name": "/shop-api-1"}))
    said = (
        "ERROR in a container\n",
        "Traceback (most recent call last):\n",
        "  x\n",
        "KeyError: 1\n",
    )
    write(
        home / f"{IDENTITY}-json.log",
        *(json.dumps({"log": text, "time": ago(minutes=3)}) for text in said),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
