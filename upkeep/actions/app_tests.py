# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which test suites a run carries out on a host, and the baseline of its figures."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.base.options import nearest
from ansible.module_utils.upkeep.cadence import due_in

from upkeep.actions import approved_files as approved

Entry = dict[str, t.Any]


class PlanError(ValueError):
    """What was asked for cannot or must not be done; the message says what to change."""


def chosen(
    suites: t.Sequence[Entry], only: t.Sequence[str], known: t.Collection[str], cadence: str
) -> list[Entry]:
    """Return the suites to run: those that were named, else those of the cadence, else all.

    A suite that runs on demand must be named. ``known`` are the names on all hosts of the run.
    Raises PlanError for a name that none of them has.
    """
    if not only:
        try:
            due = due_in(suites, cadence)
        except ValueError as error:
            raise PlanError(str(error)) from error
        return [entry for entry in due if not entry.get("on_demand")]

    for name in only:
        if name not in known:
            advice = nearest(name, known) if known else "there are none"
            raise PlanError(f"no system has a test suite '{name}'; {advice}")

    return [entry for entry in suites if entry["name"] in only]


def names(given: t.Any) -> list[str]:
    """Return names from a list, or from text of the command line (``a,b`` or ``[a, b]``)."""
    if isinstance(given, str):
        given = given.strip().removeprefix("[").removesuffix("]").split(",")

    return [name for name in (str(item).strip(" '\"") for item in given or []) if name]


def require_test_database(
    database: t.Mapping[str, t.Any] | None, production: t.Collection[str]
) -> None:
    """Raise PlanError when the test database has the name of a production database."""
    name = (database or {}).get("name")
    if name in production:
        raise PlanError(
            f"the profile names '{name}' as test database, but it is a production database of the"
            " system; give the tests a database of their own"
        )


def baseline(path: Path) -> dict[str, dict[str, t.Any]]:
    """Return the records by host, then by figure; none where the file does not exist yet.

    Raises RecordsError.
    """
    content = approved.content(path, "baseline")
    if content is None:
        return {}

    shape = "hosts to figures, and those to records"
    records = approved.records(
        content, path, shape, lambda _host, figures: isinstance(figures, dict)
    )

    return {
        str(host): {str(name): _with_text_date(record) for name, record in figures.items()}
        for host, figures in records.items()
    }


def _with_text_date(record: t.Any) -> t.Any:
    """Return a record whose date is text: YAML makes a date of one without quotes."""
    if isinstance(record, dict) and "date" in record:
        return {**record, "date": str(record["date"])}

    return record
