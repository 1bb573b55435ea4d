# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run over the data of a host: each place in a process with the rights of its owner."""

from __future__ import annotations

import os
import time
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..base import isolated, reader
from ..base.files import reason_of
from ..base.isolated import IsolatedError
from ..base.login import Login
from ..base.ownership import owned_path
from ..base.text import limit_text, visible
from ..findings import Finding, finding
from .check import DataCheck
from .findings import not_checked
from .settings import Settings, parse
from .sources import SourceError, open_postgresql, open_sqlite

#: Findings of one run, and characters of a message and of an observed text.
MOST_FINDINGS: t.Final = 2000
LONGEST_MESSAGE: t.Final = 1000
LONGEST_TEXT: t.Final = 200

NOTHING: t.Final = "No data are named for this host, so there is nothing to check."


def run(values: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the module's answer to its arguments; raises DataError."""
    settings = parse(values)
    end = time.monotonic() + settings.max_seconds
    findings: list[Finding] = []

    for source, place in dict.fromkeys((check.source, check.place) for check in settings.checks):
        here = [
            check for check in settings.checks if (check.source, check.place) == (source, place)
        ]
        findings += _check_place(here, settings, end)

    if not settings.checks:
        findings = [finding("data:none", "info", NOTHING)]

    return {"changed": False, "findings": [*_bounded(findings)]}


def _bounded(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield findings as text that can be sent and printed, and not more than anybody reads."""
    for one in findings[:MOST_FINDINGS]:
        bounded = {**one, "message": limit_text(visible(one["message"]), LONGEST_MESSAGE)}
        if isinstance(one["observed"], str):
            bounded["observed"] = limit_text(visible(one["observed"]), LONGEST_TEXT)
        yield bounded

    rest = len(findings) - MOST_FINDINGS
    if rest > 0:
        message = f"{rest} more findings were left out: split the checks or name fewer keys."
        yield finding("data:more", "unknown", message)


def _check_place(checks: Sequence[DataCheck], settings: Settings, end: float) -> list[Finding]:
    """Return the findings of all checks of one database, file or folder."""
    source, place = checks[0].source, checks[0].place
    if not source:
        message = "The profile names no database and query for this figure yet."
        return [check.finding("unknown", message) for check in checks]

    seconds = min(sum(check.timeout for check in checks), end - time.monotonic())
    if seconds <= 0:
        return [not_checked(check, "the time for all checks was used up") for check in checks]

    try:
        path, run_as = _place(source, place, settings)
    except OSError as error:
        reason = f"{place!r} {reason_of(error)}"
        return [not_checked(check, reason) for check in checks]

    answers, problem = isolated.run(
        lambda: _read(checks, path, settings.login), seconds, run_as, limits=isolated.PARSING
    )
    done = {answer["check"] for answer in answers}
    findings: list[Finding] = [item for answer in answers for item in answer["findings"]]
    reason = problem or "its process ended early"
    if advice := reader.advice(reason):
        reason = f"{advice} ({reason})"

    return findings + [not_checked(check, reason) for check in checks if check.id not in done]


def _place(source: str, place: str, settings: Settings) -> tuple[str, isolated.RunAs]:
    """Return where the data are, links resolved, and the user to read them as.

    Only root can choose a user. Raises OSError.
    """
    if source == "database":
        local = settings.login.local and os.geteuid() == 0
        return place, (settings.run_as or None) if local else None
    if os.geteuid() != 0:
        return place, None

    found = owned_path(place)

    return found.path, found.owner


def _read(checks: Sequence[DataCheck], place: str, login: Login) -> Iterator[dict[str, t.Any]]:
    """Yield the findings of each check as soon as they are known; raises IsolatedError."""
    source = checks[0].source
    if source == "folder":
        yield from _each(checks, Path(place))
        return

    try:
        opened = (
            open_sqlite(Path(place), checks[0].timeout)
            if source == "sqlite"
            else open_postgresql(login, place)
        )
        with opened as reader:
            yield from _each(checks, reader)
    except SourceError as error:
        raise IsolatedError(f"{source} {place}: {error}") from error


def _each(checks: Sequence[DataCheck], reader: t.Any) -> Iterator[dict[str, t.Any]]:
    for check in checks:
        try:
            findings = list(check.kind.probe(check, reader))
        except (SourceError, IsolatedError) as error:
            findings = [not_checked(check, str(error))]
        except Exception as error:
            # Nothing that data can hold may end the checks after this one.
            findings = [not_checked(check, f"{type(error).__name__}: {error}")]

        yield {"check": check.id, "findings": findings}
