# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What driving runs costs: an event of the log, the list of 1,000 runs, the doctor.

Events are counted in this process, commands with their interpreter. Medians of the rounds.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path
from types import SimpleNamespace

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.findings import complete, finding

from bench import store as stores
from upkeep.run import events

PROJECT: t.Final = Path(__file__).resolve().parent.parent
#: Tasks that the recorder is given, and findings of each.
TASKS, FINDINGS = 250, 19
ROUNDS: t.Final = 5
KEPT: t.Final = 1_000
#: Bars: milliseconds for an event, seconds for a command.
EVENT_BAR, RUNS_BAR, DOCTOR_BAR = 1.0, 1.0, 3.0


def recorder(log: Path) -> t.Any:
    """Return the callback plugin as Ansible has it within a run, with this log."""
    path = PROJECT / "playbooks" / "callback_plugins" / "upkeep_events.py"
    spec = importlib.util.spec_from_file_location("upkeep_events", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    callback = module.CallbackModule()
    callback._log, callback._finished = log, True

    return callback


def task_result() -> t.Any:
    """Return what Ansible hands to a callback for a task that changed a file and has findings."""
    part = finding("http:service", "ok", "The service answered in 12 ms.", observed=12.0)
    full = complete(part, system="shop", host="shop-1", area="health_check")
    lines = [f"line {number}\n" for number in range(40)]
    diff = {"before": "".join(lines), "after": "".join([*lines[:20], "another\n", *lines[21:]])}
    group = SimpleNamespace(name="shop", parent_groups=[SimpleNamespace(name="systems")])
    task = SimpleNamespace(
        action="health_probe", delegate_to=None, _role=None, _uuid="1", get_name=lambda: "Probe"
    )

    return SimpleNamespace(
        host=SimpleNamespace(name="shop-1", groups=[group]),
        task=task,
        result={"changed": True, "diff": diff, "upkeep_recorded": [full] * FINDINGS},
    )


def milliseconds_of_an_event(folder: Path) -> float:
    """Return the mean time that the recorder takes for an event: of a task, or of a finding."""
    callback, result = recorder(folder / events.LOG_NAME), task_result()
    began = time.perf_counter()
    for _ in range(TASKS):
        callback.v2_runner_on_start(result.host, result.task)
        callback.v2_runner_on_ok(result)

    took = time.perf_counter() - began
    written = len(events.read(folder / events.LOG_NAME))

    return took / written * 1000


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
