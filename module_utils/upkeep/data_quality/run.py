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
from ..base.isolated import ApartError, Owner
from ..base.login import Login
from ..findings import Finding, finding
from .check import Check
from .findings import not_checked
from .settings import Settings, parse
from .sources import SourceError, open_postgresql, open_sqlite

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

    return {"changed": False, "findings": findings}


def _check_place(checks: Sequence[Check], settings: Settings, end: float) -> list[Finding]:
    """Return the findings of all checks of one database, file or folder."""
    source, place = checks[0].source, checks[0].place
    if not source:
        message = "The profile names no database and query for this figure yet."
        return [check.finding("unknown", message) for check in checks]

    seconds = min(sum(check.timeout for check in checks), end - time.monotonic())
    if seconds <= 0:
        return [not_checked(check, "the time for all checks was used up") for check in checks]

    try:
        owner = _owner(source, place, settings)
    except ApartError as error:
        return [not_checked(check, str(error)) for check in checks]

    answers, problem = isolated.run(lambda: _read(checks, settings.login), seconds, owner)
    done = {answer["check"] for answer in answers}
    findings: list[Finding] = [item for answer in answers for item in answer["findings"]]
    reason = problem or "its process ended early"
    if advice := reader.advice(reason):
        reason = f"{advice} ({reason})"

    return findings + [not_checked(check, reason) for check in checks if check.id not in done]


def _owner(source: str, place: str, settings: Settings) -> isolated.Whom:
    """Return the user to read as: the owner of the data. Only root can choose.

    Raises ApartError.
    """
    if os.geteuid() != 0:
        return None
    if source == "database":
        return settings.run_as if settings.login.local and settings.run_as else None

    try:
        named, found = Path(place).lstat(), Path(place).stat()
    except OSError as error:
        raise ApartError(f"{place!r} cannot be opened: {error.strerror or error}") from error

    if named.st_uid not in (0, found.st_uid):
        raise ApartError(f"{place!r} is a link to a file of another user")

    return Owner(found.st_uid, found.st_gid)


def _read(checks: Sequence[Check], login: Login) -> Iterator[dict[str, t.Any]]:
    """Yield the findings of each check as soon as they are known; raises ApartError."""
    source, place = checks[0].source, checks[0].place
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
        raise ApartError(f"{source} {place}: {error}") from error


def _each(checks: Sequence[Check], reader: t.Any) -> Iterator[dict[str, t.Any]]:
    for check in checks:
        try:
            findings = list(check.kind.probe(check, reader))
        except (SourceError, ApartError) as error:
            findings = [not_checked(check, str(error))]

        yield {"check": check.id, "findings": findings}
