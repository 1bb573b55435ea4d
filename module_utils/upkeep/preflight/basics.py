# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host must offer: rights, interpreter, drivers, disk, paths, units.

Each check yields findings, none raises.
"""

from __future__ import annotations

import grp
import importlib.util
import os
import platform
import pwd
import stat
import subprocess
import sys
import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding, finding, judge

OLDEST_PYTHON: t.Final = (3, 11)
_TYPES: t.Final = {"directory": stat.S_ISDIR, "file": stat.S_ISREG, "socket": stat.S_ISSOCK}


def rights() -> Finding:
    """Judge whether we run as root, which is what ``become`` should have given us."""
    uid = os.geteuid()
    if uid == 0:
        return finding(
            "host:rights",
            "ok",
            "Maintenance runs with the rights of root.",
            observed=uid,
            expected=0,
            unit="uid",
        )

    message = "Maintenance needs root: set 'become: true' in the play and give the login user a sudo rule without a password."

    return finding("host:rights", "critical", message, observed=uid, expected=0, unit="uid")


def python() -> Finding:
    """Judge the interpreter that Ansible uses on this host."""
    expected = "at least " + ".".join(map(str, OLDEST_PYTHON))
    fits = sys.version_info[:2] >= OLDEST_PYTHON
    message = f"Ansible uses {sys.executable}."
    if not fits:
        message = f"{sys.executable} is too old: upgrade the host, or point ansible_python_interpreter at a newer one."

    status = "ok" if fits else "critical"

    return finding(
        "host:python", status, message, observed=platform.python_version(), expected=expected
    )


def python_module(name: str, package: str) -> Finding:
    """Judge whether a driver can be imported, without importing it."""
    check = f"python_module:{name}"
    try:
        there = importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a parent package is missing or broken
        there = False

    if there:
        return finding(
            check, "ok", f"{name} is importable.", observed="importable", expected="importable"
        )

    message = f"{sys.executable} cannot import {name}, so its service is not observed: apt install {package}"

    return finding(check, "unknown", message, observed="missing", expected="importable")


def disk(path: str, min_free_percent: float) -> Finding:
    """Judge the free share of a file system as df shows it to ordinary users.

    Half the minimum is critical.
    """
    check = f"disk:{path}"
    try:
        status = os.statvfs(path)
    except OSError as error:
        return finding(
            check,
            "unknown",
            f"{path} cannot be looked at: {error.strerror}.",
            expected=f"at least {min_free_percent:g}",
        )

    usable = status.f_blocks - status.f_bfree + status.f_bavail
    free = 100 * status.f_bavail / usable if usable else 0.0
    level = judge(free, warning=min_free_percent, critical=min_free_percent / 2, worse="below")
    message = (
        f"There is room on {path}."
        if level == "ok"
        else f"{path} runs full: free some space before maintenance needs it."
    )

    return finding(
        check,
        level,
        message,
        observed=round(free, 1),
        expected=f"at least {min_free_percent:g}",
        unit="%",
    )


def required_path(
    path: str, kind: str | None, owner: str | None, group: str | None, mode: str | None
) -> Finding:
    """Judge that a path is there, is what it should be, and belongs to whom it should.

    None means: does not matter.
    """
    check = f"path:{path}"
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return finding(
            check,
            "critical",
            f"{path} is missing: deploy the system first, or correct the profile.",
            observed="missing",
        )
    except OSError as error:
        return finding(check, "unknown", f"{path} cannot be looked at: {error.strerror}.")

    wanted = {"type": kind, "owner": owner, "group": group, "mode": mode}
    seen = {
        "type": next((name for name, test in _TYPES.items() if test(status.st_mode)), "other"),
        "owner": _user_name(status.st_uid),
        "group": _group_name(status.st_gid),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
    }
    wrong = [name for name, value in wanted.items() if value is not None and value != seen[name]]
    observed = (
        " ".join(seen[name] for name, value in wanted.items() if value is not None) or seen["type"]
    )
    expected = " ".join(value for value in wanted.values() if value is not None) or None
    if not wrong:
        return finding(
            check, "ok", f"{path} is as it should be.", observed=observed, expected=expected
        )

    message = f"{path} has another {' and '.join(wrong)} than the profile says: correct the host or the profile."

    return finding(check, "warning", message, observed=observed, expected=expected)


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


def units(names: list[str], systemctl: str | None) -> list[Finding]:
    """Judge that systemd knows each unit; whether it runs is a matter of the health checks."""
    states = _load_states(names, systemctl) if names and systemctl else {}
    return [_unit(name, states.get(name, "")) for name in names]


def _load_states(names: list[str], systemctl: str) -> dict[str, str]:
    """Return the load state by unit name, from one call for all.

    Empty when systemd does not answer.
    """
    argv = [systemctl, "show", "--property=LoadState", "--value", "--", *names]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - argv, no shell
    except (OSError, subprocess.TimeoutExpired):
        return {}

    states = [line for line in done.stdout.splitlines() if line]

    return dict(zip(names, states, strict=True)) if len(states) == len(names) else {}


def _unit(name: str, state: str) -> Finding:
    check = f"unit:{name}"
    if state == "loaded":
        return finding(check, "ok", f"systemd knows {name}.", observed=state, expected="loaded")

    if not state:
        return finding(
            check,
            "unknown",
            f"systemd does not answer for {name}: try 'systemctl show {name}'.",
            expected="loaded",
        )

    message = f"systemd calls {name} {state}: install or unmask it, or correct the profile."

    return finding(
        check,
        "warning" if state == "masked" else "critical",
        message,
        observed=state,
        expected="loaded",
    )
