# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Backing up a database: the guides' ``pg_dump | gzip`` and ours, of the same rows, side by side.

pgbench's tables and a table of events, as for restores. Both sides take turns; figures are medians
of the rounds, and so is each ratio, which is taken within a round. Beside the dump stand the whole
set with exact counts, its verification, the latency of a database that is busy meanwhile, the
memory of the module, and the interpreters that a run starts on a host where nothing is due.
``UPKEEP_BENCH_SCALE`` makes it smaller.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.backup import run as backups
from ansible.module_utils.upkeep.backup.catalogue import BackupCatalogue
from ansible.module_utils.upkeep.backup.manifest import BackupManifest
from ansible.module_utils.upkeep.backup.settings import parse_verify

from bench.restore_backup import EVENT_ROWS, EVENTS, SCALE, SETTINGS, shell
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, binaries, start_server
from upkeep import PROJECT

ROUNDS: t.Final = 5
#: Latencies of a busy database scatter more than times do: so many rounds, and so many backups in
#: each of them.
BUSY_ROUNDS: t.Final = 5
BUSY_BACKUPS: t.Final = 3
#: pgbench writes its log in pieces; after so long the transactions of a backup are in it, s.
LOGGED_AFTER: t.Final = 3
PORT: t.Final = 54396
DUMP_BAR: t.Final = 0.6
SIZE_BAR: t.Final = 0.75
VERIFY_BAR: t.Final = 0.5
LATENCY_BAR: t.Final = 1.0
MEMORY_BAR: t.Final = 64
STARTS_BAR: t.Final = 3
#: Transactions a second of the busy database: so many that it is busy and still keeps up.
RATE: t.Final = 100
#: What a line of pgbench's log has with a rate: client, number, us, script, two of time, lag.
_LOG_FIELDS: t.Final = 7
START: t.Final = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
#: What the module does, in an interpreter of its own; prints its own peak of memory, KiB.
_MODULE: t.Final = """
import json, resource, sys
import upkeep
from datetime import datetime
from ansible.module_utils.upkeep.backup import run
from ansible.module_utils.upkeep.backup.settings import parse
from ansible.module_utils.upkeep.base.priority import step_back

values, moment = json.loads(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
step_back(last=True)
answer = run.run(parse(values), False, lambda: moment)
assert answer["made"], answer
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


class Round(t.NamedTuple):
    """One round: seconds and sizes of both sides, ours first, and what only we have."""

    dump: tuple[float, float]
    size: tuple[int, int]
    whole: float
    verify: float
    memory: float


class Bench:
    """A filled server, and a folder for both sides."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.root = folder / "sets"
        self.moment = START

    def by_hand(self) -> float:
        """Back up as the guides do; return how long it takes, s."""
        begun = time.perf_counter()
        shell(f"pg_dump shop | gzip > {self.folder}/shop.sql.gz", self.server)

        return time.perf_counter() - begun

    def ours(self) -> float:
        """Make a set as the module does; return its peak of memory, MiB."""
        self.moment += timedelta(seconds=1)
        login = {"login_host": self.server.login["host"], "login_port": PORT, "run_as": ""}
        entry = {"database": "shop", "program_folder": str(binaries()), **login}
        values = {
            "system": "bench",
            "root": str(self.root),
            "artefacts": [{"name": "database", "postgresql": entry}],
            "reason": "demand",
            "free_percent": 0,
        }
        argv = [sys.executable, "-c", _MODULE, json.dumps(values), self.moment.isoformat()]
        done = subprocess.run(  # noqa: S603
            argv, check=True, stdout=subprocess.PIPE, text=True, cwd=PROJECT
        )

        return int(done.stdout) / 1024

    def round(self) -> Round:
        """Let both sides take their turn."""
        hand = self.by_hand()
        gzip = (self.folder / "shop.sql.gz").stat().st_size
        begun = time.perf_counter()
        memory = self.ours()
        whole = time.perf_counter() - begun
        begun = time.perf_counter()
        values = {"system": "bench", "root": str(self.root), "reread_days": 0}
        backups.verify(parse_verify(values), False, lambda: self.moment)
        verify = time.perf_counter() - begun

        with BackupCatalogue(str(self.root)) as catalogue:
            [one] = catalogue.sets()
            made = t.cast(BackupManifest, one.manifest)
            [artefact] = made.artefacts
            catalogue.delete(one.name)
        dump = max(stage.seconds for stage in artefact.stages if stage.name in ("pg_dump", "zstd"))

        return Round((dump, hand), (made.bytes, gzip), whole, verify, memory)

    def latency(self, work: Callable[[], object], name: str) -> float:
        """Return the p95 of the busy database while something is done several times, ms."""
        prefix = self.folder / name
        load = subprocess.Popen(  # noqa: S603
            [
                str(binaries() / "pgbench"),
                *("-h", str(self.server.login["host"]), "-p", str(PORT), "-U", "postgres"),
                *("-n", "-c", "4", "-R", str(RATE), "-T", "3600", "-l"),
                f"--log-prefix={prefix}",
                "shop",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(2)
            meanwhile = [_times_of(work) for _ in range(BUSY_BACKUPS)]
            time.sleep(LOGGED_AFTER)
        finally:
            load.terminate()
            load.wait()

        lines = "".join(path.read_text() for path in self.folder.glob(f"{name}.*")).splitlines()
        taken = sorted(
            one.milliseconds
            for one in _transactions(lines)
            if any(begun <= one.begun < ended for begun, ended in meanwhile)
        )

        return taken[len(taken) * 95 // 100]

    def busy_round(self, number: int) -> tuple[float, float]:
        """Return the p95 of the busy database under ours and under the guides' recipe, ms.

        They take turns in being the first, after which the database may be another one.
        """
        works = {"ours": self.ours, "hand": self.by_hand}
        order = sorted(works, reverse=number % 2 == 0)
        found = {name: self.latency(works[name], f"{name}{number}") for name in order}

        return found["ours"], found["hand"]


class Transaction(t.NamedTuple):
    """A transaction of the busy database: when it should have begun, s, and how long it took."""

    begun: float
    milliseconds: float


def _times_of(work: Callable[[], object]) -> tuple[float, float]:
    """Do it; return when it began and when it ended, s."""
    begun = time.time()
    work()

    return begun, time.time()


def _transactions(lines: Sequence[str]) -> Iterator[Transaction]:
    """Yield what pgbench has logged; the last line may be cut off."""
    for line in lines:
        fields = line.split()
        if len(fields) == _LOG_FIELDS:
            ended = int(fields[4]) + int(fields[5]) / 1e6
            yield Transaction(ended - int(fields[2]) / 1e6, int(fields[2]) / 1000)


def starts_of_a_noop(folder: Path) -> int:
    """Return how many interpreters a run starts that has a fresh set and has verified it."""
    tally, counter = folder / "starts", folder / "python3"
    counter.write_text(f'#!/bin/sh\necho x >> {tally}\nexec {sys.executable} "$@"\n')
    counter.chmod(0o755)
    host = f"localhost ansible_connection=local ansible_python_interpreter={counter}"
    (folder / "hosts").write_text(f"[bench]\n{host} backup_root={folder}/noop\n")
    argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(folder / "hosts")]
    environment = {**os.environ, "UPKEEP_STORE": str(folder / "store")}

    for _ in range(2):
        tally.write_text("")
        done = subprocess.run(  # noqa: S603
            [*argv, "bench/playbooks/backup_noop.yml"],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            print(done.stdout[-4000:], done.stderr[-2000:], file=sys.stderr)
            done.check_returncode()

    return len(tally.read_text().splitlines())


def median(values: t.Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(list(values))


def measure(bench: Bench) -> bool:
    """Print all figures; return whether every bar is kept."""
    rounds = [bench.round() for _ in range(ROUNDS)]
    busy = [bench.busy_round(number) for number in range(BUSY_ROUNDS)]

    lines = [
        (
            "backup_dump", "s", DUMP_BAR,
            median(one.dump[0] for one in rounds),
            median(one.dump[1] for one in rounds),
            median(one.dump[0] / one.dump[1] for one in rounds),
        ),
        (
            "backup_size", "MiB", SIZE_BAR,
            rounds[-1].size[0] / (1 << 20),
            rounds[-1].size[1] / (1 << 20),
            rounds[-1].size[0] / rounds[-1].size[1],
        ),
        (
            "backup_verify", "s", VERIFY_BAR,
            median(one.verify for one in rounds),
            median(one.dump[1] for one in rounds),
            median(one.verify / one.dump[1] for one in rounds),
        ),
        (
            "backup_busy_p95", "ms", LATENCY_BAR,
            median(ours for ours, _ in busy),
            median(hand for _, hand in busy),
            median(ours / hand for ours, hand in busy),
        ),
    ]  # fmt: skip
    for name, unit, bar, ours, other, ratio in lines:
        print(
            f"bench {name} ours={ours:.2f} other={other:.2f} unit={unit} ratio={ratio:.2f}"
            f" bar=<={bar}"
        )

    memory = max(one.memory for one in rounds)
    print(f"bench backup_memory ours={memory:.1f} unit=MiB bar=<={MEMORY_BAR}")
    print(f"bench backup_whole ours={median(one.whole for one in rounds):.2f} unit=s scale={SCALE}")
    starts = starts_of_a_noop(bench.folder)
    print(f"bench backup_noop ours={starts} unit=interpreters bar=<={STARTS_BAR}")
    kept = memory <= MEMORY_BAR and starts <= STARTS_BAR

    return kept and all(ratio <= bar for _, _, bar, _, _, ratio in lines)


def main() -> int:
    """Measure; returns 1 when a bar is missed."""
    server = start_server(PORT, SETTINGS)
    Path(str(server.login["host"])).chmod(0o711)
    make_reader(server)
    server.create_database("shop")
    server.login["port"] = PORT
    shell(f"pgbench -i -q -s {SCALE} shop", server)
    server.run("postgres", f"ALTER DATABASE shop SET bench.events = {EVENTS}")
    server.run("shop", *EVENT_ROWS, "ANALYZE")

    folder = Path(tempfile.mkdtemp(prefix="bench-backup-"))
    try:
        return 0 if measure(Bench(server, folder)) else 1
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
