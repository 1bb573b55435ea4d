# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Removing keys by pattern beside another client, sweeping files, compressing logs.

Each is held against what the guides have people type: ``redis-cli --scan | xargs redis-cli DEL``,
``find -delete`` and ``gzip``. Both sides run in turn, in one run, on the same data.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import upkeep  # noqa: F401 - makes ansible.module_utils.upkeep known
from tests.unit.module_utils.redis_tune.server import RedisServer, running

# isort: split
from ansible.module_utils.upkeep.base.priority import step_back
from ansible.module_utils.upkeep.cache_maintenance import redis_keys, settings

KEYS: t.Final = 1_000_000
ROUNDS: t.Final = 5
FILES: t.Final = 100_000
LOG_BYTES: t.Final = 256 << 20
TIME_BAR: t.Final = 1.0
LATENCY_BAR: t.Final = 0.5
SAMPLES: t.Final = 20_000
SWEEP_BAR: t.Final = 1.5
SPEED_BAR: t.Final = 4.0
SIZE_BAR: t.Final = 1.1
#: Reads one key until its standard input ends, then prints samples, p99.9 and the longest wait, ms.
CLIENT: t.Final = """
import select, socket, sys, time
port = int(sys.argv[1])
link = socket.create_connection(("127.0.0.1", port))
waits = []
print("ready", flush=True)
while not select.select([0], [], [], 0)[0]:
    began = time.perf_counter()
    link.sendall(b"GET other:5\\r\\n")
    link.recv(4096)
    waits.append(time.perf_counter() - began)
waits.sort()
print(len(waits), waits[int(len(waits) * 0.999)] * 1000, waits[-1] * 1000)
"""
#: Calls the module's code as a process of its own, as Ansible starts it on a host.
SWEEP: t.Final = """
import json, sys
import upkeep
from ansible.module_utils.upkeep.cache_maintenance.run import run
from ansible.module_utils.upkeep.cache_maintenance.settings import parse
run(parse(json.loads(sys.argv[1])), False)
"""


class Side(t.NamedTuple):
    """What one side took, and what another client had to wait beside it."""

    seconds: float
    samples: int
    p999: float
    longest: float


def require(is_true: bool, message: str) -> None:
    """End the benchmark when a side did not do its work."""
    if not is_true:
        raise SystemExit(message)


def fill(server: RedisServer, count: int) -> None:
    """Give the server so many keys of the pattern and as many others."""
    server.ask("FLUSHALL")
    value = "v" * 60
    step = 100_000
    for start in range(0, count, step):
        script = (
            f"for i={start + 1},{min(start + step, count)} do"
            f" redis.call('SET','cached:'..i,'{value}') redis.call('SET','other:'..i,'{value}') end"
        )
        server.ask("EVAL", script, 0)


def beside(server: RedisServer, work: Callable[[RedisServer], None]) -> Side:
    """Do the work while another client reads."""
    client = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", CLIENT, str(server.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    t.cast(t.IO[str], client.stdout).readline()
    began = time.monotonic()
    work(server)
    seconds = time.monotonic() - began
    samples, p999, longest = client.communicate("end\n")[0].split()

    return Side(seconds, int(samples), float(p999), float(longest))


def ours(server: RedisServer) -> None:
    """Remove the keys as cache_maintenance does: in a process that steps back."""
    child = os.fork()
    if not child:
        try:
            step_back()
            remove(server)
            os._exit(0)
        finally:
            os._exit(1)
    require(os.waitpid(child, 0)[1] == 0, "ours failed")


def remove(server: RedisServer) -> None:
    """Remove the keys by the module's code."""
    pattern = {"name": "all", "pattern": "cached:*"}
    entry = {"name": "x", "port": server.port, "patterns": [pattern], "max_latency_ms": 10_000}
    cache = settings.parse({"redis_caches": [entry]}).redis_caches[0]
    report = redis_keys.remove(cache, cache.patterns[0], 60, idle=None, rehearsal=False)
    if report.problem:
        raise SystemExit(report.problem)


def theirs(server: RedisServer) -> None:
    """Remove the keys as the guide does."""
    cli = f"redis-cli -p {server.port}"
    command = f"{cli} --scan --pattern 'cached:*' | xargs {cli} DEL > /dev/null"
    subprocess.run(command, shell=True, check=True)  # noqa: S602 - the guide's own line


def keys(count: int, rounds: int) -> bool:
    """Compare removing keys; return whether the bars are kept."""
    sides: dict[str, list[Side]] = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), "save ''") as server:
        for _ in range(rounds):
            for name, work in (("ours", ours), ("theirs", theirs)):
                fill(server, count)
                sides[name].append(beside(server, work))
                require(server.ask("DBSIZE") == count, f"{name} left keys")

    mine, guide = middle(sides["ours"]), middle(sides["theirs"])
    spent, waited = mine.seconds / guide.seconds, mine.p999 / guide.p999
    print(
        f"bench caches keys removed {count} of {2 * count} seconds {mine.seconds:.2f} against"
        f" {guide.seconds:.2f} ratio {spent:.2f} bar {TIME_BAR} p99.9 {mine.p999:.2f} ms against"
        f" {guide.p999:.2f} ms ratio {waited:.2f} bar {LATENCY_BAR} worst {mine.longest:.1f} ms"
        f" against {guide.longest:.1f} ms samples {mine.samples} and {guide.samples}",
        flush=True,
    )

    return spent <= TIME_BAR and waited <= LATENCY_BAR and mine.samples >= SAMPLES


def middle(sides: t.Sequence[Side]) -> Side:
    """Return the median of each figure."""
    seconds, samples, p999, longest = zip(*sides, strict=True)

    return Side(
        statistics.median(seconds),
        int(statistics.median(samples)),
        statistics.median(p999),
        statistics.median(longest),
    )


def plant(folder: Path, count: int) -> None:
    """Make so many old files and a young one."""
    folder.mkdir()
    place = os.open(folder, os.O_RDONLY)
    for number in range(count):  # by the fewest calls: this is most of the benchmark's time
        file = os.open(f"page_{number}.html", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=place)
        os.utime(file, (1, 1))
        os.close(file)
    os.close(place)
    (folder / "page_new.html").write_text("<tr>")


def sweep(count: int, rounds: int) -> bool:
    """Compare sweeping files; return whether the bar is kept."""
    import json

    took: dict[str, list[float]] = {"start": [], "ours": [], "theirs": []}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        kind = {"name": "html", "files": "page_*.html", "hours": 24, "row_pattern": "<tr>"}
        cache = {"name": "x", "folder": f"{root}/cache", "root": str(root), "classes": [kind]}
        own = {"state_file": f"{root}/state.json", "require_acceptance": False, "work": ["sweep"]}
        nothing, everything = json.dumps(own), json.dumps({**own, "file_caches": [cache]})
        argv = {
            "start": [sys.executable, "-c", SWEEP, nothing],
            "ours": [sys.executable, "-c", SWEEP, everything],
            "theirs": ["find", f"{root}/cache", "-mtime", "+3", "-delete"],
        }
        for _ in range(rounds):
            for side, words in argv.items():
                plant(root / "cache", count if side != "start" else 0)
                began = time.monotonic()
                subprocess.run(words, check=True)  # noqa: S603
                took[side].append(time.monotonic() - began)
                require(len(list((root / "cache").iterdir())) == 1, f"{side} left files")
                shutil.rmtree(root / "cache")

    best = {side: min(seconds) for side, seconds in took.items()}
    ratio = (best["ours"] - best["start"]) / best["theirs"]
    print(
        f"bench caches sweep files {count} seconds {best['ours']:.2f} against find"
        f" {best['theirs']:.2f} start {best['start']:.2f} ratio {ratio:.2f} bar {SWEEP_BAR}",
        flush=True,
    )

    return ratio <= SWEEP_BAR


def compression(size: int) -> bool:
    """Compare compressing a log; return whether the bars are kept."""
    from ansible.module_utils.upkeep.log_rotation.config import COMPRESSION

    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "app.log"
        write_log(log, size)
        found = {
            program: compressed(log, directives) for program, directives in COMPRESSION.items()
        }

    (zstd, small), (gzip, large) = found["zstd"], found["gzip"]
    speed, share = gzip / zstd, small / large
    print(
        f"bench caches compression MiB {size >> 20} seconds {zstd:.2f} against gzip {gzip:.2f}"
        f" faster {speed:.1f} bar {SPEED_BAR} size {share:.2f} bar {SIZE_BAR}",
        flush=True,
    )

    return speed >= SPEED_BAR and share <= SIZE_BAR


def write_log(path: Path, size: int) -> None:
    """Write a log whose lines differ as those of a service do."""
    with path.open("w") as stream:
        number = written = 0
        while written < size:
            number += 1
            written += stream.write(
                f'{{"time":"2026-11-{1 + number // 50_000 % 28:02d}T{number // 3600 % 24:02d}:'
                f'{number // 60 % 60:02d}:{number % 60:02d}.{number * 48271 % 1000:03d}Z",'
                f'"level":"{("INFO", "INFO", "WARNING", "ERROR")[number * 7 % 4]}","request_id":'
                f'"{number * 2654435761 % (1 << 64):016x}","endpoint":"/api/things/{number % 977}",'
                f'"duration_ms":{number * 16807 % 90000 / 100}}}\n'
            )


def compressed(log: Path, directives: t.Sequence[str]) -> tuple[float, int]:
    """Return the seconds and bytes of a log compressed as logrotate does it."""
    words = dict(line.split(" ", 1) for line in directives)
    argv = [words["compresscmd"], *words["compressoptions"].split()]
    out = log.with_suffix(words["compressext"])
    best = float("inf")
    for _ in range(2):
        with log.open("rb") as source, out.open("wb") as sink:
            began = time.monotonic()
            subprocess.run(argv, stdin=source, stdout=sink, check=True)  # noqa: S603
            best = min(best, time.monotonic() - began)

    return best, out.stat().st_size


def main() -> int:
    """Run all of them; return 1 when a bar is missed."""
    kept = [compression(LOG_BYTES), sweep(FILES, 3), keys(KEYS, ROUNDS)]

    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
