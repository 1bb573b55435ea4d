# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How logs are read and what is searched for in them, in words."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known
from tools.describe_entries import NONE, Entry, Row, code, codes, filled, limits, when

# isort: split
from ansible.module_utils.upkeep.cadence import CADENCES

_UNITS: t.Final = {"s": "s", "m": "min", "h": "h", "d": "days"}
_WINDOWS: t.Final = {
    "today": "today",
    "month": "this month",
    "last_month": "the previous month",
    "since_last_run": "since the previous run",
    "since_start": "since the last start",
    "all": "everything",
}
#: Formats that name none.
_FOUND_OUT: t.Final = {
    "auto": "format found out when it is read",
    "text": "format of text found out when it is read",
    "own": "format described in the profile",
}


def log_reviews(sources: Sequence[Entry]) -> Iterator[Row]:
    """Yield what is counted in each log, and how much of it is too much."""
    for source in filled("log_reviews", sources):
        yield from _whole_log(source)

        for review in source["reviews"]:
            asked = f"{_place(source)}: {_review(review)}"
            cells = [
                code(f"log:{source['name']}.{review['name']}"),
                asked,
                _length(review["window"]),
                when(source, review),
                *_review_limits(review),
            ]
            yield cells, review["requirements"]


def _whole_log(source: Entry) -> Iterator[Row]:
    """Yield the checks of a log as a whole: how it is read, that it is written, its records."""
    name, place, cadences = f"log:{source['name']}", _place(source), _when_read(source)
    asked, limit = f"{place}: {_format(source)}", NONE
    if source["silent_after"]:
        asked += "; age of the newest line"
        limit = f"above {_length(source['silent_after'])}"

    yield [code(name), asked, NONE, cadences, limit, NONE], source["requirements"]

    if source["fields"]:
        asked = f"{place}: each line is JSON with {codes(source['fields'])}"
        cells = [code(f"{name}.format"), asked, NONE, cadences, "otherwise", NONE]
        yield cells, source["requirements"]


def _format(source: Entry) -> str:
    """Return the format of a log, and how many lines may differ."""
    own = source["format"]
    named = _FOUND_OUT.get(own) or f"format {code(own)}"

    return f"{named}, unknown with more than {source['unfit_percent']:g} % other lines"


def _when_read(source: Entry) -> str:
    """Return the cadences in which a log is read: those of its reviews, all when it has none."""
    own, reviews = source["cadences"] or CADENCES, source["reviews"]
    asked = {cadence for review in reviews for cadence in review["cadences"] or CADENCES}
    due = [cadence for cadence in CADENCES if cadence in own and (cadence in asked or not reviews)]

    return when({"cadences": due if len(due) < len(CADENCES) else ()})


def _place(source: Entry) -> str:
    if source["kind"] == "container":
        return f"containers {codes(source['containers'] or ('*',))}"
    if source["kind"] != "journal":
        return codes(source["paths"])

    names = [*source["units"], *source["identifiers"]]

    return f"journal of {codes(names)}" if names else "whole journal"


def _length(window: str) -> str:
    """Return a length such as ``24h``, or the name of a window, as it is read."""
    if window in _WINDOWS:
        return _WINDOWS[window]

    return f"{window[:-1]} {_UNITS[window[-1]]}".replace("1 days", "1 day")


def _review(review: Entry) -> str:
    lines, measure = _lines(review), review["measure"]
    if measure == "share":
        of = f"those with {code(review['of'])}" if review["of"] else "all"
        worst = f", in the worst {_length(review['worst_of'])}" if review["worst_of"] else ""
        return f"share of {lines} among {of}{worst}"
    if measure == "duration":
        figure = review["figure"].replace("p95", "95th percentile")
        return f"{figure} of {code(review['number'])} in {lines}"
    if measure == "ranking":
        return f"{lines}, counted for each {review['by'].replace('_', ' ')}"
    if measure == "newest":
        expected = f" is {code(review['expected'])}" if review["expected"] else ""
        return f"the newest of {lines}{expected}"
    if review["more_than"] is not None:
        return f"{lines} with {code(review['number'])} above {review['more_than']:g}"

    return lines


def _lines(review: Entry) -> str:
    if review["secrets"]:
        return "secrets that are not masked"

    levels = " or ".join(review["levels"])
    words = f"{levels} lines" if levels else "lines"
    words += f" with {code(review['pattern'])}" if review["pattern"] else ""

    return words + (f" but not {code(review['exclude'])}" if review["exclude"] else "")


def _review_limits(review: Entry) -> tuple[str, str]:
    """Return the cells of warning and critical; several conditions may be a warning."""
    measure, unit = review["measure"], review["unit"]
    unit = " %" if measure == "share" else f" {unit}" if unit else ""
    warning, critical = limits(review, unit=unit)
    conditions = [] if warning == NONE else [warning]

    if review["at_least"] is not None:
        conditions.append(f"below {review['at_least']:g}{unit}")
    if review["trend_percent"] is not None:
        change = "other than" if measure == "count" else "above"
        conditions.append(f"{change} the previous time by {review['trend_percent']:g} %")
    if review["expected"]:
        conditions.append("otherwise")

    return " or ".join(conditions) or NONE, critical
