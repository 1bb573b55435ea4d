# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reviewing large logs: the last day of 2 GiB, one pattern over all of it, a compressed one.

Files lie in the page cache, each side is taken in turn, and the best of each side counts: noise of
the machine only ever makes a side slower. A module call is a whole process, as Ansible starts it on
a host.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

PROJECT: t.Final = Path(__file__).resolve().parent.parent
SIZE: t.Final = 2 << 30
PACKED: t.Final = 256 << 20
DAYS: t.Final = 180
DAY: t.Final = 86400
LINES: t.Final = 20_000
READ_BAR: t.Final = 1.1
SECONDS_BAR: t.Final = 1.5
MEMORY_BAR: t.Final = 64
SCAN_BAR: t.Final = 100
PACKED_BAR: t.Final = 1.5
ROUNDS: t.Final = 3

#: Runs the module in this process, with its arguments where Ansible's wrapper puts them, and prints
#: its answer and the most memory that it or a process of it had, KiB. The process that reads shares
#: memory with the one that has started it: so neither figure is subtracted from the other.
RUNNER: t.Final = """
import json, resource, sys
import upkeep
from ansible.module_utils import basic
from library import log_review
who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(sys.argv[1])}).encode()
basic._ANSIBLE_PROFILE = "legacy"
try:
    log_review.main()
finally:
    print(max(resource.getrusage(one).ru_maxrss for one in who), file=sys.stderr)
"""


def fill(path: Path, size: int) -> float:
    """Write a log of ``size`` bytes over 180 days, evenly; return the time of its end.

    One line in a hundred is an error. Blocks of lines share their second, so that Python need not
    format each line.
    """
    end = time.time() - 1
    begin, written = end - DAYS * DAY, 0
    tails = [
        f"{'ERROR' if number % 100 == 0 else 'INFO'} services.api: Request processed "
        f"GET /api/things/{number:06d}"
        f" 200 OK {number % 900 + 10}.5 ms by 192.0.2.{number % 250} "
        f"with agent Mozilla/5.0\n".encode()
        for number in range(LINES)
    ]

    with path.open("wb", buffering=1 << 20) as stream:
        number = 0
        while written < size:
            moment = begin + (end - begin) * written / size
            stamp = (
                dt.datetime.fromtimestamp(moment, dt.UTC)
                .strftime("%Y-%m-%dT%H:%M:%S.000Z ")
                .encode()
            )
            lines = stamp + stamp.join(tails[number : number + 40])
            written += stream.write(lines)
            number = (number + 40) % LINES

    return end


def review(path: Path, window: str, **keys: t.Any) -> tuple[dict[str, t.Any], float]:
    """Return a module's answer about the errors in a log, and the most memory it had (MiB)."""
    asked = {"name": "errors", "pattern": "ERROR", "window": window, "show": 0, **keys}
    source = {
        "name": "log",
        "paths": [str(path)],
        "format": "python",
        "time_zone": "UTC",
        "reviews": [asked],
    }
    arguments = {"sources": [source], "timeout": 600, "state": str(path.parent / "state")}
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", RUNNER, json.dumps(arguments)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )

    return json.loads(done.stdout), int(done.stderr.splitlines()[-1]) / 1024


def lines_since(path: Path, begin: float) -> int:
    """Return how many bytes of a log belong to lines from a time on, counted by awk."""
    stamp = dt.datetime.fromtimestamp(begin, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    program = '$1 >= since { bytes += length($0) + 1 } END { printf "%d", bytes }'
    done = subprocess.run(  # noqa: S603
        ["awk", "-v", f"since={stamp}", program, str(path)],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LC_ALL": "C"},
    )

    return int(done.stdout)


def best(*sides: t.Callable[[], object]) -> list[float]:
    """Return the shortest time of each side over all rounds, s."""
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(ROUNDS):
        for side, taken in zip(sides, times, strict=True):
            begun = time.perf_counter()
            side()
            taken.append(time.perf_counter() - begun)

    return [min(taken) for taken in times]


def judge(
    name: str, ours: float, other: float, unit: str, ratio: float, bar: str, kept: bool
) -> bool:
    """Print the closing line of one measurement; return whether its bar is kept."""
    print(
        f"bench {name} ours={ours:.2f} other={other:.2f} unit={unit} ratio={ratio:.3f} bar={bar}",
        flush=True,
    )
    return kept


def last_day(path: Path, end: float) -> bool:
    """Measure the last day of a large log; the other side reads all of it with grep."""
    window = lines_since(path, end - DAY)
    answer, memory = review(path, "24h")
    read = answer["bytes_read"]
    ours, other = best(
        lambda: review(path, "24h"), lambda: grep(["grep", "-c", "ERROR", str(path)])
    )
    ratio = read / window

    return all(
        (
            judge(
                "log_day_read",
                read / 2**20,
                window / 2**20,
                "MiB",
                ratio,
                f"<={READ_BAR}",
                ratio <= READ_BAR,
            ),
            judge(
                "log_day_time",
                ours,
                other,
                "s",
                other / ours,
                f"ours<={SECONDS_BAR}",
                ours <= SECONDS_BAR,
            ),
            judge_memory("log_day_memory", path, memory),
        )
    )


def judge_memory(name: str, path: Path, ours: float) -> bool:
    """Judge the most memory of a review; the other side is the same review of an empty log."""
    empty = path.with_name("empty.log")
    empty.touch()
    other = review(empty, "24h")[1]
    bar = f"ours<={MEMORY_BAR}"

    return judge(name, ours, other, "MiB", ours / other, bar, ours <= MEMORY_BAR)


def whole(path: Path) -> bool:
    """Measure one pattern over a whole large log; the other side is grep."""
    counted = int(grep(["grep", "-c", "ERROR", str(path)]))
    answer, memory = review(path, "all")
    if answer["reviews"][0]["count"] != counted:
        raise SystemExit(f"the two counted differently: {answer['reviews']}, {counted}")
    ours, other = best(
        lambda: review(path, "all"), lambda: grep(["grep", "-c", "ERROR", str(path)])
    )
    rate, rate_of_other = (SIZE / 1e6 / seconds for seconds in (ours, other))

    return all(
        (
            judge(
                "log_scan",
                rate,
                rate_of_other,
                "MB/s",
                rate / rate_of_other,
                f"ours>={SCAN_BAR}",
                rate >= SCAN_BAR,
            ),
            judge_memory("log_scan_memory", path, memory),
        )
    )


def compressed(path: Path) -> bool:
    """Measure a rotated, compressed part.

    The other side is ``zcat | grep -c``, which knows no window.
    """
    live = path.with_name("packed.log")
    rotated = path.with_name("packed.log-1")
    fill(rotated, PACKED)
    subprocess.run(["gzip", "--fast", str(rotated)], check=True)  # noqa: S603, S607
    live.write_bytes(b"")
    pipe = ["bash", "-c", f"zcat {rotated}.gz | grep -c ERROR"]
    ours, other = best(lambda: review(live, "all"), lambda: grep(pipe))
    ratio = ours / other

    return judge("log_gz", ours, other, "s", ratio, f"<={PACKED_BAR}", ratio <= PACKED_BAR)


def grep(command: list[str]) -> str:
    """Return what a counting command says."""
    done = subprocess.run(  # noqa: S603 - fixed commands
        command, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}
    )
    return done.stdout.strip()


def main() -> int:
    """Measure all; returns 1 when a bar is missed."""
    with tempfile.TemporaryDirectory(prefix="bench-logs-") as name:
        path = Path(name) / "large.log"
        end = fill(path, SIZE)
        kept = [last_day(path, end), whole(path), compressed(path)]

    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
