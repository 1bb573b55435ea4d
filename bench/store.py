# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A store with ten thousand runs: how long its commands take, as folders and in SQL.

The time is that of the whole command, with its interpreter. Medians of the rounds; the bar is that
of the promise: below a second.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.findings import complete, finding

from upkeep.report import render
from upkeep.run import events
from upkeep.store import open_store

PROJECT: t.Final = Path(__file__).resolve().parent.parent
RUNS: t.Final = 10_000
FINDINGS: t.Final = 60
ROUNDS: t.Final = 5
BAR: t.Final = 1.0
COMMANDS: t.Final = (("list", "--limit", "3"), ("show",), ("runs", "--limit", "1000"))


def one_run(folder: Path) -> Path:
    """Write and render a run of the size of a quarter-hourly one, and return its folder."""
    run = folder / "first"
    run.mkdir(parents=True)
    log = run / events.LOG_NAME
    events.append(log, "run_started", run_id=run.name, playbook="playbooks/quarter_hourly.yml")
    for number in range(FINDINGS):
        part = finding(f"http:service-{number}", "ok", "The service answered in 12 ms.")
        full = complete(part, system="shop", host=f"shop-{number % 5}", area="health_check")
        events.append(log, "finding", play="Look", finding=full)

    verdict = {"outcome": "ok", "fail_on": ["critical"], "missing_hosts": [], "messages": []}
    events.append(log, "verdict", **verdict, failing=[], acknowledged={})
    events.append(log, "run_finished", stats={})

    return render.render(run).parent


def names(count: int = RUNS) -> list[str]:
    """Return ids of runs, one each quarter of an hour up to now."""
    now = datetime.now(UTC)
    starts = (now - timedelta(minutes=15 * number) for number in range(count))

    return [f"{start:%Y%m%dT%H%M%SZ}-quarter-hourly-{n:06x}" for n, start in enumerate(starts)]


def fill_folder(root: Path, run: Path, count: int = RUNS) -> str:
    """Make the runs as folders that share the files of one run; return the store's target."""
    for name in names(count):
        place = root / "runs" / name
        place.mkdir(parents=True)
        for file in run.iterdir():
            os.link(file, place / file.name)

    return str(root)


def fill_database(root: Path, run: Path) -> str:
    """Make the runs as rows with the record and log of one run; return the store's target."""
    target = f"sqlite:///{root}/runs.sqlite"
    open_store(target)
    record = json.loads((run / render.RECORD_NAME).read_text())
    row = {
        "schema_version": record["schema_version"],
        "outcome": record["outcome"],
        "playbook": record["playbook"],
        "record": json.dumps(record),
        "events": (run / events.LOG_NAME).read_text(),
    }
    started = [f"{n[:4]}-{n[4:6]}-{n[6:8]}T{n[9:11]}:{n[11:13]}:{n[13:15]}.000Z" for n in names()]
    insert = sa.text(
        "INSERT INTO upkeep_runs"
        " (run_id, schema_version, started, outcome, playbook, record, events)"
        " VALUES (:run_id, :schema_version, :started, :outcome, :playbook, :record, :events)"
    )
    insert_facts = sa.text("INSERT INTO upkeep_run_facts (run_id, facts) VALUES (:run_id, :facts)")
    kept = (run / render.FACTS_NAME).read_text()
    with sa.create_engine(target).begin() as connection:
        for name, start in zip(names(), started, strict=True):
            connection.execute(insert, {**row, "run_id": name, "started": start})
            connection.execute(insert_facts, {"run_id": name, "facts": kept})

    return target


def seconds(target: str, command: t.Sequence[str]) -> float:
    """Return the median time of one command over the rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "upkeep", *command, "--store", target],
            cwd=PROJECT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        times.append(time.monotonic() - began)

    return statistics.median(times)


def main() -> int:
    """Fill both stores, ask them, and return 1 when a command takes longer than the bar."""
    good = True
    with tempfile.TemporaryDirectory(prefix="upkeep-bench-") as temporary:
        root = Path(temporary)
        run = one_run(root / "one")
        targets = {
            "folder": fill_folder(root / "folder", run),
            "sqlite": fill_database(root, run),
        }
        for kind, target in targets.items():
            for command in COMMANDS:
                took = seconds(target, command)
                good = good and took < BAR
                name = f"store_{kind}_{command[0]}"
                print(f"bench {name} ours={took:.2f} unit=s runs={RUNS} bar=<{BAR}", flush=True)

    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
