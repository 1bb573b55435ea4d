# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The few things that Upkeep asks of systemd, by systemctl."""

from __future__ import annotations

import os
import re
import subprocess
import typing as t
from collections.abc import Sequence

from .deadline import Deadline

#: Values of ActiveState of a unit that does its work.
ACTIVE_STATES: t.Final = ("active", "reloading", "refreshing")
_PATTERN: t.Final = re.compile(r"[*?\[\]]")


class SystemdError(Exception):
    """systemd did not do or show what it was asked; the message is a clause without a full stop."""


def is_unit_name(name: str) -> bool:
    """Return whether the text can be the name of one unit: not empty, and not a pattern.

    systemctl takes patterns, which would stand for any number of units.
    """
    return bool(name.strip()) and not _PATTERN.search(name) and name.isprintable()


def show(
    units: Sequence[str], properties: Sequence[str], deadline: Deadline
) -> dict[str, dict[str, str]]:
    """Return the properties of units by name, from one call; a unit need not exist.

    Raises SystemdError, TimeoutError.
    """
    if not units:
        return {}
    words = ["show", f"--property={','.join(properties)}", "--", *_names(units)]
    done = _systemctl(words, deadline)
    if done.returncode != 0:
        raise SystemdError(f"systemctl cannot show {', '.join(units)}: {_refusal(done)}")

    blocks = [_properties(block) for block in done.stdout.strip("\n").split("\n\n")]
    if len(blocks) != len(units):
        raise SystemdError(f"systemctl showed {len(blocks)} units, not {len(units)}")

    return dict(zip(units, blocks, strict=True))


def restart(unit: str, deadline: Deadline) -> None:
    """Start a unit anew, whatever limit on starts it has hit; raises SystemdError, TimeoutError."""
    if not is_unit_name(unit):
        raise SystemdError(f"{unit!r} is not the name of a unit")

    # A unit that systemd has given up on refuses to start before this; for others this fails,
    # which does not matter.
    _systemctl(["reset-failed", "--", unit], deadline)
    done = _systemctl(["restart", "--", unit], deadline)

    if done.returncode != 0:
        raise SystemdError(_refusal(done))


def start(unit: str, deadline: Deadline) -> None:
    """Start a unit, whatever limit on starts it has hit; raises SystemdError, TimeoutError."""
    _order(["start"], unit, deadline, forget_failures=True)


def stop(unit: str, deadline: Deadline) -> None:
    """Stop a unit; one that does not exist is fine. Raises SystemdError, TimeoutError."""
    state = show([unit], ["LoadState"], deadline)[unit]
    if state.get("LoadState") != "not-found":
        _order(["stop"], unit, deadline)


def enable(unit: str, deadline: Deadline) -> None:
    """Let a unit start with the host; raises SystemdError, TimeoutError."""
    _order(["enable", "--quiet"], unit, deadline)


def disable(unit: str, deadline: Deadline) -> None:
    """Let a unit no longer start with the host; raises SystemdError, TimeoutError."""
    _order(["disable", "--quiet"], unit, deadline)


def reload_files(deadline: Deadline) -> None:
    """Have systemd read all unit files again; raises SystemdError, TimeoutError."""
    done = _systemctl(["daemon-reload"], deadline)
    if done.returncode != 0:
        raise SystemdError(f"systemd cannot read its files: {_refusal(done)}")


def text_of(unit: str, deadline: Deadline) -> str:
    """Return the files of a unit and their places, as ``systemctl cat`` prints them.

    Raises SystemdError, TimeoutError.
    """
    if not is_unit_name(unit):
        raise SystemdError(f"{unit!r} is not the name of a unit")

    done = _systemctl(["cat", "--", unit], deadline)
    if done.returncode != 0:
        raise SystemdError(f"systemctl cannot show the files of {unit}: {_refusal(done)}")

    return done.stdout


def _order(
    words: Sequence[str], unit: str, deadline: Deadline, *, forget_failures: bool = False
) -> None:
    if not is_unit_name(unit):
        raise SystemdError(f"{unit!r} is not the name of a unit")

    if forget_failures:
        _systemctl(["reset-failed", "--", unit], deadline)
    done = _systemctl([*words, "--", unit], deadline)
    if done.returncode != 0:
        raise SystemdError(f"systemctl cannot {words[0]} {unit}: {_refusal(done)}")


def enable_now(units: Sequence[str], deadline: Deadline) -> None:
    """Start units now and with the host; raises SystemdError, TimeoutError."""
    _do(["enable", "--now", "--quiet", "--", *_names(units)], deadline)


def disable_now(units: Sequence[str], deadline: Deadline) -> None:
    """Stop units now and for ever; raises SystemdError, TimeoutError."""
    _do(["disable", "--now", "--quiet", "--", *_names(units)], deadline)


def clean_state(units: Sequence[str], deadline: Deadline) -> None:
    """Remove what stopped units have left below /var/lib; raises SystemdError, TimeoutError."""
    # One that failed counts as not yet stopped before this.
    _systemctl(["reset-failed", "--", *_names(units)], deadline)
    _do(["clean", "--what=state", "--", *units], deadline)


def _names(units: Sequence[str]) -> Sequence[str]:
    if wrong := [unit for unit in units if not is_unit_name(unit)]:
        raise SystemdError(f"{wrong[0]!r} is not the name of a unit")

    return units


def _do(words: Sequence[str], deadline: Deadline) -> None:
    done = _systemctl(words, deadline)
    if done.returncode != 0:
        raise SystemdError(_refusal(done))


def _systemctl(words: Sequence[str], deadline: Deadline) -> subprocess.CompletedProcess[str]:
    argv = ["systemctl", "--no-ask-password", "--no-pager", *words]
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_COLORS": "0"}
    try:
        return subprocess.run(  # noqa: S603 - an argv list; a unit name cannot become an option
            argv,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=deadline.remaining(),
            stdin=subprocess.DEVNULL,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"systemctl {words[0]} took longer than {deadline.seconds:g} s"
        raise TimeoutError(message) from error
    except FileNotFoundError as error:
        raise SystemdError("this host has no systemctl") from error
    except OSError as error:
        raise SystemdError(f"systemctl cannot be run: {error.strerror}") from error


def _refusal(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join(done.stderr.split()) or f"systemctl ended with {done.returncode}"


def _properties(block: str) -> dict[str, str]:
    lines = (line.partition("=") for line in block.splitlines())
    return {name: value for name, separator, value in lines if separator}
