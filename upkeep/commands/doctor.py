# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``upkeep doctor``: is this control host fit for its work, and what to do where it is not."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import typing as t
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from upkeep.commands import run
from upkeep.commands.common import Verbs, print_json, store_target
from upkeep.profile.vars_files import SEALED, variable_files
from upkeep.run.clean import line
from upkeep.schedule.load import load
from upkeep.schedule.missed import Missed, missed, newest_runs
from upkeep.schedule.settings import ScheduleError
from upkeep.store import StoreError, open_store

#: The range of requirements.txt.
OLDEST_PYTHON: t.Final = (3, 11)
CORES: t.Final = ((2, 19), (2, 22))
#: Free share of the store's file system, in percent.
FREE_WARNING, FREE_CRITICAL = 10, 3
#: Seconds for one answer of the system, and of a host.
PATIENCE: t.Final = 5
HOST_PATIENCE: t.Final = 2
AT_ONCE: t.Final = 50

_WORST: t.Final = ("critical", "unknown", "warning", "ok")


class Diagnosis(t.NamedTuple):
    """One answer of the doctor; ``advice`` is what to do, '' where nothing is to be done."""

    code: str
    severity: str
    message: str
    advice: str = ""


def add(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "doctor", parents=[shared], help="check this control host; 1 when something is critical"
    )
    parser.add_argument("-i", "--inventory", help="default: ANSIBLE_INVENTORY, then ansible.cfg")
    parser.add_argument(
        "--fleet", action="store_true", help="also connect to the ssh port of each host"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(perform=perform)


def perform(options: argparse.Namespace) -> int:
    """Print what was found, worst first; 1 when something is critical."""
    inventory = run.inventory(options.inventory)
    target = store_target(options.store)
    now = datetime.now(UTC)
    asked: list[Callable[[], Iterator[Diagnosis]]] = [
        python,
        core,
        keys,
        lambda: vault(inventory, os.environ),
        clock,
        lambda: store_disk(target),
        lambda: schedules(target, now),
    ]
    asked += [lambda: fleet(inventory)] if options.fleet else []
    found = sorted(
        (diagnosis for ask in asked for diagnosis in ask()),
        key=lambda diagnosis: _WORST.index(diagnosis.severity),
    )

    if options.json:
        print_json([diagnosis._asdict() for diagnosis in found])
    else:
        for diagnosis in found:
            print("\n".join(text_lines(diagnosis)))

    return int(any(diagnosis.severity == "critical" for diagnosis in found))


def text_lines(diagnosis: Diagnosis) -> Iterator[str]:
    """Yield a diagnosis for people: one line, and what to do on the next."""
    yield f"{diagnosis.severity:<8}  {diagnosis.code:<14}  {line(diagnosis.message)}"
    if diagnosis.advice:
        yield f"{'':<26}{diagnosis.advice}"


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Diagnosis]:
    """Yield whether this interpreter is new enough."""
    shown = ".".join(map(str, version))
    if version >= OLDEST_PYTHON:
        yield Diagnosis("python", "ok", f"Python {shown}")
    else:
        advice = "run `make setup` with Python 3.11 or newer"
        yield Diagnosis("python", "critical", f"Python {shown} is too old", advice)


def core(version: str | None = None) -> Iterator[Diagnosis]:
    """Yield whether the installed ansible-core is one that is tested."""
    version = version or metadata.version("ansible-core")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if CORES[0] <= numbers < CORES[1]:
        yield Diagnosis("ansible-core", "ok", f"ansible-core {version}")
    else:
        advice = "pip install -r requirements.txt"
        yield Diagnosis("ansible-core", "critical", f"ansible-core {version} is untested", advice)


def keys(home: Path | None = None, system: Path = Path("/etc/ssh")) -> Iterator[Diagnosis]:
    """Yield whether ssh, a key and known hosts are there; an inventory may name others."""
    folder = (home or Path.home()) / ".ssh"
    if shutil.which("ssh") is None:
        yield Diagnosis("ssh", "critical", "ssh is not installed", "apt install openssh-client")

    has_key = any(folder.glob("id_*.pub")) or bool(os.environ.get("SSH_AUTH_SOCK"))
    yield (
        Diagnosis("ssh-key", "ok", "this user has an ssh key or an agent")
        if has_key
        else Diagnosis(
            "ssh-key",
            "warning",
            f"no key in '{folder}' and no agent",
            "fine where the inventory names ansible_ssh_private_key_file; else `ssh-keygen`",
        )
    )

    known = [path for path in (folder / "known_hosts", system / "ssh_known_hosts") if _filled(path)]
    yield (
        Diagnosis("known-hosts", "ok", f"known hosts in '{known[0]}'")
        if known
        else Diagnosis(
            "known-hosts",
            "warning",
            "no file of known hosts: every host would be refused",
            "fine where the inventory sets upkeep_known_hosts; else `ssh-keyscan`, and compare",
        )
    )


def vault(inventory: str, environment: t.Mapping[str, str]) -> Iterator[Diagnosis]:
    """Yield whether encrypted variables can be opened without a person."""
    sealed = [path for path in variable_files([inventory]) if _begins_with(path, SEALED)]
    named = environment.get("ANSIBLE_VAULT_PASSWORD_FILE", "")
    if not named:
        if sealed:
            message = f"{len(sealed)} encrypted files, and nothing opens them: '{sealed[0]}'"
            advice = "set ANSIBLE_VAULT_PASSWORD_FILE, or a scheduled run fails"
            yield Diagnosis("vault", "warning", message, advice)
        else:
            yield Diagnosis("vault", "ok", "no file of variables is encrypted as a whole")
        return

    path = Path(named).expanduser()
    if not os.access(path, os.R_OK):
        yield Diagnosis(
            "vault", "critical", f"'{path}' is not readable", "correct ANSIBLE_VAULT_PASSWORD_FILE"
        )
    elif path.stat().st_mode & 0o007:
        advice = f"chmod 0600 '{path}'"
        yield Diagnosis("vault", "critical", f"any user can use the password '{path}'", advice)
    else:
        yield Diagnosis("vault", "ok", f"the password is in '{path}'")


def clock(command: t.Sequence[str] = ("timedatectl", "show")) -> Iterator[Diagnosis]:
    """Yield whether the clock of this host is kept right."""
    try:
        output = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=PATIENCE, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        advice = "look at it by hand: a wrong clock starts runs at wrong times"
        yield Diagnosis("clock", "unknown", "timedatectl does not answer", advice)
        return

    facts = dict(row.split("=", 1) for row in output.splitlines() if "=" in row)
    zone = facts.get("Timezone", "unknown")
    if facts.get("NTPSynchronized") == "yes":
        yield Diagnosis("clock", "ok", f"synchronised; the zone of this host is {zone}")
    else:
        advice = "apt install systemd-timesyncd, or chrony"
        yield Diagnosis("clock", "warning", f"not synchronised; zone {zone}", advice)


def store_disk(
    target: str, usage: Callable[[Path], t.Any] = shutil.disk_usage
) -> Iterator[Diagnosis]:
    """Yield whether runs can be kept."""
    if "://" in target:
        try:
            open_store(target, create=False).runs(1)
            yield Diagnosis("store", "ok", "the database of the store answers")
        except StoreError as error:
            advice = "correct UPKEEP_STORE; the first run makes a missing table"
            yield Diagnosis("store", "critical", f"{error}", advice)
        return

    folder = Path(target).expanduser().absolute()
    place = next(part for part in (folder, *folder.parents) if part.exists())
    if not os.access(place, os.W_OK):
        advice = "name another one by UPKEEP_STORE, or change its owner"
        yield Diagnosis("store", "critical", f"'{place}' is not writable", advice)
        return

    disk = usage(place)
    free = 100 * disk.free / disk.total
    severity = "critical" if free < FREE_CRITICAL else "warning" if free < FREE_WARNING else "ok"
    advice = "" if severity == "ok" else "`python -m upkeep prune --keep-days 90` removes old runs"
    yield Diagnosis("store", severity, f"{free:.0f} % free at '{place}'", advice)


def schedules(target: str, now: datetime) -> Iterator[Diagnosis]:
    """Yield whether schedules fit, and each start that did not happen."""
    try:
        schedule = load(now)
    except ScheduleError as error:
        for problem in str(error).splitlines():
            yield Diagnosis("schedule", "critical", problem, "correct the profile or schedule.yml")
        return

    yield Diagnosis("schedule", "ok", f"{len(schedule.systems)} systems have a schedule")
    try:
        known = newest_runs(open_store(target, create=False), schedule, schedule.systems, now)
    except StoreError:
        return  # reported with the store itself

    overdue = missed(schedule, known, now)
    yield from _overdue(overdue, now)
    if not overdue:
        yield Diagnosis("last-start", "ok", "every cadence started when it was due")


def _overdue(overdue: t.Iterable[Missed], now: datetime) -> Iterator[Diagnosis]:
    """Yield each missed start; what never ran is one line for each system."""
    never: dict[str, list[str]] = {}
    for found in overdue:
        if found.last is None:
            never.setdefault(found.system, []).append(found.cadence)
            continue

        command = f"python -m upkeep run {found.cadence} --limit {found.system}"
        advice = f"`{command}`, and see why it was not started, or was cut off"
        yield Diagnosis("last-start", "warning", found.sentence(now), advice)

    for system, cadences in never.items():
        message = f"{system}: no run is kept of {', '.join(cadences)}"
        yield Diagnosis("last-start", "warning", message, "fine on a new control host")


def fleet(inventory: str) -> Iterator[Diagnosis]:
    """Yield each host whose ssh port does not answer; all are asked at the same time."""
    places = _ssh_places(inventory)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(_connects, places.values()))

    for name, place, problem in zip(places, places.values(), answers, strict=True):
        if problem:
            message = f"{name} does not answer at {place[0]}:{place[1]}: {problem}"
            yield Diagnosis("host", "critical", message, "is it up, and is the port open?")

    silent = sum(map(bool, answers))
    if not silent:
        yield Diagnosis("host", "ok", f"all {len(places)} hosts answer")


def _ssh_places(inventory: str) -> dict[str, tuple[str, int]]:
    """Return address and port of each host of the systems; raises RunError."""
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", inventory, "--list"]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise run.RunError(f"the inventory '{inventory}' cannot be read: {line(done.stderr)}")

    return places_of(done.stdout)


def places_of(listing: str) -> dict[str, tuple[str, int]]:
    """Return address and port of each host of a listing by ansible-inventory."""
    variables = json.loads(listing)["_meta"]["hostvars"]

    return {
        name: (str(facts.get("ansible_host", name)), int(facts.get("ansible_port", 22)))
        for name, facts in sorted(variables.items())
    }


def _connects(place: tuple[str, int]) -> str:
    """Return why a connection fails, '' when it does not."""
    try:
        with socket.create_connection(place, HOST_PATIENCE):
            return ""
    except OSError as error:
        return error.strerror or f"{error}" or "no answer"


def _filled(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _begins_with(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError:
        return False
