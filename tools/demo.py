# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Show Upkeep at work: start the demo fleet, run the weekly maintenance twice, show the second.

The second run must change nothing. ``--defects a,b`` plants faults first, which the runs must then
report.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

from demo import fleet, lease
from demo.errors import DemoError as FleetError
from tools import PROJECT
from tools.process import CommandOutcome, environment, run_logged, tail, tool

STORE: t.Final = PROJECT / "store"
PLAYBOOK: t.Final = "playbooks/weekly.yml"
#: Seconds that a phase may take: building the image downloads packages, the rest is work on this
#: machine.
IMAGE_TIMEOUT, PHASE_TIMEOUT = 1800.0, 900.0

Record = dict[str, t.Any]


class DemoError(Exception):
    """A phase did not do what it must; the message is what was seen."""


def ended_well(code: int, record: Record) -> str:
    """Return why a playbook run is not acceptable, or nothing.

    Exit code 2 is right when the run reports findings that its verdict counts; a task that failed
    is never right.
    """
    failed = [task for task in record["failed_tasks"] if task["role"] != "verdict"]
    if failed:
        first = failed[0]
        return f"task '{first['task']}' failed on {first['host']}: {first.get('message', '')}"
    if code == 0 or (code == 2 and record["outcome"] == "findings"):
        return ""

    return f"exit code {code} with outcome '{record['outcome']}'"


def changed_hosts(record: Record) -> dict[str, int]:
    """Return host -> number of changed tasks, for the hosts where something changed."""
    return {name: host["changed"] for name, host in record["hosts"].items() if host["changed"]}


def phase(name: str, argv: list[str], timeout: float = PHASE_TIMEOUT) -> CommandOutcome:
    """Run one phase and tell it on one line.

    Raises DemoError with the end of its log when it fails.
    """
    outcome = _announced(name, argv, timeout)
    if outcome.code:
        raise DemoError(f"{name} ended with exit code {outcome.code}\n{tail(outcome.log)}")
    return outcome


def weekly(name: str) -> Record:
    """Run the weekly playbook and return its record; raises DemoError when it did not end well."""
    before = _latest()
    outcome = _announced(name, [tool("ansible-playbook"), PLAYBOOK], PHASE_TIMEOUT)
    folder = _latest()
    if folder is None or folder == before:
        raise DemoError(
            f"{name} left no record in {STORE.name}/runs (exit code {outcome.code})\n"
            f"{tail(outcome.log)}"
        )

    record: Record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    problem = ended_well(outcome.code, record)
    if problem:
        raise DemoError(f"{name}: {problem}\n{tail(outcome.log)}")

    print(
        f"  outcome {record['outcome']}, changed {sum(changed_hosts(record).values())}", flush=True
    )

    return record


def play(defects: list[str]) -> Path:
    """Go through the whole demonstration and return the folder of its last run.

    Raises DemoError where one fails.
    """
    phase("image", [sys.executable, "-m", "demo", "image"], IMAGE_TIMEOUT)
    phase("fleet", [sys.executable, "-m", "demo", "up"])
    if defects:
        phase("defects", [sys.executable, "-m", "demo", "plant", *defects])

    weekly("first weekly run")
    second = weekly("second weekly run")
    if not second["hosts"]:
        raise DemoError("the second weekly run reached no host")
    if changed_hosts(second):
        raise DemoError(
            "the second weekly run must change nothing, but changed (host: tasks)"
            f" {changed_hosts(second)}"
        )

    show()

    return STORE / "runs" / str(second["run_id"])


def show() -> None:
    """Print the latest record as a table, and where its report is."""
    command = [sys.executable, "-m", "upkeep", "show", "latest"]
    result = subprocess.run(  # noqa: S603
        command, cwd=PROJECT, env=environment(UPKEEP_STORE=str(STORE)), check=False
    )
    if result.returncode:
        raise DemoError(f"`{' '.join(command)}` ended with exit code {result.returncode}")

    print(f"\nreport: {(STORE / 'runs' / 'latest').resolve() / 'report.html'}")


def _announced(name: str, argv: list[str], timeout: float) -> CommandOutcome:
    print(f"{name:<20}", end="", flush=True)
    env = environment(UPKEEP_STORE=str(STORE))
    outcome = run_logged(f"demo-{name.replace(' ', '-')}", argv, timeout=timeout, env=env)
    print(
        f"{outcome.seconds:7.1f} s  {'ok' if outcome.code == 0 else f'exit code {outcome.code}'}",
        flush=True,
    )

    return outcome


def _latest() -> Path | None:
    link = STORE / "runs" / "latest"
    return link.resolve() if link.exists() else None


def main(argv: list[str] | None = None) -> int:
    """Run the demonstration; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    parser.add_argument(
        "--defects", default="", help="faults to plant first: `all`, or names separated by commas"
    )
    defects = parser.parse_args(argv).defects
    # As Ctrl-C does: a run that nobody sees any more would keep the lock from the next one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    try:
        with lease.held(fleet.DEFAULT, "make demo"):
            play([name for name in defects.replace(",", " ").split() if name])
    except (DemoError, FleetError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; call it again to go on from what is there", file=sys.stderr)
        return 130

    return 0


if __name__ == "__main__":
    sys.exit(main())
