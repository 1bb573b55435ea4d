# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What PostgreSQL maintenance takes: the one place of names, types, defaults and limits."""

from __future__ import annotations

import typing as t

from ..base.login import login_options
from ..base.options import Option, Options, option, requirements

#: A freshly built B-tree index of the widest keys allowed may still leave this share of its space
#: unused (a leaf page is closed when the next key, at most a third of a page, does not fit). A
#: lower limit could never be reached.
LEAST_BLOAT_PERCENT: t.Final = 30
#: Freezing younger rows would be done again and again.
LEAST_FREEZE_AGE: t.Final = 1_000_000


def _aspect(description: str, **options: Option) -> Option:
    """Declare an aspect of a database, which is looked after when it is given."""
    return option("dict", description, options={**options, "requirements": requirements()})


def _due_after_days() -> Option:
    return option(
        "float",
        "Age in days after which a table that changed is due. One never done is always due.",
        default=7,
        minimum=1,
        why="or every run would find work",
    )


def _percent(description: str, default: float | None = None) -> Option:
    return option("float", description, default=default, minimum=0, maximum=100)


_DATABASE: t.Final[Options] = {
    "name": option("str", "Name of the database.", required=True, min_length=1),
    "analyze": _aspect(
        "Refresh the statistics of each table that needs it.",
        due_after_days=_due_after_days(),
        min_changed_percent=_percent(
            "Leave a table alone while a smaller share of it than this has changed.", 0
        ),
    ),
    "vacuum": _aspect(
        "Vacuum each table that needs it; together with ANALYZE where both are due.",
        due_after_days=_due_after_days(),
        dead_tuple_percent=_percent(
            "A table with a larger share of dead rows is due whatever its age.", 20
        ),
        dead_tuples_min=option(
            "int",
            "The share of dead rows counts from this many dead rows on.",
            default=1000,
            minimum=0,
        ),
        freeze_age=option(
            "int",
            "Freeze tables whose oldest row is older, in transactions. Left to autovacuum when"
            " omitted.",
            minimum=LEAST_FREEZE_AGE,
        ),
    ),
    "reindex": _aspect(
        "Rebuild bloated B-tree indexes concurrently, and drop what an interrupted rebuild left.",
        indexes=option(
            "list",
            "Names, bare or with schema. None means every B-tree index of the database.",
            elements="str",
            default=[],
            min_length=1,
        ),
        bloat_percent=option(
            "float",
            "Rebuild when more of the index than this is unused.",
            default=LEAST_BLOAT_PERCENT,
            minimum=LEAST_BLOAT_PERCENT,
            maximum=100,
            why="since a new index of wide keys is not tighter and would be rebuilt for ever",
        ),
        min_size_mb=option(
            "float",
            "Leave smaller indexes alone.",
            default=1,
            minimum=1,
            why="smaller indexes gain nothing",
        ),
        create_extension=option(
            "bool",
            "Create C(pgstattuple), which measures indexes, where it is missing.",
            default=True,
        ),
    ),
    "sizes": _aspect(
        "Report the size of every table and of its indexes, and how much it grew since the previous"
        " run. The size of the database is always reported."
    ),
    "connections": _aspect(
        "Judge the share of the server's connections in use.",
        warning_percent=_percent("Warn above this share."),
        critical_percent=_percent("Critical above this share."),
    ),
    "long_running": _aspect(
        "Look for transactions that are open for long.",
        warning_seconds=option(
            "float",
            "Warn about a transaction that is open for longer.",
            default=300,
            above=0,
        ),
    ),
    "statements": _aspect(
        "Report the slowest statements of the applications, counted by C(pg_stat_statements).",
        show=option("int", "How many to report.", default=10, minimum=1, maximum=50),
        least_calls=option(
            "int",
            "Leave out statements that ran less often, since one slow run says little.",
            default=3,
            minimum=1,
        ),
        warning_ms=option("float", "Warn when one takes longer on average.", above=0),
    ),
    "index_use": _aspect(
        "Report indexes that were never used and tables that are mostly read from end to end.",
        least_days=option(
            "float",
            "Call an index unused only after so many days of counting.",
            default=7,
            minimum=0,
        ),
        least_rows=option("int", "Leave out smaller tables.", default=10_000, minimum=0),
        warning_mb=option(
            "float", "Warn when unused indexes take more than this together.", minimum=0
        ),
    ),
}

OPTIONS: t.Final[Options] = {
    "databases": option(
        "list",
        "The databases of this host. An aspect that is left out is not looked after.",
        elements="dict",
        required=True,
        options=_DATABASE,
    ),
    **login_options(),
    "lock_timeout": option(
        "str",
        "How long a statement may wait for a lock before it is tried again later, such as"
        " C(500ms), C(2s) or C(1min).",
        default="2s",
        pattern="0*[1-9][0-9]*(ms|s|min)",
    ),
    "max_seconds": option(
        "int",
        "No new work is begun after this time; a statement that is under way is ended two minutes"
        " later.",
        default=3600,
        above=0,
    ),
    "state_file": option(
        "path",
        "Where the sizes of this run are kept for the next; a file of the user that runs the"
        " module. Without one nobody knows how much tables grew. Not written in check mode.",
    ),
    "state": option(
        "str",
        "V(present) maintains; V(absent) only removes the extension that this module once created.",
        choices=["present", "absent"],
        default="present",
    ),
}
