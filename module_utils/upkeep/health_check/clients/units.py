# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The properties of a systemd unit, and its name in an entry of a profile."""

from __future__ import annotations

from collections.abc import Sequence

from ...base import systemd
from ...base.deadline import Deadline
from ...base.options import Option, option
from ..check import CheckError, ProbeError


def unit_option(description: str, *, required: bool = False) -> Option:
    """Return an option that takes the name of a systemd unit."""
    return option("str", description, required=required)


def unit_properties(unit: str, names: Sequence[str], deadline: Deadline) -> dict[str, str]:
    """Return some properties of a unit; raises ProbeError, TimeoutError."""
    try:
        return systemd.show([unit], names, deadline)[unit]
    except systemd.SystemdError as error:
        raise ProbeError("unknown", str(error)) from error


def full_name(unit: str, deadline: Deadline) -> str:
    """Return the name that systemd has for a unit: with its suffix, and not an alias.

    The name itself where systemd does not answer.
    """
    try:
        return unit_properties(unit, ("Id",), deadline).get("Id") or unit
    except (ProbeError, TimeoutError):
        return unit


def is_socket_activated(unit: str, deadline: Deadline) -> bool:
    """Return whether systemd listens for a unit and starts it at the first connection."""
    try:
        triggers = unit_properties(unit, ("TriggeredBy",), deadline).get("TriggeredBy", "")
    except (ProbeError, TimeoutError):
        return False

    return any(name.endswith(".socket") for name in triggers.split())


def validate_unit(name: str | None) -> None:
    """Raise CheckError for text that cannot be the name of one unit, as a pattern cannot."""
    if name is not None and not systemd.is_unit_name(name):
        raise CheckError(f"unit {name!r} is not the name of one systemd unit")
