# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health checks in words: what is asked, and which answers are a warning or critical."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.health_check.check import Check
from ansible.module_utils.upkeep.health_check.kinds import KINDS
from ansible.module_utils.upkeep.health_check.plan import plan

from tools import host_words
from tools.host_words import NEVER, OTHERWISE, Options, Row
from tools.host_words import limits as _limits


class Judged(t.NamedTuple):
    """One finding that a check yields: its name, what is asked, and from where it is a warning or critical."""

    finding: str
    asked: str
    warning: str
    critical: str
    component: str
    requirements: tuple[str, ...]


def rows(checks: Sequence[Mapping[str, t.Any]]) -> list[Judged]:
    """Return every finding that checks of a profile yield, in their order.

    Raises CheckError as the probe would.
    """
    return [
        Judged(*row, check.component or "", _requirements(check, row[0]))
        for check in plan(checks)
        for row in _words(check)
    ]


def _requirements(check: Check, finding: str) -> tuple[str, ...]:
    """Return the ids of one finding: those of the aspect itself where it names some, else those of the check."""
    aspect = finding.removeprefix(f"{check.id}.")
    entries = [entry for entry in check.options.get("info") or () if entry["field"] == aspect]
    own = entries[0] if entries else check.options.get(aspect)
    ids = own.get("requirements") if isinstance(own, Mapping) else None

    return tuple(ids) if ids else check.requirements


def _words(check: Check) -> Iterator[Row]:
    for finding, asked, warning, critical in _KINDS[check.kind](check, check.options):
        if finding == check.id:
            yield finding, asked + _in_a_row(check), *_by_severity(check, warning, critical)
        else:
            yield finding, asked, warning, critical

    latency = check.options.get("latency")
    if latency:
        samples = latency["samples"]
        asked = "time to the answer" + (f", 95th percentile of {samples}" if samples > 1 else "")
        yield (
            f"{check.id}.latency",
            asked,
            *_limits(latency["warning_ms"], latency["critical_ms"], " ms"),
        )


def _in_a_row(check: Check) -> str:
    """Return when the check is made, and how often it has to fail."""
    when = f" ({', '.join(check.cadences)})".replace("_", "-") if check.cadences else ""
    return when + (f" ({check.fall} failures in a row)" if check.fall > 1 else "")


def _by_severity(check: Check, warning: str, critical: str) -> tuple[str, str]:
    """Return the columns of a check whose failure may be a mere warning."""
    return (critical, NEVER) if check.severity == "warning" else (warning, critical)


def _severity(condition: Options) -> tuple[str, str]:
    """Return the columns for a condition, by what it becomes when it does not hold."""
    return (NEVER, OTHERWISE) if _is_critical(condition) else (OTHERWISE, NEVER)


def _condition(condition: Options) -> str:
    words = {
        "equals": "is",
        "at_least": "is at least",
        "at_most": "is at most",
        "matches": "matches",
    }
    tests = [
        f"{word} {_value(condition[key])}"
        for key, word in words.items()
        if condition.get(key) is not None
    ]
    if condition.get("exists") is not None:
        tests.append("is there" if condition["exists"] else "is not there")

    return " and ".join(tests)


def _value(value: t.Any) -> str:
    return f"{value:g}" if isinstance(value, float) else f"`{value}`"


def _http(check: Check, options: Options) -> Iterator[Row]:
    codes = " or ".join(str(code) for code in options["expect_status"])
    method = "" if options["method"] == "GET" else f" to {options['method']}"
    asked = [f"`{options['url']}` answers {codes}{method}"]
    if options["upload"]:
        rows = f" ({options['upload']['rows']} rows)" if options["upload"]["rows"] else ""
        asked.append(
            f"it takes {f'`{path}`' if (path := options['upload']['path']) else 'a sample'}{rows}"
        )

    asked += [
        f"`{entry['path']}` {_condition(entry)}" for entry in options["json"] if _is_critical(entry)
    ]
    asked += [f"the body matches `{options['body_regex']}`"] if options["body_regex"] else []
    asked += [f"the header `{name}` is there" for name in options["headers_present"]]
    yield check.id, ", ".join(asked) + _tries(check), *_milder(options["json"])
    if options["upload"] and options["upload"]["rows"]:
        per_row = options["upload"]["row_warning_ms"], options["upload"]["row_critical_ms"]
        yield f"{check.id}.per_row", "time for each row", *_limits(*per_row, " ms")

    if options["tls_expiry"]:
        limits = options["tls_expiry"]
        yield (
            f"{check.id}.tls_expiry",
            "days that the certificate is still good",
            *_limits(limits["warning_days"], limits["critical_days"], " days", "below"),
        )


def _is_critical(entry: Options) -> bool:
    return bool(entry.get("severity", "critical") == "critical")


def _milder(conditions: Sequence[Options]) -> tuple[str, str]:
    mild = [
        f"unless `{entry['path']}` {_condition(entry)}"
        for entry in conditions
        if not _is_critical(entry)
    ]
    return ", ".join(mild) or NEVER, OTHERWISE


def _tries(check: Check) -> str:
    return f" ({check.attempts} tries, {check.interval:g} s apart)" if check.attempts > 1 else ""


def _tcp(check: Check, _options: Options) -> Iterator[Row]:
    yield (
        check.id,
        f"{KINDS[check.kind].place(check)} accepts connections{_tries(check)}",
        NEVER,
        OTHERWISE,
    )


def _unit(check: Check, options: Options) -> Iterator[Row]:
    yield check.id, f"`{options['unit']}` is {' or '.join(options['expect'])}", NEVER, OTHERWISE
    if options["max_restarts"] is not None:
        yield (
            f"{check.id}.restarts",
            "restarts by systemd",
            f"above {options['max_restarts']}",
            NEVER,
        )

    if options["max_new_restarts"] is not None:
        limit = f"above {options['max_new_restarts']}"
        yield f"{check.id}.new_restarts", "restarts by systemd since the run before", limit, NEVER


def _filesystem(check: Check, options: Options) -> Iterator[Row]:
    limits = _limits(options["warning"], options["critical"], " %")
    inodes = options["inodes"] or {}
    own = _limits(inodes.get("warning"), inodes.get("critical"), " %")
    for path in options["paths"]:
        place = "every local file system" if path == "all" else f"`{path}`"
        left_out = [entry for entry in options["exclude"] if path == "all"]
        without = f" without {', '.join(f'`{entry}`' for entry in left_out)}" if left_out else ""
        name = "filesystem:*" if path == "all" else f"filesystem:{path}"
        if options["inodes"]:
            yield name, f"space in use of {place}{without}", *limits
            yield f"{name}.inodes", f"inodes in use of {place}{without}", *own
        else:
            yield name, f"space and inodes in use of {place}{without}", *limits


def _memory(check: Check, options: Options) -> Iterator[Row]:
    what = "memory and swap" if options["include_swap"] else "memory"
    yield check.id, f"{what} in use", *_limits(options["warning"], options["critical"], " %")


def _load(check: Check, options: Options) -> Iterator[Row]:
    yield (
        check.id,
        "runnable processes per core over 5 min",
        *_limits(options["warning"], options["critical"], ""),
    )


def _metrics(check: Check, options: Options) -> Iterator[Row]:
    where = KINDS[check.kind].place(check)
    yield (
        check.id,
        f"`{where}` gives `{options['requests']}` and `{options['durations']}`",
        NEVER,
        OTHERWISE,
    )
    enough = f"since the look before, from {options['least_requests']} requests on"
    if options["rate"]:
        rate = options["rate"]
        yield (
            f"{check.id}.rate",
            "requests/min since the look before",
            *_limits(rate["warning"], rate["critical"], ""),
        )

    if options["response_time"]:
        times = options["response_time"]
        asked = f"95th percentile of the response times {enough}"
        yield (
            f"{check.id}.response_time",
            asked,
            *_limits(times["warning_ms"], times["critical_ms"], " ms"),
        )

    if options["errors"]:
        errors = options["errors"]
        asked = f"share of requests answered `{options['failed']}` {enough}"
        yield f"{check.id}.errors", asked, *_limits(errors["warning"], errors["critical"], " %")


def _replication(check: Check, options: Options) -> Iterator[Row]:
    least = f", at least {options['replicas']}" if options["replicas"] else ""
    warning, critical = _limits(options["warning"], options["critical"], " s")
    gone = "a slot that nobody uses"
    yield (
        check.id,
        f"how far the replicas are behind, where there are any{least}",
        gone if warning == NEVER else f"{warning}, {gone}",
        OTHERWISE if critical == NEVER and options["replicas"] else critical,
    )


def _postgresql(check: Check, options: Options) -> Iterator[Row]:
    expect = options["expect"]
    answer = f"the answer {_condition(expect)}" if expect else "there is an answer"
    question = f"`{options['query']}` on database `{options['database']}`: {answer}"
    yield check.id, question, *(_severity(expect) if expect else (NEVER, OTHERWISE))


def _redis(check: Check, options: Options) -> Iterator[Row]:
    yield (
        check.id,
        f"Redis at {KINDS[check.kind].place(check)} answers{_tries(check)}",
        NEVER,
        OTHERWISE,
    )
    for entry in options["info"]:
        name, asked = f"{check.id}.{entry['field']}", _field(entry["field"])
        if entry["equals"] is not None:
            yield name, f"{asked} is `{entry['equals']}`", NEVER, OTHERWISE
        else:
            yield name, asked, *_limits(entry["warning"], entry["critical"], "", entry["worse"])


def _field(name: str) -> str:
    made = {
        "keys": "keys of all databases",
        "hit_ratio": "lookups that found their key, in %, since the look before",
    }
    return made.get(name) or f"`{name}` of INFO"


def _celery(check: Check, options: Options) -> Iterator[Row]:
    yield check.id, f"workers that answer: at least {options['min_workers']}", NEVER, OTHERWISE
    for queue in options["queues"]:
        asked = f"tasks that wait in queue `{queue['name']}`"
        yield (
            f"{check.id}.queue_{queue['name']}",
            asked,
            *_limits(queue["warning"], queue["critical"], ""),
        )


_KINDS: t.Final[Mapping[str, Callable[[Check, Options], Iterator[Row]]]] = {
    "celery": _celery,
    "filesystem": _filesystem,
    "http": _http,
    "load": _load,
    "memory": _memory,
    "metrics": _metrics,
    "postgresql": _postgresql,
    "redis": _redis,
    "replication": _replication,
    "tcp": _tcp,
    "unit": _unit,
    **host_words.KINDS,
}
