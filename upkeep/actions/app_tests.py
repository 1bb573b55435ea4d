# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which test suites a run carries out on a host, and the baseline of its figures: decided on the controller."""

from __future__ import annotations

import difflib
import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.cadence import wanted

from upkeep.actions import approved_files as approved

Entry = dict[str, t.Any]


class PlanError(ValueError):
    """What was asked for cannot be done, or must not; the message says what to change."""


def chosen(
    suites: t.Sequence[Entry], only: t.Sequence[str], known: t.Collection[str], cadence: str
) -> list[Entry]:
    """Return the suites to carry out: those that were named, else those of the cadence, else (no cadence) all.

    One that is only for demand must be named. ``known`` are the names on all hosts of the run.
    Raises PlanError for a name that none of them has.
    """
    if not only:
        try:
            return [
                _plain(entry) for entry in wanted(suites, cadence) if not entry.get("on_demand")
            ]
        except ValueError as error:
            raise PlanError(str(error)) from error

    for name in only:
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), 1)
            advice = (
                f"did you mean '{close[0]}'?"
                if close
                else f"there are: {', '.join(sorted(known)) or 'none'}"
            )
            raise PlanError(f"no system has a test suite '{name}'; {advice}")

    return [_plain(entry) for entry in wanted(suites, "") if entry["name"] in only]


def _plain(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if key != "on_demand"}


def names(given: t.Any) -> list[str]:
    """Return names that were given as a list, or as text on the command line (``a,b`` or ``[a, b]``)."""
    if isinstance(given, str):
        given = given.strip().removeprefix("[").removesuffix("]").split(",")
    return [name for name in (str(item).strip(" '\"") for item in given or []) if name]


def require_test_database(
    database: t.Mapping[str, t.Any] | None, production: t.Collection[str]
) -> None:
    """Raise PlanError when the profile's test database has the name of one of its production databases."""
    name = (database or {}).get("name")
    if name in production:
        raise PlanError(
            f"the profile names '{name}' as test database, but it is a production database of the system; "
            "give the tests a database of their own"
        )


def baseline(path: Path) -> dict[str, dict[str, t.Any]]:
    """Return the records by host, then by figure; none where there is no file yet.

    Raises RecordsError.
    """
    content = approved.content(path, "baseline")
    if content is None:
        return {}

    shape = "hosts to figures, and those to records"
    records = approved.records(
        content, path, shape, lambda _host, figures: isinstance(figures, dict)
    )

    return _with_text_dates(records)


def _with_text_dates(records: dict[t.Any, dict[t.Any, t.Any]]) -> dict[str, dict[str, t.Any]]:
    """Return records whose dates are text again, which YAML makes dates of when they stand without quotes."""

    def text(record: t.Any) -> t.Any:
        return (
            {**record, "date": str(record["date"])}
            if isinstance(record, dict) and "date" in record
            else record
        )

    return {
        str(host): {str(name): text(entry) for name, entry in figures.items()}
        for host, figures in records.items()
    }
