# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One review of the data of a host: each place in a process with the rights of its owner, each check a finding."""

from __future__ import annotations

import os
import time
import typing as t
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ..base import isolated
from ..base.isolated import ApartError, Owner
from ..base.login import Login
from ..findings import Finding, finding
from . import cache, integrity, series, tables
from .settings import Check, DataError, parse_checks
from .sources import Source, SourceError, open_postgresql, open_sqlite


def run(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the module's answer to its arguments; raises DataError."""
    checks = parse_checks(params["checks"], params["cadence"])
    if not 0 < params["max_seconds"] <= 86400:
        raise DataError(f"max_seconds is {params['max_seconds']}; give above 0 and at most 86400")

    login = Login(
        host=params["login_host"],
        port=params["login_port"],
        user=params["login_user"],
        password=params["login_password"],
    )
    end = time.monotonic() + params["max_seconds"]
    findings: list[Finding] = []
    for place in dict.fromkeys((check.source, check.place) for check in checks):
        here = [check for check in checks if (check.source, check.place) == place]
        findings += _one_place(here, login, params["run_as"], end)

    if not checks:
        findings = [
            finding("data:none", "info", "No data are named for this host: nothing to look at.")
        ]

    return {"changed": False, "findings": findings}


def _one_place(checks: list[Check], login: Login, run_as: str, end: float) -> list[Finding]:
    """Return the findings on all checks of one database, file or folder."""
    source, place = checks[0].source, checks[0].place
    if not source:
        message = (
            "No source of this figure is known yet: give the profile a database and a query for it."
        )
        return [check.finding("", "unknown", message) for check in checks]

    seconds = min(sum(check.timeout for check in checks), end - time.monotonic())
    if seconds <= 0:
        return [
            check.finding("", "unknown", "Not looked at: the time for this review was up.")
            for check in checks
        ]

    try:
        owner = _owner(source, place, login, run_as)
    except ApartError as error:
        return [check.finding("", "unknown", f"Not looked at: {error}.") for check in checks]

    answers, problem = isolated.run(lambda: _look(checks, login), seconds, owner)
    done = {answer["check"] for answer in answers if "check" in answer}
    findings: list[Finding] = [item for answer in answers for item in answer["findings"]]
    missing = [check for check in checks if check.id not in done]
    why = problem or "its process ended early"

    return findings + [
        check.finding("", "unknown", f"Could not be looked at: {why}.") for check in missing
    ]


def _owner(source: str, place: str, login: Login, run_as: str) -> isolated.Whom:
    """Return the user to look as: whoever the data belong to. Only root can choose.

    Raises ApartError.
    """
    if os.geteuid() != 0:
        return None
    if source == "database":
        return run_as if login.local and run_as else None

    try:
        named, found = Path(place).lstat(), Path(place).stat()
    except OSError as error:
        raise ApartError(f"{place!r} cannot be looked at: {error.strerror or error}") from error

    if named.st_uid not in (0, found.st_uid):
        raise ApartError(
            f"{place!r} is a link that somebody else made to what belongs to another user"
        )

    return Owner(found.st_uid, found.st_gid)


def _look(checks: list[Check], login: Login) -> Iterator[dict[str, t.Any]]:
    """Yield the findings of each check as soon as they are known.

    Raises SourceError, ApartError.
    """
    source, place = checks[0].source, checks[0].place
    if source == "folder":
        yield from _each(checks, cache.look)
    elif source == "sqlite":
        with open_sqlite(Path(place), checks[0].timeout) as file:
            yield from _each(checks, partial(_ask, source=file, login=login))
    else:
        try:
            database = open_postgresql(login, place)
        except SourceError as error:
            raise ApartError(f"database {place}: {error}") from error
        try:
            yield from _each(checks, partial(_ask, source=database, login=login))
        finally:
            database.session.close()


def _each(
    checks: list[Check], look: t.Callable[[Check], Iterator[Finding]]
) -> Iterator[dict[str, t.Any]]:
    for check in checks:
        try:
            yield {"check": check.id, "findings": list(look(check))}
        except (SourceError, ApartError) as error:
            yield {
                "check": check.id,
                "findings": [check.finding("", "unknown", f"Could not be looked at: {error}.")],
            }


def _ask(check: Check, source: Source, login: Login) -> Iterator[Finding]:
    if check.kind == "series":
        return series.look(check, source)
    if check.kind == "table":
        return tables.look_at_table(check, source)
    if check.kind == "scrapers":
        return tables.look_at_scrapers(check, source)
    if check.kind == "figure":
        return tables.look_at_figure(check, source)

    return integrity.look(check, source, login)
