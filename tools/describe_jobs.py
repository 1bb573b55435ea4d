# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the jobs of a profile check and do, in words: one table a list for the page of a system.

Each function takes the entries of a profile's list and yields rows: cells under the columns that
SECTIONS names, and the ids that ask for it. What a check of a kind asks is described by the kind.
"""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known
from tools import describe_databases, describe_logs
from tools.describe_entries import (
    NONE,
    Entry,
    Row,
    Section,
    code,
    codes,
    filled,
    limits,
    plain,
    when,
)

# isort: split
from ansible.module_utils.upkeep.data_quality.kinds import KINDS

_DATA_UNITS: t.Final = {"age": " s", "gaps": " s", "baseline": " % from what is usual"}


def data_quality(checks: Sequence[Entry]) -> Iterator[Row]:
    """Yield each aspect of the data that has a limit; a check without any is only reported."""
    for check in checks:
        kind = KINDS[check["kind"]]
        name, asked = f"{kind.prefix}:{check['name']}", kind.describe(check)
        where = [asked, check["component"], when(check)]
        aspects: Mapping[str, Entry] = check.get("aspects") or {}

        for aspect, entry in aspects.items():
            side = kind.aspects.get(aspect) or "above"
            side = check.get("worse", "above") if aspect == "value" else side
            finding = name if aspect in ("value", "baseline") else f"{name}.{aspect}"
            ids = entry.get("requirements") or check.get("requirements", ())
            yield [code(finding), *where, *limits(entry, side, _data_unit(check, aspect))], ids

        if not aspects:
            broken = "otherwise" if check["kind"] == "integrity" else NONE
            yield [code(name), *where, broken, NONE], check.get("requirements", ())


def _data_unit(check: Entry, aspect: str) -> str:
    if aspect == "value" and check.get("unit"):
        return f" {check['unit']}"

    return _DATA_UNITS.get(aspect, "")


def self_heal(units: Sequence[Entry]) -> Iterator[Row]:
    """Yield each unit that may be restarted."""
    for unit in filled("self_heal", units):
        checks = f" or {codes(unit['checks'])} fails" if unit["checks"] else ""
        often = "once" if unit["at_most"] == 1 else f"{unit['at_most']} times"
        cells = [
            code(unit["unit"]),
            unit["component"] or "all",
            f"it is not active{checks}",
            f"{often} in {unit['window_minutes']:g} min",
            codes(unit["needs"]) or NONE,
        ]
        yield cells, unit["requirements"]


def kpis(figures: Sequence[Entry]) -> Iterator[Row]:
    """Yield each key figure with its target and its alarm."""
    for figure in figures:
        unit = f" {figure['unit']}" if "unit" in figure else ""
        how = ": how often it is ok" if figure.get("measure") == "ok" else ""
        sides = [_kept(figure.get(key, {}), unit) for key in ("target", "alert")]
        cells = [figure["title"], f"{code(figure['check'])}{how}", *sides]
        yield cells, figure.get("requirements", ())


def _kept(limit: Entry, unit: str) -> str:
    sides = [f"{key.replace('_', ' ')} {value:g}{unit}" for key, value in limit.items()]

    return ", ".join(sides) or NONE


def redis(servers: Sequence[Entry]) -> Iterator[Row]:
    """Yield what each server shall have, and what is looked at."""
    for server in filled("redis", servers):
        for aspect, describe in _REDIS.items():
            if server[aspect]:
                name = f"redis_tune:{server['name']}.{aspect}"
                side = "below" if aspect == "hit_ratio" else "above"
                cells = [code(name), describe(server[aspect]), *limits(server[aspect], side)]
                yield cells, server[aspect]["requirements"] or server["requirements"]


def _lasting(entry: Entry) -> str:
    must = f", of which none may fit {codes(entry['must_expire'])}" if entry["must_expire"] else ""

    return f"share of keys in % that never expire, {entry['listed']} of them named{must}"


_REDIS: t.Final[Mapping[str, Callable[[Entry], str]]] = {
    "maxmemory": lambda entry: f"set to {code(entry['value'])}",
    "maxmemory_policy": lambda entry: f"set to {code(entry['value'])}",
    "save": lambda entry: f"set to {code(entry['value'])}",
    "fragmentation": lambda entry: (
        f"memory is given back above a ratio of {entry['ratio']:g} and {entry['min_mb']:g} MiB"
    ),
    "memory": lambda _: "memory in use, in % of its limit, and its growth",
    "hit_ratio": lambda _: "look-ups in % that found their key",
    "slow_log": lambda entry: f"slow commands, {entry['entries']} of them named",
    "clients": lambda _: "connections in use, in %",
    "keys_without_expiry": _lasting,
    "kernel": lambda _: "settings of the kernel that Redis warns about",
}


def task_queue(applications: Sequence[Entry]) -> Iterator[Row]:
    """Yield what is looked at of each application's task queue."""
    for application in filled("task_queue", applications):
        name, own = f"task_queue:{application['name']}", application["requirements"]
        for queue in application["queues"]:
            cells = [code(f"{name}.queue_{queue['name']}"), "tasks that wait", *limits(queue)]
            yield cells, queue["requirements"] or own

        for task in application["tasks"]:
            limit = f"above {task['max_seconds']:g} s"
            cells = [code(f"{name}.running_{task['name']}"), "for how long it runs", limit, NONE]
            yield cells, task["requirements"] or own

        for aspect, (asked, warning, critical) in _TASK_QUEUE.items():
            entry = application[aspect]
            if entry:
                own_limits = limits(entry) if "warning" in entry else [NONE, NONE]
                cells = [
                    code(f"{name}.{aspect}"),
                    asked.format(**entry),
                    warning.format(**entry) or own_limits[0],
                    critical.format(**entry) or own_limits[1],
                ]
                yield cells, entry["requirements"] or own


#: Aspect -> what is asked, and when it is a warning or critical where that is no figure of its own.
_TASK_QUEUE: t.Final[Mapping[str, tuple[str, str, str]]] = {
    "workers": ("workers that answer", "", "below {at_least}"),
    "active": ("tasks that run", "", ""),
    "scheduled": ("tasks that wait in workers for a later start", "", ""),
    "statistics": ("processes and finished tasks", "", ""),
    "in_hand": ("age in s of the oldest task in the hands of workers", "", ""),
    "oldest": ("age in s of the oldest waiting task, by the looks of Upkeep", "", ""),
    "visibility_timeout": ("the broker waits for longer than any task", "otherwise", ""),
    "beat": ("one beat runs, and has sent a task of late", "not for {max_age:g} s", "not one"),
    "results": ("stored results", "", ""),
    "failed": ("tasks that failed in the last {hours:g} h", "", ""),
    "purge": ("may be purged after it was saved, on demand", "", ""),
    "retry": ("failed tasks of some names may be started again, on demand", "", ""),
}


def models(entries: Sequence[Entry]) -> Iterator[Row]:
    """Yield each approved file and what else is required of it."""
    for model in filled("models", entries):
        path = code("/".join(filter(None, (model.get("root"), model["path"]))))
        recorded = "the file is the recorded one: SHA-256, MD5 and size"
        yield [path, recorded], model["requirements"]

        for key, describe in _MODEL.items():
            if model.get(key):
                yield [path, describe(model[key])], model[key]["requirements"]


def _model_limits(entry: Entry) -> str:
    given = {name: value for name, value in entry.items() if name != "requirements"}
    sides = {name: "at most" if name.startswith("max") else "at least" for name in given}

    return ", ".join(
        f"{name.replace('_', ' ')} {sides[name]} {value:g}"
        for name, value in given.items()
        if value is not None
    )


_MODEL: t.Final[Mapping[str, Callable[[Entry], str]]] = {
    "metadata": lambda entry: f"{code(entry['path'])} beside it has {plain(entry['keys'])}",
    "limits": _model_limits,
    "in_use": lambda entry: f"last line of {code(entry['log'])} is {code(entry['expected'])}",
    "drift": lambda entry: (
        f"it predicts {code(entry['reference'])} with an R2 of at least {entry['r2']:g}"
    ),
}


def updated_models(entries: Sequence[Entry]) -> Iterator[Row]:
    """Yield what a candidate must show before it serves, and what is done with the old one."""
    for model in filled("updated_models", entries):
        path, own = code(f"{model['root']}/{model['path']}"), model["requirements"]
        if evaluation := model["evaluation"]:
            fits = f"an R2 of at least {evaluation['r2']:g} for {code(evaluation['reference'])}"
            yield [path, f"measured beside what serves: {fits}"], evaluation["requirements"] or own

        for training in model["trainings"]:
            made = f"{code(' '.join(training['command']))} makes a candidate"
            if training["test"]:
                made += f", {code(' '.join(training['test']))} tests it"
            yield [path, made], training["requirements"] or own

        seconds = model["server"]["confirmation"]["seconds"]
        units = codes([model["server"]["unit"], *model["workers"]])
        kept = f"{model['keep']} earlier ones are kept; {units} restarted"
        yield [path, f"{kept}; confirmed for {seconds:g} s by our own probes, or taken back"], own


def failover_tests(entries: Sequence[Entry]) -> Iterator[Row]:
    """Yield what is stopped for a moment, and who must take over within what time."""
    for test in filled("failover_tests", entries):
        others = codes(test["others"])
        limit = f"stopped; {others} must answer within {test['take_over_seconds']:g} s"
        again = f"then it serves again within {test['start_seconds']:g} s"
        age = f"at most {test['promised_days']:g} days ago"
        yield [code(test["unit"]), f"{limit}, {again}", age], test["requirements"]


def model_folders(folders: Sequence[Entry]) -> Iterator[Row]:
    """Yield each folder in which no other file may lie."""
    for folder in filled("model_folders", folders):
        only = codes(folder["patterns"]) or "files"
        yield [code(folder["path"]), f"no {only} that nobody recorded"], folder["requirements"]


def test_suites(suites: Sequence[Entry]) -> Iterator[Row]:
    """Yield each suite of the application's own tests."""
    for suite in filled("test_suites", suites):
        coverage, figures = suite["coverage"], suite["figures"]
        required = [f"coverage at least {coverage['minimum']:g} %"] if coverage else []
        required += [_figure(figure) for figure in figures]
        cells = [
            code(f"tests:{suite['name']}"),
            codes(suite["paths"]),
            "a test database" if suite["database"] else NONE,
            "on demand" if suite.get("on_demand") else when(suite),
            "; ".join(required) or "all pass",
        ]
        inner = [*([coverage] if coverage else []), *figures]
        ids = [id_ for part in (suite, *inner) for id_ in part["requirements"]]
        yield cells, ids


def _figure(figure: Entry) -> str:
    name, side = figure["name"].replace("_", " "), figure["worse"]

    return f"{name} at most {figure['warning_percent']:g} % {side} its baseline"


def checklist(entries: Sequence[Entry]) -> Iterator[Row]:
    """Yield what each entry of the guide's checklist has a run cover."""
    for entry in entries:
        for item in entry["items"]:
            waits = f"waits for {code(item['waits_for'])}" if "waits_for" in item else ""
            cells = [when(entry), item["name"], waits or codes(item["seen_in"])]
            yield cells, entry.get("requirements", ())


#: Name of a profile's list -> its table.
SECTIONS: t.Final[Mapping[str, Section]] = {
    "log_reviews": Section(
        "Log review",
        "A log that is missing or cannot be read is unknown. What has no limit is only reported."
        " What a format is and which are known: [formats of logs](../log-formats.md).",
        ("finding", "what is searched for", "over", "playbooks", "warning", "critical"),
        describe_logs.log_reviews,
    ),
    "data_quality": Section(
        "Data quality",
        "One read-only query a table. What has no limit is only reported.",
        ("finding", "what is checked", "hosts", "playbooks", "warning", "critical"),
        data_quality,
    ),
    "redis": Section(
        "Redis",
        "What differs is set and written to the server's own file; figures count from the previous"
        " run.",
        ("finding", "what is set or looked at", "warning", "critical"),
        redis,
    ),
    "task_queue": Section(
        "Task queue",
        "The broker and the workers are asked; the application's code is never loaded.",
        ("finding", "what is looked at or allowed", "warning", "critical"),
        task_queue,
    ),
    "models": Section(
        "Models",
        "A file without a record is unknown, another file is critical.",
        ("file", "what is required"),
        models,
    ),
    "updated_models": Section(
        "Updates of models",
        "By `playbooks/update_model.yml`; what they leave is looked at every day.",
        ("file", "what is done"),
        updated_models,
    ),
    "failover_tests": Section(
        "Failover",
        "By `playbooks/test_failover.yml`, which always starts again what it stops; the quarterly"
        " run says how long ago one passed.",
        ("unit", "what is done", "the last that passed"),
        failover_tests,
    ),
    "model_folders": Section(
        "Folders of models", "", ("folder", "what is required"), model_folders
    ),
    "sqlite_databases": Section("SQLite", "", ("file", "what", "when"), describe_databases.sqlite),
    "test_suites": Section(
        "Tests of the application",
        "They run away from production: another user or database, refused when it is production's.",
        ("finding", "tests", "with", "playbooks", "what is required"),
        test_suites,
    ),
    "self_heal": Section(
        "Restarted when down",
        "Under the lock, never on a host that is not accepted. A unit is left alone while one that"
        " it needs is down.",
        ("unit", "hosts", "when", "at most", "needs"),
        self_heal,
    ),
    "checklist": Section(
        "Covered by the guide's checklist",
        "A run that has no such finding says so by `checklist:NAME`, unless the gate held it.",
        ("playbooks", "item", "findings"),
        checklist,
    ),
    "checklist_waiting": Section(
        "Not covered yet",
        "Entries of the checklist that wait for a role; they do not count as done.",
        ("playbooks", "item", "findings"),
        checklist,
    ),
    "kpis": Section(
        "Key figures",
        "`python -m upkeep kpis` shows them over time.",
        ("figure", "taken from", "target", "alarm unless"),
        kpis,
    ),
}
