# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the jobs of a profile look at and do, in words: one table a job for the page of a system.

Each function takes the entries of a profile's list and yields rows: cells under the columns that
SECTIONS names, and the ids that ask for it.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.data_quality.kinds import KINDS
from ansible.module_utils.upkeep.log_review.options import ARGUMENTS

Entry = Mapping[str, t.Any]
#: Cells of one row, and the ids that ask for it.
Row = tuple[list[str], Sequence[str]]
NONE: t.Final = "-"

_REVIEW: t.Final = {
    name: option.get("default")
    for name, option in ARGUMENTS["sources"]["options"]["reviews"]["options"].items()
}
_WINDOWS: t.Final = {
    "today": "today",
    "month": "this month",
    "last_month": "the month before",
    "since_last_run": "since the run before",
    "since_start": "since the last start",
    "all": "all there is",
}


class Section(t.NamedTuple):
    """The table of one list: its heading, a sentence, the columns but the last one, and how entries become rows."""

    heading: str
    about: str
    head: tuple[str, ...]
    rows: Callable[[Sequence[Entry]], Iterator[Row]]


def _code(text: t.Any) -> str:
    return f"`{text}`"


def _codes(values: t.Iterable[t.Any]) -> str:
    return ", ".join(map(_code, values))


def _plain(names: t.Iterable[str]) -> str:
    return ", ".join(names).replace("_", " ")


def _when(*entries: Entry) -> str:
    """Return the cadences of the innermost entry that names some, else that all runs of the job make it."""
    named: Sequence[str] = next(
        (entry["cadences"] for entry in reversed(entries) if "cadences" in entry), ()
    )
    return ", ".join(named).replace("_", "-") or "always"


def _limits(entry: Entry, side: str = "above", unit: str = "") -> list[str]:
    """Return the cells of warning and critical."""
    return [
        f"{side} {entry[level]:g}{unit}" if level in entry else NONE
        for level in ("warning", "critical")
    ]


def log_reviews(sources: Sequence[Entry]) -> Iterator[Row]:
    """Yield what is counted in each log, and how much of it is too much."""
    for source in sources:
        name, where = f"log:{source['name']}", _source(source)
        if "fields" in source:
            asked = f"{where}: each line is JSON with {_codes(source['fields'])}"
            yield (
                [_code(f"{name}.format"), asked, NONE, _when(source), "otherwise", NONE],
                source.get("requirements", ()),
            )

        if "silent_after" in source:
            asked = f"{where}: when it last said something"
            cells = [
                _code(name),
                asked,
                NONE,
                _when(source),
                f"above {_length(source['silent_after'])}",
                NONE,
            ]
            yield cells, source.get("requirements", ())

        for review in source["reviews"]:
            warning, critical = _review_limits(review)
            window = _length(review.get("window", _REVIEW["window"]))
            asked = f"{where}: {_review(review)}"
            cells = [
                _code(f"{name}.{review['name']}"),
                asked,
                window,
                _when(source, review),
                warning,
                critical,
            ]
            yield cells, review.get("requirements", ())


def _source(source: Entry) -> str:
    if source.get("kind") == "container":
        return f"containers {_codes(source.get('containers', ('*',)))}"
    if source.get("kind") != "journal":
        return _codes(source["paths"])

    of = [*source.get("units", ()), *source.get("identifiers", ())]

    return f"journal of {_codes(of)}" if of else "whole journal"


def _length(window: str) -> str:
    """Return a length such as ``24h`` or the name of a window as it is read."""
    units = {"s": "s", "m": "min", "h": "h", "d": "days"}
    return _WINDOWS.get(window) or f"{window[:-1]} {units[window[-1]]}".replace("1 days", "1 day")


def _review(review: Entry) -> str:
    lines = _lines(review)
    measure = review.get("measure", _REVIEW["measure"])
    if measure == "share":
        worst = f", in the worst {_length(review['worst_of'])}" if "worst_of" in review else ""
        return f"share of {lines} among {_of(review)}{worst}"
    if measure == "duration":
        figure = review.get("figure", _REVIEW["figure"]).replace("p95", "95th percentile")
        return f"{figure} of {_code(review['number'])} in {lines}"
    if measure == "ranking":
        return f"{lines}, counted for each {review['by'].replace('_', ' ')}"
    if measure == "newest":
        return f"the newest of {lines}" + (
            f" is {_code(review['expected'])}" if "expected" in review else ""
        )

    return lines + (
        f" with {_code(review['number'])} above {review['more_than']:g}"
        if "more_than" in review
        else ""
    )


def _of(review: Entry) -> str:
    return f"those with {_code(review['of'])}" if "of" in review else "all"


def _lines(review: Entry) -> str:
    if review.get("secrets"):
        return "secrets that are not masked"

    levels = " or ".join(review.get("levels", ()))
    words = f"{levels} lines" if levels else "lines"
    words += f" with {_code(review['pattern'])}" if "pattern" in review else ""

    return words + (f" but not {_code(review['exclude'])}" if "exclude" in review else "")


def _review_limits(review: Entry) -> tuple[str, str]:
    measure, unit = review.get("measure", "count"), review.get("unit", "")
    unit = " %" if measure == "share" else f" {unit}" if unit else ""
    warning, critical = _limits(review, unit=unit)
    also = [] if warning == NONE else [warning]
    also += [f"below {review['at_least']:g}{unit}"] if "at_least" in review else []
    change = "other than" if measure == "count" else "above"
    also += (
        [f"{change} the time before by {review['trend_percent']:g} %"]
        if "trend_percent" in review
        else []
    )
    also += ["otherwise"] if "expected" in review else []

    return " or ".join(also) or NONE, critical


def data_quality(checks: Sequence[Entry]) -> Iterator[Row]:
    """Yield each aspect of the data that has a limit; a check without any only tells."""
    for check in checks:
        kind = KINDS[check["kind"]]
        name, asked = f"{kind.prefix}:{check['name']}", kind.describe(check)
        aspects: Mapping[str, Entry] = check.get("aspects", {})
        for aspect, limits in aspects.items():
            side = (
                check.get("worse", "above")
                if aspect == "value"
                else kind.aspects.get(aspect) or "above"
            )
            unit = {"age": " s", "gaps": " s", "baseline": " % from what is usual"}.get(aspect, "")
            if aspect == "value" and "unit" in check:
                unit = f" {check['unit']}"

            finding = name if aspect in ("value", "baseline") else f"{name}.{aspect}"
            ids = limits.get("requirements") or check.get("requirements", ())
            yield (
                [
                    _code(finding),
                    asked,
                    check["component"],
                    _when(check),
                    *_limits(limits, side, unit),
                ],
                ids,
            )

        if not aspects:
            broken = "otherwise" if check["kind"] == "integrity" else NONE
            yield (
                [_code(name), asked, check["component"], _when(check), broken, NONE],
                check.get("requirements", ()),
            )


def self_heal(units: Sequence[Entry]) -> Iterator[Row]:
    """Yield each unit that may be restarted."""
    for unit in units:
        asked = "it is not active" + (
            f" or {_codes(unit['checks'])} fails" if unit.get("checks") else ""
        )
        times = unit.get("at_most", 3)
        most = (
            f"{'once' if times == 1 else f'{times} times'} in {unit.get('window_minutes', 60)} min"
        )
        needs = _codes(unit.get("needs", ())) or NONE
        yield (
            [_code(unit["unit"]), unit.get("component", "all"), asked, most, needs],
            unit.get("requirements", ()),
        )


def kpis(figures: Sequence[Entry]) -> Iterator[Row]:
    """Yield each key figure with its target and its alarm."""
    for figure in figures:
        unit = f" {figure['unit']}" if "unit" in figure else ""
        how = ": how often it is ok" if figure.get("measure") == "ok" else ""
        kept = [_kept(figure.get(key, {}), unit) for key in ("target", "alert")]
        yield (
            [figure["title"], f"{_code(figure['check'])}{how}", *kept],
            figure.get("requirements", ()),
        )


def _kept(limit: Entry, unit: str) -> str:
    return (
        ", ".join(f"{key.replace('_', ' ')} {value:g}{unit}" for key, value in limit.items())
        or NONE
    )


def models(entries: Sequence[Entry]) -> Iterator[Row]:
    """Yield each approved file and what else is asked of it."""
    for model in entries:
        path = "/".join(filter(None, (model.get("root"), model["path"])))
        yield (
            [_code(path), "the file is the recorded one: SHA-256, MD5 and size"],
            model.get("requirements", ()),
        )
        for key, words in _MODEL.items():
            if key in model:
                yield [_code(path), words(model[key])], model[key].get("requirements", ())


_MODEL: t.Final[Mapping[str, Callable[[Entry], str]]] = {
    "metadata": lambda entry: (
        f"{_code(entry['path'])} beside it tells {_plain(entry.get('keys', {}))}"
    ),
    "limits": lambda entry: ", ".join(
        f"{name.replace('_', ' ')} {'at most' if name.startswith('max') else 'at least'} {value:g}"
        for name, value in entry.items()
        if name != "requirements"
    ),
    "in_use": lambda entry: f"{_code(entry['log'])} says last: {_code(entry['expected'])}",
    "drift": lambda entry: (
        f"it predicts {_code(entry['reference'])} with an R2 of at least {entry['r2']:g}"
    ),
}


def model_folders(folders: Sequence[Entry]) -> Iterator[Row]:
    """Yield each folder in which no other file may lie."""
    for folder in folders:
        only = _codes(folder.get("patterns", ())) or "files"
        yield (
            [_code(folder["path"]), f"no {only} that nobody recorded"],
            folder.get("requirements", ()),
        )


def sqlite(databases: Sequence[Entry]) -> Iterator[Row]:
    """Yield what is done with each SQLite file, and when."""
    for database in databases:
        for aspect, words in _SQLITE.items():
            if aspect in database:
                entry = database[aspect]
                ids = entry.get("requirements") or database.get("requirements", ())
                yield (
                    [
                        _code(database["path"]),
                        aspect.replace("wal", "write-ahead log"),
                        words(entry),
                    ],
                    ids,
                )


_SQLITE: t.Final[Mapping[str, Callable[[Entry], str]]] = {
    "analyze": lambda entry: f"{entry.get('changed_percent', 20):g} % of the rows changed",
    "vacuum": lambda entry: (
        f"{entry.get('free_percent', 20):g} % is free, and {entry.get('min_free_mb', 1):g} MB at least"
    ),
    "wal": lambda entry: f"emptied above {entry.get('max_mb', 64):g} MB",
}


def test_suites(suites: Sequence[Entry]) -> Iterator[Row]:
    """Yield each suite of the application's own tests."""
    for suite in suites:
        limits = (
            [f"coverage at least {suite['coverage']['minimum']:g} %"] if "coverage" in suite else []
        )
        limits += [
            f"{figure['name'].replace('_', ' ')} at most {figure['warning_percent']:g} % "
            f"{'below' if figure.get('worse') == 'below' else 'above'} its baseline"
            for figure in suite.get("figures", ())
        ]
        place = "a test database" if suite.get("database") else NONE
        when = "on demand" if suite.get("on_demand") else _when(suite)
        cells = [
            _code(f"tests:{suite['name']}"),
            _codes(suite["paths"]),
            place,
            when,
            "; ".join(limits) or "all pass",
        ]
        also = [suite.get("coverage", {}), *suite.get("figures", ())]
        yield (
            cells,
            [
                *suite.get("requirements", ()),
                *(id_ for part in also for id_ in part.get("requirements", ())),
            ],
        )


#: Name of a profile's list -> its table.
SECTIONS: t.Final[Mapping[str, Section]] = {
    "log_reviews": Section(
        "Log review",
        "A log that is missing or cannot be read is unknown. What has no limit is told.",
        ("finding", "what is looked for", "over", "playbooks", "warning", "critical"),
        log_reviews,
    ),
    "data_quality": Section(
        "Data quality",
        "One read-only question a table. What has no limit is told.",
        ("finding", "what is looked at", "hosts", "playbooks", "warning", "critical"),
        data_quality,
    ),
    "models": Section(
        "Models",
        "A file without a record is unknown, another file critical.",
        ("file", "what holds"),
        models,
    ),
    "model_folders": Section("Folders of models", "", ("folder", "what holds"), model_folders),
    "sqlite_databases": Section("SQLite", "", ("file", "what", "when"), sqlite),
    "test_suites": Section(
        "Tests of the application",
        "They run away from production: another user or database, refused when it is production's.",
        ("finding", "tests", "with", "playbooks", "what holds"),
        test_suites,
    ),
    "self_heal": Section(
        "Restarted when down",
        "Under the lock, never on a host that nobody has accepted. One that needs what is down itself is left alone.",
        ("unit", "hosts", "when", "at most", "needs"),
        self_heal,
    ),
    "kpis": Section(
        "Key figures",
        "`python -m upkeep kpis` shows them over time.",
        ("figure", "taken from", "target", "alarm unless"),
        kpis,
    ),
}
