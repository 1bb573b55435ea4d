# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``process``: how many processes does a unit, an executable or a PID file stand for?"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

from ...base.deadline import Deadline
from ...base.files import read_bytes, reason_of
from ...base.options import option
from ...findings import Finding
from ..check import Check, CheckError, ProbeError
from ..clients import procfs
from ..clients.units import full_name, unit_option, validate_unit
from ..kind import NEVER, OTHERWISE, Kind, Row

#: A process id is shorter, and so is the first line of a PID file, bytes.
_PID_FILE: t.Final = 64


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield how many processes there are, and whether that is right."""
    options = check.options
    found = _found(options["unit"], options["executable"], options["pid_file"], deadline)
    least, most = options["at_least"], options["at_most"]
    fits = len(found) >= least and (most is None or len(found) <= most)
    first = f" (first {found[0]})" if found else ""
    message = f"{len(found)} processes of {_what(check)} run{first}"

    yield check.finding(
        "ok" if fits else "critical",
        message if fits else f"{message}: see its unit and its log",
        observed=len(found),
        expected=f"at least {least}" if most is None else f"{least} to {most}",
        unit="processes",
    )


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    least, most = check.options["at_least"], check.options["at_most"]
    limit = "" if most is None else f", at most {most}"
    asks = f"processes of `{_what(check)}`: at least {least}{limit}"
    yield Row(check.id, asks, NEVER, OTHERWISE)


def _what(check: Check) -> str:
    options = check.options

    return str(options["unit"] or options["pid_file"] or options["executable"])


def _found(
    unit: str | None, executable: str | None, pid_file: str | None, deadline: Deadline
) -> list[int]:
    if unit:
        return procfs.in_unit(unit) or procfs.in_unit(full_name(unit, deadline))
    if pid_file:
        return _from_file(Path(pid_file), executable)

    seen = {pid: procfs.executable(pid) for pid in procfs.pids()}
    found = sorted(pid for pid, path in seen.items() if path == executable)
    if not found and "" in seen.values():
        message = "not all processes are visible: run this as root, or name the unit"
        raise ProbeError("unknown", message)

    return found


def _from_file(path: Path, executable: str | None) -> list[int]:
    """Return the process that a PID file names.

    A number that another program has got meanwhile does not count.
    """
    try:
        first = read_bytes(path, _PID_FILE, trusted_links=True, cut=True).split(b"\n")[0].strip()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ProbeError("unknown", f"{path} cannot be read: {reason_of(error)}") from error

    # Whatever else stands there is not shown: it may be any file that somebody linked to.
    if not first.isdigit() or len(first) > 9:
        raise ProbeError("unknown", f"{path} holds no process id")

    pid = int(first)
    if procfs.process(pid) is None:
        return []

    running = procfs.executable(pid)
    if executable and running == "":
        raise ProbeError("unknown", f"what process {pid} runs is not visible: run this as root")

    return [pid] if executable in (None, running) else []


def _validate(check: Check) -> None:
    options = check.options
    least, most = options["at_least"], options["at_most"]
    if options["unit"] and (options["executable"] or options["pid_file"]):
        raise CheckError("name either a unit, or an executable and/or pid_file")
    if not (options["unit"] or options["executable"] or options["pid_file"]):
        raise CheckError("name a unit, an executable or a pid_file")
    if most is not None and most < least:
        raise CheckError("at_most must not be below at_least")

    validate_unit(options["unit"])


KIND = Kind(
    description="how many processes a unit, a program or a PID file has",
    gives="`process:NAME`",
    options={
        "unit": unit_option("The systemd unit."),
        "executable": option("path", "The file that the process runs."),
        "pid_file": option(
            "path", "File with the process id; O(checks[].executable) is what it must run."
        ),
        "at_least": option("int", "Fewer processes are C(critical).", default=1, minimum=0),
        "at_most": option("int", "More processes are C(critical).", minimum=0),
    },
    probe=probe,
    describe=describe,
    holds_change=True,
    validate=_validate,
)
