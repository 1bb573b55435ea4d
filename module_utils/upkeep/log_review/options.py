# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What log_review takes."""

from __future__ import annotations

import typing as t

from ..base.bounded import deadline_option
from ..base.options import Options, option, requirements
from .formats import FORMATS
from .formats.line_format import LEVELS

MEASURES: t.Final = ["count", "share", "duration", "ranking", "newest"]
_NAME: t.Final = "[a-z0-9][a-z0-9_-]*"
_NAME_WHY: t.Final = "since findings are named after it"
_LENGTH: t.Final = "(?:[1-9][0-9]{0,5}[smhd])?"
_LENGTH_WHY: t.Final = "a length such as 90s, 15m, 24h or 7d"
_UNIT: t.Final = r"[A-Za-z0-9][A-Za-z0-9:_.@\\-]*\.[a-z]+"


def _cadences() -> dict[str, t.Any]:
    return option("list", "Cadences that want it; all when none are given.", elements="str")


REVIEW: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the review, unique within its log.",
        required=True,
        pattern=_NAME,
        why=_NAME_WHY,
    ),
    "measure": option(
        "str",
        [
            "V(count) counts events; V(share) sets them against O(sources[].reviews[].of), or all, "
            "in per cent.",
            "V(duration) averages O(sources[].reviews[].number). V(ranking) counts for each value "
            "of O(sources[].reviews[].by), and holds the largest against the limits.",
            "V(newest) asks whether the newest event has O(sources[].reviews[].expected).",
        ],
        choices=MEASURES,
        default="count",
    ),
    "window": option(
        "str",
        [
            "A length up to now such as V(1h) or V(24h), or V(today), V(month), V(last_month), "
            "V(all), V(since_last_run), V(since_start).",
            "V(since_last_run) is a place in the log and not a time, so a line that is written "
            "late counts once.",
        ],
        default="24h",
    ),
    "pattern": option(
        "str",
        "Regular expression that an event must fit. V(^) and V($) mean a line.",
        default="",
    ),
    "ignore_case": option("bool", "Whether upper and lower case are the same.", default=False),
    "exclude": option("str", "Regular expression that an event must not fit.", default=""),
    "levels": option(
        "list",
        "Levels of the events. A traceback is an error.",
        elements="str",
        choices=list(LEVELS),
        default=[],
    ),
    "secrets": option(
        "bool",
        "Count events that hold what looks like a password, token or key that is not masked.",
        default=False,
    ),
    "of": option("str", "Regular expression of the events that a share is taken of.", default=""),
    "worst_of": option(
        "str",
        [
            "Cut the window into parts of this length, as in V(5m), and judge the one with the "
            "largest share or count.",
            "Of shares, parts with fewer events than O(sources[].reviews[].least_events) are left "
            "out.",
        ],
        default="",
        pattern=_LENGTH,
        why=_LENGTH_WHY,
    ),
    "number": option(
        "str",
        [
            "Field, or named group of the pattern, that holds a number.",
            "One with a unit of time of its own is converted to O(sources[].reviews[].unit).",
        ],
        default="",
    ),
    "more_than": option("float", "Count only events whose number is larger.", minimum=0),
    "by": option(
        "str",
        "Field, named group, or V(hour), V(level), V(message), for the ranking.",
        default="",
    ),
    "expected": option(
        "str",
        "Text that the newest event must contain, as whole words: V(v1) is not in V(v10).",
        default="",
    ),
    "figure": option(
        "str",
        "Which figure of durations is held against the limits.",
        choices=["average", "p95"],
        default="average",
    ),
    "per": option(
        "str",
        "Give a count as its average for each part of this length, as in V(1h) for events per hour;"
        " limits are then for that. The window must be a length.",
        default="",
        pattern=_LENGTH,
        why=_LENGTH_WHY,
    ),
    "unit": option("str", "Unit of what is counted or measured, for people.", default=""),
    "advice": option(
        "str",
        "What to do beyond a limit, as a clause such as V(consider adding workers). Without it a"
        " message says what is usual for its measure.",
        default="",
    ),
    "warning": option("float", "Largest value that is not a C(warning).", minimum=0),
    "critical": option("float", "Largest value that is not C(critical).", minimum=0),
    "at_least": option("float", "Smallest count that is not a C(warning).", minimum=0),
    "trend_percent": option(
        "float",
        "By how much durations may have grown since the previous window of the same length; of a "
        "count, by how much it may be larger or smaller than there. With fewer events than "
        "O(sources[].reviews[].least_events) in that window, or a log that does not reach back "
        "over it, there is nothing to compare with.",
        minimum=0,
    ),
    "least_events": option(
        "int",
        "Fewer than these are not enough to judge a share, durations or a trend.",
        default=1,
        minimum=1,
    ),
    "show": option(
        "int",
        "How many of the newest events are returned; five of them also stand in the message of the "
        "finding, and up to 50 are its lines on the page and in the record.",
        default=5,
        minimum=0,
        maximum=1000,
    ),
    "cadences": _cadences(),
    "requirements": requirements(),
}

OWN_FORMAT: t.Final[Options] = {
    "lines": option(
        "list",
        [
            "Regular expressions of the first line of an event, tried in turn, with the named "
            "groups C(timestamp), C(level), C(message), and any others.",
            "V({iso}), V({day_first}), V({asctime}), V({no_year}) and V({unix}) stand for a "
            "timestamp of that shape, V({level}) for the name of a level.",
        ],
        elements="str",
        required=True,
        min_items=1,
    ),
    "begins": option(
        "str",
        "Regular expression that the first line of each event begins with, as the time alone does.",
        required=True,
        min_length=1,
    ),
    "continues": option(
        "str",
        "Regular expression of the beginning of lines that go on with an event, besides those that "
        "are always taken so: indented and empty lines, and tracebacks.",
        default="",
    ),
    "timestamp": option(
        "str",
        "Form of the time as for C(strptime), such as V(%d.%m.%Y %H:%M:%S), where it is not one "
        "of the known shapes.",
        default="",
    ),
}

SOURCE: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the log, unique; its findings are called C(log:name) and C(log:name.review).",
        required=True,
        pattern=_NAME,
        why=_NAME_WHY,
    ),
    "kind": option(
        "str",
        "Where it is kept.",
        choices=["file", "journal", "container"],
        default="file",
    ),
    "paths": option(
        "list",
        [
            "Files, or shell patterns of their names. Rotated parts beside them are found by "
            "themselves; a file that several names lead to is read once.",
            "Only regular files are opened, and links only within their folder.",
        ],
        elements="str",
        default=[],
        pattern="/[^\\x00]*[^/\\x00]",
        why="an absolute path of a file",
    ),
    "units": option(
        "list",
        "Units of the journal, with what they themselves wrote.",
        elements="str",
        default=[],
        pattern=_UNIT,
        why="such as shop-api.service",
    ),
    "identifiers": option(
        "list",
        "Programs of the journal, as they call themselves. Without units and programs the whole "
        "journal.",
        elements="str",
        default=[],
        pattern=r"[^\x00-\x1f]+",
    ),
    "containers": option(
        "list",
        "Shell patterns of names of containers.",
        elements="str",
        default=[],
        pattern=r"[^\x00-\x1f]+",
    ),
    "format": option(
        "str",
        [
            "How a line is taken apart, see docs/log-formats.md. V(auto) takes the first format "
            "that at least 95 % of the first 1,000 lines fit, and reports which; V(text) does so "
            "among those that are not JSON.",
            "V(own) is the one in O(sources[].own_format).",
        ],
        choices=["auto", "text", "own", *sorted(FORMATS)],
        default="auto",
    ),
    "own_format": option("dict", "A format of its own, of lines of text.", options=OWN_FORMAT),
    "level_map": option(
        "dict",
        "What this log calls its levels, as in V({50: error, E: error}), besides what its format "
        "knows; in lower case.",
    ),
    "unfit_percent": option(
        "float",
        "Largest share of the lines of a window that may not fit the format, or lack what a review "
        "needs; beyond, the review is C(unknown).",
        default=5,
        minimum=0,
        maximum=100,
    ),
    "time_zone": option(
        "str", "Zone of time stamps that name none; V(local) is that of the host.", default="local"
    ),
    "timestamp_key": option(
        "str",
        "Name of the field with the time, for the format V(json). A dot leads into a nested "
        "record, here and below.",
        default="timestamp",
        min_length=1,
    ),
    "level_key": option("str", "Name of the field with the level.", default="level", min_length=1),
    "message_key": option(
        "str", "Name of the field with the message.", default="message", min_length=1
    ),
    "fields": option(
        "list",
        "Fields that each record must have; adds C(log:name.format).",
        elements="str",
        default=[],
    ),
    "silent_after": option(
        "str",
        "How old the newest line may be, such as V(26h); an older one is a C(warning).",
        default="",
        pattern=_LENGTH,
        why=_LENGTH_WHY,
    ),
    "unit": option(
        "str",
        "Unit whose start the window V(since_start) means.",
        default="",
        pattern=f"(?:{_UNIT})?",
        why="such as shop-api.service",
    ),
    "component": option("str", "Component that a host must carry to have this log.", default=""),
    "optional": option(
        "bool", "Whether the log may be missing, which is then C(info).", default=False
    ),
    "reviews": option(
        "list", "What is asked of the log.", elements="dict", default=[], options=REVIEW
    ),
    "cadences": _cadences(),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "sources": option(
        "list", "The logs of this host.", elements="dict", required=True, options=SOURCE
    ),
    "components": option(
        "list",
        "Components that this host carries. All sources are reviewed when none are given.",
        elements="str",
    ),
    "cadence": option("str", "The cadence that is running; none takes all reviews.", default=""),
    "time_zone": option("str", "Zone whose calendar has days and months.", default="UTC"),
    "state": option(
        "path",
        "File that keeps up to where the reviews V(since_last_run) have read.",
        default="/var/lib/upkeep/log_review.json",
    ),
    "container_roots": option(
        "list",
        "Folders where container engines keep their logs.",
        elements="path",
        default=["/var/lib/docker/containers", "/var/lib/containers/storage/overlay-containers"],
    ),
    "timeout": option(
        "float",
        "Seconds after which reading is ended; what is left is then C(unknown).",
        default=120,
        above=0,
        maximum=3600,
    ),
    "follow_seconds": option(
        "float",
        "Watch for this long and review only what is written meanwhile. Ends early when something "
        "is C(critical).",
        default=0,
        minimum=0,
        maximum=86400,
    ),
    "follow_events": option(
        "int",
        "Stop watching as soon as the reviews have counted this many events; 0 for the whole time.",
        default=0,
        minimum=0,
    ),
    # Above the time for reading, which ends as a finding.
    **deadline_option(300),
}
