# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What driving runs costs: an event of the log, the list of 1,000 runs, the doctor.

Events are counted in this process, commands with their interpreter. Medians of the rounds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.findings import complete, finding

from bench import store as stores
from upkeep.run import events

PROJECT: t.Final = Path(__file__).resolve().parent.parent
EVENTS: t.Final = 5_000
ROUNDS: t.Final = 5
KEPT: t.Final = 1_000
#: Bars: milliseconds for an event, seconds for a command.
EVENT_BAR, RUNS_BAR, DOCTOR_BAR = 1.0, 1.0, 3.0


def milliseconds_of_an_event(folder: Path) -> float:
    """Return the mean time of writing one event with a finding."""
    log = folder / events.LOG_NAME
    part = finding("http:service", "ok", "The service answered in 12 ms.", observed=12.0)
    full = complete(part, system="shop", host="shop-1", area="health_check")
    began = time.perf_counter()
    for _ in range(EVENTS):
        events.append(log, "finding", play="Look", finding=full)

    return (time.perf_counter() - began) / EVENTS * 1000


def seconds(*command: str) -> float:
    """Return the median time of one command over the rounds; the doctor may end with 1."""
    times = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        subprocess.run(  # noqa: S603
            [sys.executable, "-m", "upkeep", *command],
            cwd=PROJECT,
            check=False,
            stdout=subprocess.DEVNULL,
        )
        times.append(time.monotonic() - began)

    return statistics.median(times)


def main() -> int:
    """Measure all; return 1 when something takes longer than its bar."""
    with tempfile.TemporaryDirectory(prefix="upkeep-bench-") as temporary:
        root = Path(temporary)
        event = milliseconds_of_an_event(root)
        target = stores.fill_folder(root / "folder", stores.one_run(root / "one"), KEPT)
        listed = seconds("runs", "--limit", str(KEPT), "--json", "--store", target)
        doctor = seconds("doctor", "--store", target)

    print(f"bench schedule_event ours={event:.3f} unit=ms bar=<{EVENT_BAR}")
    print(f"bench schedule_runs ours={listed:.2f} unit=s runs={KEPT} bar=<{RUNS_BAR}")
    print(f"bench schedule_doctor ours={doctor:.2f} unit=s runs={KEPT} bar=<{DOCTOR_BAR}")

    return int(event > EVENT_BAR or listed > RUNS_BAR or doctor > DOCTOR_BAR)


if __name__ == "__main__":
    sys.exit(main())
