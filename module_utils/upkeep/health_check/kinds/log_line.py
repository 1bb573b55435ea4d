# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``log_line``: the newest line of a kind in a log, found from its end."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator
from pathlib import Path

from ...findings import Finding
from .. import conditions
from ..check import Check, CheckError, Deadline, Kind, ProbeError

_BLOCK: t.Final = 1 << 16


def lines_backwards(stream: t.BinaryIO, most: int) -> Iterator[bytes]:
    """Yield the lines of a file from the last one on, at most about ``most`` bytes of them."""
    position = end = stream.seek(0, 2)
    rest = b""
    while position > 0 and end - position < most:
        size = min(_BLOCK, position)
        position -= size
        stream.seek(position)
        first, *others = (stream.read(size) + rest).split(b"\n")
        yield from reversed(others)
        rest = first

    if position == 0 and end:
        yield rest


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the newest line that fits the pattern: what its first group holds, or what the pattern found."""
    options = check.options
    path, pattern = Path(options["path"]), re.compile(options["pattern"])
    try:
        found = _newest(path, pattern, options["max_bytes"], deadline)
    except FileNotFoundError as error:
        raise ProbeError(
            "unknown", f"there is no log {path}: does the service write elsewhere?"
        ) from error

    if found is None:
        message = f"no line of {path} fits {options['pattern']} (looked at {options['max_bytes'] >> 20} MiB at most)"
        yield check.finding(
            options["missing"], message, observed="missing", expected=options["pattern"]
        )
        return

    text = found.group(1) if pattern.groups else found.group(0)
    wanted = options["equals"]
    fits = wanted is None or text == wanted
    message = f"the newest line of its kind in {path} says: {conditions.shown(text)}"
    yield check.finding(
        "ok" if fits else "critical",
        message if fits else f"{message}, expected {wanted}",
        observed=conditions.shown(text),
        expected=wanted,
    )


def _newest(
    path: Path, pattern: re.Pattern[str], most: int, deadline: Deadline
) -> re.Match[str] | None:
    with path.open("rb") as stream:
        for line in lines_backwards(stream, most):
            deadline.remaining()
            found = pattern.search(line.decode("utf-8", "replace"))
            if found:
                return found

    return None


def _validate(check: Check) -> None:
    conditions.validate_pattern(check.options["pattern"])
    if not 0 < check.options["max_bytes"] <= 1 << 30:
        raise CheckError("max_bytes must be between 1 byte and 1 GiB")


KIND = Kind(
    options={
        "path": {"type": "path", "required": True},
        "pattern": {"type": "str", "required": True},
        "equals": {"type": "str"},
        "missing": {
            "type": "str",
            "choices": ["info", "warning", "critical", "unknown"],
            "default": "warning",
        },
        "max_bytes": {"type": "int", "default": 64 << 20},
    },
    probe=probe,
    validate=_validate,
)
