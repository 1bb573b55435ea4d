# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host must offer: rights, interpreter, drivers, disk, paths, units.

Each check returns findings, none raises.
"""

from __future__ import annotations

import grp
import importlib.util
import os
import platform
import pwd
import stat
import sys
import typing as t
from collections.abc import Sequence
from pathlib import Path

from ..base.deadline import Deadline
from ..base.systemd import SystemdError, show
from ..findings import Finding, Subject
from .settings import DiskMinimum, PythonModule, RequiredPath

OLDEST_PYTHON: t.Final = (3, 11)
_TYPES: t.Final = {"directory": stat.S_ISDIR, "file": stat.S_ISREG, "socket": stat.S_ISSOCK}


def rights() -> Finding:
    """Return whether we are root, which is what ``become`` should have given us."""
    uid = os.geteuid()
    status, message = "ok", "Maintenance runs with the rights of root."
    if uid != 0:
        status = "critical"
        message = (
            "Maintenance needs root: set 'become: true' in the play and give the login user a sudo "
            "rule without a password."
        )

    return Subject("host:rights").finding(status, message, observed=uid, expected=0, unit="uid")


def python() -> Finding:
    """Return whether the interpreter that Ansible uses on this host is new enough."""
    status, message = "ok", f"Ansible uses {sys.executable}."
    if sys.version_info[:2] < OLDEST_PYTHON:
        status = "critical"
        message = (
            f"{sys.executable} is too old: upgrade the host, or set ansible_python_interpreter to "
            "a newer one."
        )

    return Subject("host:python").finding(
        status,
        message,
        observed=platform.python_version(),
        expected="at least " + ".".join(map(str, OLDEST_PYTHON)),
    )


def python_module(required: PythonModule) -> Finding:
    """Return whether a driver can be imported, without importing it."""
    name = required.module
    try:
        is_there = importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a parent package is missing or broken
        is_there = False

    status, observed, message = "ok", "importable", f"{name} is importable."
    if not is_there:
        status, observed = "unknown", "missing"
        message = (
            f"{sys.executable} cannot import {name}, so its service cannot be observed: "
            f"apt install {required.package}"
        )

    return Subject(f"python_module:{name}").finding(
        status, message, observed=observed, expected="importable"
    )


def disk(minimum: DiskMinimum) -> Finding:
    """Return the free share of a file system as df shows it to ordinary users."""
    path, subject = minimum.path, Subject(f"disk:{minimum.path}")
    try:
        status = os.statvfs(path)
    except OSError as error:
        message = f"The free space of {path} cannot be read: {error.strerror}."
        return subject.finding("unknown", message, expected=minimum.limits.text)

    usable = status.f_blocks - status.f_bfree + status.f_bavail
    if usable <= 0:
        message = f"{path} has no file system with blocks, so there is no free space to judge."
        return subject.finding("unknown", message, expected=minimum.limits.text)

    free = round(100 * status.f_bavail / usable, 1)

    return subject.measured(
        free,
        minimum.limits,
        f"{free:g} % of {path} is free",
        "free some space before maintenance needs it",
        unit="%",
    )


def required_path(required: RequiredPath) -> Finding:
    """Return whether a path exists, is what it should be, and belongs to whom it should."""
    path, subject = required.path, Subject(f"path:{required.path}")
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        message = f"{path} does not exist: deploy the system first, or correct the profile."
        return subject.finding("critical", message, observed="missing")
    except OSError as error:
        return subject.finding("unknown", f"{path} cannot be checked: {error.strerror}.")

    asked = {
        "type": required.type,
        "owner": required.owner,
        "group": required.group,
        "mode": required.mode,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    actual = {
        "type": next((name for name, test in _TYPES.items() if test(status.st_mode)), "other"),
        "owner": _user_name(status.st_uid),
        "group": _group_name(status.st_gid),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
    }
    wrong = [name for name, value in given.items() if value != actual[name]]
    message = f"{path} is as it should be."
    if wrong:
        message = (
            f"{path} has another {' and '.join(wrong)} than the profile asks for: correct the host "
            "or the profile."
        )

    return subject.finding(
        "warning" if wrong else "ok",
        message,
        observed=" ".join(actual[name] for name in given) or actual["type"],
        expected=" ".join(given.values()) or None,
    )


def units(names: Sequence[str], deadline: Deadline) -> list[Finding]:
    """Return whether systemd knows each unit; whether it runs is for the health checks."""
    try:
        states = {
            name: shown.get("LoadState", "")
            for name, shown in show(names, ["LoadState"], deadline).items()
        }
        problem = ""
    except (SystemdError, TimeoutError) as error:
        states, problem = {}, str(error)

    return [_unit(name, states.get(name, ""), problem) for name in names]


def _unit(name: str, state: str, problem: str) -> Finding:
    status, message = "ok", f"systemd knows {name}."
    if not state:
        status = "unknown"
        message = f"The state of {name} cannot be read: {problem or 'systemd does not show it'}."
    elif state != "loaded":
        status = "warning" if state == "masked" else "critical"
        message = f"systemd calls {name} {state}: install or unmask it, or correct the profile."

    return Subject(f"unit:{name}").finding(
        status, message, observed=state or None, expected="loaded"
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
