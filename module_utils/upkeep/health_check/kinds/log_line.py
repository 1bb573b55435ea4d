# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``log_line``: the newest line of a log that fits a pattern, found from its end."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator
from pathlib import Path

from ...base.deadline import Deadline
from ...base.files import UnsafeFileError, open_regular, reason_of
from ...base.options import option
from ...findings import Finding
from .. import conditions
from ..check import Check, ProbeError
from ..kind import NEVER, OTHERWISE, Kind, Row

_BLOCK: t.Final = 1 << 16
#: A longer line is not a message of a service, bytes.
_LONGEST: t.Final = 1 << 20


def lines_backwards(stream: t.BinaryIO, most: int) -> Iterator[bytes]:
    """Yield the lines of a file from the last one on, at most about ``most`` bytes of them."""
    position = end = stream.seek(0, 2)
    rest: list[bytes] = []  # the pieces of a line that begins further to the left, the last first

    while position > 0 and end - position < most:
        size = min(_BLOCK, position)
        position -= size
        stream.seek(position)
        first, *others = stream.read(size).split(b"\n")
        if others:
            yield others.pop() + b"".join(reversed(rest))
            yield from reversed(others)
            rest = []

        rest.append(first)

    if position == 0 and end:
        yield b"".join(reversed(rest))


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the newest line that fits: what the first group of the pattern holds, or the match."""
    options = check.options
    path, pattern = Path(options["path"]), re.compile(options["pattern"])
    try:
        found = _newest(path, pattern, options["max_bytes"], deadline)
    except FileNotFoundError as error:
        message = f"there is no log {path}: does the service write elsewhere?"
        raise ProbeError("unknown", message) from error
    except UnsafeFileError as error:
        raise ProbeError("unknown", f"{path} is not read: it {reason_of(error)}") from error

    if found is None:
        searched = f"{options['max_bytes'] >> 20} MiB searched at most"
        yield check.finding(
            options["missing"],
            f"no line of {path} fits {options['pattern']} ({searched})",
            observed="missing",
            expected=options["pattern"],
        )
        return

    yield _verdict(check, path, found.group(1) if pattern.groups else found.group(0))


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    options = check.options
    must = "" if options["equals"] is None else f" is `{options['equals']}`"
    missing = options["missing"]
    yield Row(
        check.id,
        f"newest line of `{options['path']}` that fits `{options['pattern']}`{must}",
        "when there is none" if missing == "warning" else NEVER,
        OTHERWISE if must or missing == "critical" else NEVER,
    )


def _verdict(check: Check, path: Path, text: str | None) -> Finding:
    expected = check.options["equals"]
    fits = expected is None or text == expected
    observed = conditions.as_scalar(text)
    message = f"newest line in {path}: {observed}"

    return check.finding(
        "ok" if fits else "critical",
        message if fits else f"{message}, expected {expected}",
        observed=observed,
        expected=expected,
    )


def _newest(
    path: Path, pattern: re.Pattern[str], most: int, deadline: Deadline
) -> re.Match[str] | None:
    with open_regular(path, trusted_links=True) as stream:
        for line in lines_backwards(stream, most):
            deadline.remaining()
            if len(line) > _LONGEST:
                continue

            found = pattern.search(line.decode("utf-8", "replace").rstrip("\r"))
            if found:
                return found

    return None


def _validate(check: Check) -> None:
    conditions.validate_pattern(check.options["pattern"])


KIND = Kind(
    description="the newest line of a log that fits a pattern",
    gives="`log_line:NAME`",
    options={
        "path": option("path", "The log.", required=True),
        "pattern": option(
            "str",
            "Regular expression that the line fits; its first group is what is shown.",
            required=True,
        ),
        "equals": option("str", "What the newest line must be, else C(critical)."),
        "missing": option(
            "str",
            "What it means that no line fits.",
            choices=["info", "warning", "critical", "unknown"],
            default="warning",
        ),
        "max_bytes": option(
            "int",
            "How much of the end of the log is searched.",
            default=64 << 20,
            minimum=1,
            maximum=1 << 30,
        ),
    },
    probe=probe,
    describe=describe,
    validate=_validate,
)
