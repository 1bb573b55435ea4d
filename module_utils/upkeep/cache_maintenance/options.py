# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeping caches takes: the one place of names, types, defaults and limits."""

from __future__ import annotations

import typing as t

from ..acceptance import DEFAULT_MARK
from ..base.bounded import deadline_option
from ..base.options import Option, Options, option, requirements
from ..base.redis_client import redis_login_options

#: What one call may do: remove what is past its time, report figures, renew what is due.
WORK: t.Final = ("sweep", "look", "refresh")
SWITCHES: t.Final = ("refresh", "validate", "debug")
_NAME: t.Final = "[A-Za-z0-9][A-Za-z0-9_-]*"
_FILE_PATTERN: t.Final = r"[^/\x00]+"
_UNIT: t.Final = r"[A-Za-z0-9][A-Za-z0-9:_.@-]*\.service"


def _name(what: str) -> Option:
    return option(
        "str",
        f"Name of the {what} in findings.",
        required=True,
        pattern=_NAME,
        why="since it becomes the name of a check",
    )


def _component(what: str) -> Option:
    return option("str", f"The {what} concerns only hosts that carry this component.")


def _aspect(description: str, **options: Option) -> Option:
    own = requirements()
    own["description"] += " Those of the entry when none are given."

    return option("dict", description, options={**options, "requirements": own})


_CLASS: t.Final[Options] = {
    "name": _name("class"),
    "files": option(
        "str",
        "Shell pattern of their names.",
        required=True,
        pattern=_FILE_PATTERN,
        why="the name of a file, without folders",
    ),
    "hours": option("float", "How long an entry is fresh.", required=True, above=0),
    "key": option(
        "str",
        "Regular expression with one group: entries whose group is the same text are versions of"
        " one thing. By default each name stands for itself.",
    ),
    "row_pattern": option("str", "Regular expression for a row. A page without rows is not valid."),
    "structure_pattern": option(
        "str", "Regular expression that fits every row as long as the source looks as it did."
    ),
    "items": option("str", "Name of the list that an entry, a JSON object, must have."),
    "fields": option(
        "dict",
        "Names that each item must have, to C(text), C(number), C(whole), C(flag), C(date),"
        " C(time), C(list) or C(mapping).",
        default={},
    ),
    "pages": option(
        "str",
        "File name with one C(*) of the page that an entry was made of; C(files) has one C(*) as"
        " well, for the same text. An entry is valid with as many items as its page has rows.",
        pattern=r"[^*/\x00]*\*[^*/\x00]*",
        why="a file name with one '*', such as calendar_*.html",
    ),
    "json": option("bool", "Whether an entry must be a JSON object.", default=False),
    "changed_field": option(
        "str",
        "Number in an entry, a JSON object. Above 0 the source has changed since the entry before,"
        " and what else was made of it is refreshed.",
    ),
    "requirements": requirements(),
}

_FILE_CACHE: t.Final[Options] = {
    "name": _name("cache"),
    "component": _component("cache"),
    "folder": option("path", "Folder that holds the entries.", required=True),
    "root": option(
        "path", "The folder must lie below this one, also after links are resolved.", required=True
    ),
    "classes": option(
        "list",
        "Kinds of entries with their life time, the first that fits a name. A file that fits none"
        " is not touched.",
        elements="dict",
        required=True,
        min_items=1,
        options=_CLASS,
    ),
    "max_files": option("int", "A folder with more is not looked at.", default=500_000, minimum=1),
    "hits": _aspect(
        "Report the share of lookups that the cache could answer, from the application's journal.",
        unit=option("str", "Unit whose journal is read.", required=True, pattern=_UNIT),
        pattern=option(
            "str",
            "Regular expression with the groups C(hits) and C(lookups), both numbers.",
            required=True,
        ),
        days=option("float", "How far back it is read.", default=7, above=0, maximum=366),
        warning=option("float", "Below this share in % the finding is C(warning).", minimum=0),
    ),
    "size": _aspect(
        "Report the storage that the entries take.",
        warning=option("float", "Above so many MiB the finding is C(warning).", above=0),
    ),
    "age": _aspect("Report how the ages of the entries are spread."),
    "valid": _aspect(
        "Report the share of entries that pass validation.",
        warning=option("float", "Below this share in % the finding is C(warning).", minimum=0),
        sample=option("int", "How many are read, the newest first.", default=2000, minimum=1),
    ),
    "emptying": _aspect("Which requirements ask for emptying it on demand."),
    "requirements": requirements(),
}

_PATTERN: t.Final[Options] = {
    "name": _name("keys"),
    "pattern": option(
        "str",
        "Glob of Redis that their names match. Keys with a protected prefix never match.",
        required=True,
        min_length=1,
    ),
    "life_seconds": option(
        "int",
        "Life time that the application gives them; without it, that of each key is estimated.",
        minimum=1,
    ),
    "sweep_idle_hours": option(
        "float",
        "A sweep removes keys that nobody has read for so long. Without it a sweep leaves them"
        " alone.",
        above=0,
    ),
    "requirements": requirements(),
}

_REDIS_CACHE: t.Final[Options] = {
    "name": _name("cache"),
    "component": _component("cache"),
    **redis_login_options(),
    "database": option("int", "Number of the database.", default=0, minimum=0, maximum=65535),
    "patterns": option(
        "list",
        "Keys that the application can make again.",
        elements="dict",
        required=True,
        min_items=1,
        options=_PATTERN,
    ),
    "protected": option(
        "list",
        "Prefixes that never match, beside those of brokers, locks and rate limits, which are"
        " always protected.",
        elements="str",
        default=[],
        min_length=1,
        why="an empty one would protect every key",
    ),
    "max_latency_ms": option(
        "float",
        "Deleting slows down well below this, and stops when another client has to wait longer"
        " three times in a row, in milliseconds.",
        default=50,
        above=0,
    ),
    "max_seconds": option("int", "How long one pattern may take.", default=900, minimum=1),
    "hits": _aspect(
        "Report the share of lookups that found their key since the previous run.",
        warning=option("float", "Below this share in % the finding is C(warning).", minimum=0),
        min_lookups=option("int", "Fewer lookups are not judged.", default=100, minimum=1),
    ),
    "lifetimes": _aspect(
        "Report for each pattern the share of keys that nobody has read for more than half of their"
        " life time.",
        sample=option("int", "How many keys of a pattern are looked at.", default=1000, minimum=1),
        warning=option("float", "Above this share in % the finding is C(warning).", minimum=0),
    ),
    "emptying": _aspect("Which requirements ask for emptying it on demand."),
    "requirements": requirements(),
}

_WARMING: t.Final[Options] = {
    "name": _name("warming"),
    "component": _component("warming"),
    "user": option("str", "Account that the program runs as.", required=True, min_length=1),
    "folder": option("path", "Folder that it starts in.", required=True),
    "argv": option(
        "list",
        "Program and arguments that warm everything.",
        elements="str",
        required=True,
        min_items=1,
    ),
    "restart": _aspect(
        "Warm what matters most after a restart of the server.",
        argv=option(
            "list",
            "Program and arguments that do so.",
            elements="str",
            required=True,
            min_items=1,
        ),
    ),
    "environment_file": option("path", "File with its environment, in systemd's format."),
    "redis_cache": option(
        "str", "Name of the Redis cache whose restart is noticed; one of C(redis_caches)."
    ),
    "every_hours": option("float", "How often everything is warmed.", required=True, above=0),
    "min_minutes": option(
        "float",
        "The least time between two warmings, also after one that failed.",
        default=10,
        minimum=1,
        why="or caches that stay cold would be warmed without a pause",
    ),
    "max_seconds": option(
        "int", "How long one may take; then it is ended.", default=600, minimum=1, maximum=3600
    ),
    "requirements": requirements(),
}

_SWITCH: t.Final[Options] = {
    "variable": option(
        "str", "Environment variable.", required=True, pattern="[A-Za-z_][A-Za-z0-9_]*"
    ),
    "value": option("str", "Its value.", default="true", pattern=r"[A-Za-z0-9_.,:/-]+"),
    "requirements": requirements(),
}

_SOURCE: t.Final[Options] = {
    "name": _name("source"),
    "url": option("str", "Address that must answer.", required=True, pattern=r"https?://\S+"),
    "requirements": requirements(),
}

_SCRAPER: t.Final[Options] = {
    "name": _name("scraper"),
    "component": _component("scraper"),
    "unit": option(
        "str",
        "Its own service unit, of type C(oneshot), which its timer starts as well.",
        required=True,
        pattern=_UNIT,
        why="the full name of a service unit",
    ),
    "file_cache": option("str", "Name of the file cache that it fills; one of C(file_caches)."),
    "due_classes": option(
        "list",
        "Classes that make it due: when the newest valid entry of one of them is past its life.",
        elements="str",
        default=[],
    ),
    "sources": option(
        "list",
        "Sites and services that it needs. They are asked before it runs; when one does not answer,"
        " it does not run, and what is stale is kept.",
        elements="dict",
        options=_SOURCE,
        default=[],
    ),
    **{
        name: option("dict", f"How it is told, for one run only, to {what}.", options=_SWITCH)
        for name, what in (
            ("refresh", "fetch everything anew"),
            ("validate", "compare what it fetched with what it made of it"),
            ("debug", "log each entry"),
        )
    },
    "min_minutes": option(
        "float",
        "The least time between two runs that are due, also after one that failed.",
        default=50,
        minimum=1,
        why="or a source that is down would be asked without a pause",
    ),
    "max_seconds": option(
        "int", "How long one run may take.", default=900, minimum=1, maximum=3600
    ),
    "triggers": _aspect(
        "Refresh everything when the source has changed or an entry is not valid.",
    ),
    "requirements": requirements(),
}

_LEFTOVERS: t.Final[Options] = {
    "name": _name("leftovers"),
    "component": _component("entry"),
    "root": option("path", "Folder below which they lie.", required=True),
    "files": option(
        "str",
        "Shell pattern of their names, not only wildcards.",
        required=True,
        pattern=r"[^/\x00]*[A-Za-z0-9]{3}[^/\x00]*",
        why="a pattern without folders that names at least three letters, such as test_*.db",
    ),
    "min_hours": option(
        "float",
        "Younger ones are left alone.",
        default=24,
        minimum=1,
        why="a test may be at work with it",
    ),
    "keep": option(
        "list",
        "Paths that are never removed, such as those of databases in use.",
        elements="path",
        default=[],
    ),
    "requirements": requirements(),
}


def _entries(description: str, options: Options) -> Option:
    return option("list", description, elements="dict", options=options, default=[])


OPTIONS: t.Final[Options] = {
    "file_caches": _entries("Folders of cached files.", _FILE_CACHE),
    "redis_caches": _entries("Cached keys in Redis.", _REDIS_CACHE),
    "warmings": _entries("Programs that fill a cache before somebody asks.", _WARMING),
    "scrapers": _entries("Units that fill a file cache from other sites.", _SCRAPER),
    "leftovers": _entries("Files that tests leave behind.", _LEFTOVERS),
    "components": option(
        "list",
        "Components that this host carries. Without this option all entries concern it.",
        elements="str",
    ),
    "work": option(
        "list",
        [
            "What to do. C(sweep) removes what is past its time, C(look) reports figures,"
            " C(refresh) runs the scrapers and warmings that are due.",
        ],
        elements="str",
        choices=WORK,
        default=list(WORK),
    ),
    "empty": option(
        "list",
        [
            "Empty these on demand: names of caches, C(cache.class) or C(cache.keys) for one class"
            " of files or one pattern of keys, C(all) for everything that is declared.",
            "Nothing else of C(work) is done. Files that a scraper fills are renewed first, and"
            " only what it did not renew is removed.",
        ],
        elements="str",
        default=[],
    ),
    "run": option(
        "list",
        "Run these scrapers and warmings by name now, whether or not they are due.",
        elements="str",
        default=[],
    ),
    "switches": option(
        "list",
        "Switches for the scrapers that C(run) names.",
        elements="str",
        choices=SWITCHES,
        default=[],
    ),
    "forbidden": option("str", "Why nothing may be changed now; empty when it may.", default=""),
    "require_acceptance": option(
        "bool", "Change nothing on a host that nobody has accepted.", default=True
    ),
    "accepted_file": option("path", "The mark of acceptance.", default=DEFAULT_MARK),
    "state_file": option(
        "path",
        "Where counters and times of the previous runs are kept.",
        default="/var/lib/upkeep/cache_maintenance.json",
    ),
    "timeout": option(
        "float",
        "Limit for one folder, source or answer of a server, in seconds.",
        default=60,
        above=0,
    ),
    **deadline_option(5400),
}
