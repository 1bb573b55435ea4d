# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``process``: how many processes does a unit, an executable or a PID file stand for?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...findings import Finding
from ..check import Check, CheckError, Deadline, Kind, ProbeError
from ..clients import procfs as processes


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield how many processes there are, and whether that is right."""
    options = check.options
    found = _found(options["unit"], options["executable"], options["pid_file"])
    least, most = options["at_least"], options["at_most"]
    fits = len(found) >= least and (most is None or len(found) <= most)
    what = options["unit"] or options["pid_file"] or options["executable"]
    message = f"{len(found)} processes of {what} run" + (f" (first {found[0]})" if found else "")
    yield check.finding(
        "ok" if fits else "critical",
        message if fits else f"{message}: see its unit and its log",
        observed=len(found),
        expected=f"at least {least}" if most is None else f"{least} to {most}",
        unit="processes",
    )


def _found(unit: str | None, executable: str | None, pid_file: str | None) -> list[int]:
    if unit:
        return processes.in_unit(unit)
    if pid_file:
        return _from_file(Path(pid_file), executable)

    seen = {pid: processes.executable(pid) for pid in processes.pids()}
    found = sorted(pid for pid, path in seen.items() if path == executable)
    if not found and "" in seen.values():
        raise ProbeError(
            "unknown", "not all processes may be looked at: run this as root, or name the unit"
        )

    return found


def _from_file(path: Path, executable: str | None) -> list[int]:
    """Return the process that a PID file names.

    A number that another program got meanwhile does not count.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return []

    if not text.isdecimal() or len(text) > 9:
        raise ProbeError("unknown", f"{path} holds no process id", observed=text[:40])

    pid = int(text)
    if processes.process(pid) is None:
        return []

    running = processes.executable(pid)
    if executable and running == "":
        raise ProbeError("unknown", f"what process {pid} runs may not be seen: run this as root")

    return [pid] if executable in (None, running) else []


def _validate(check: Check) -> None:
    options = check.options
    if options["unit"] and (options["executable"] or options["pid_file"]):
        raise CheckError("name either a unit, or an executable and/or pid_file")
    if not (options["unit"] or options["executable"] or options["pid_file"]):
        raise CheckError("name a unit, an executable or a pid_file")
    if options["at_least"] < 0 or (
        options["at_most"] is not None and options["at_most"] < options["at_least"]
    ):
        raise CheckError("at_least must not be negative, and at_most not below it")


KIND = Kind(
    options={
        "unit": {"type": "str"},
        "executable": {"type": "path"},
        "pid_file": {"type": "path"},
        "at_least": {"type": "int", "default": 1},
        "at_most": {"type": "int"},
    },
    probe=probe,
    validate=_validate,
)
