# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tuning Redis takes: the one place of names, types, defaults and limits."""

from __future__ import annotations

import typing as t

from ..base.bounded import deadline_option
from ..base.options import Option, Options, option, requirements
from ..base.redis_client import redis_login_options

POLICIES: t.Final = (
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
)
PURPOSES: t.Final = ("cache", "broker", "mixed")


def _aspect(description: str, **options: Option) -> Option:
    """Declare an aspect of an instance, which is looked at when it is given."""
    own = requirements()
    own["description"] += " Those of the instance when none are given."

    return option("dict", description, options={**options, "requirements": own})


def _limits(what: str) -> Options:
    return {
        "warning": option("float", f"Beyond this {what} the finding is C(warning).", minimum=0),
        "critical": option("float", f"Beyond this {what} the finding is C(critical).", minimum=0),
    }


_INSTANCE: t.Final[Options] = {
    "name": option(
        "str",
        "Name for people; the findings are called C(redis_tune:name).",
        required=True,
        pattern="[A-Za-z0-9][A-Za-z0-9_-]*",
        why="since it becomes the name of a check",
    ),
    "component": option("str", "The instance concerns only hosts that carry this component."),
    "purpose": option(
        "str",
        [
            "What the server is for. C(cache): each key can be made again. C(broker): it holds"
            " tasks or locks. C(mixed): both.",
            "A C(broker) gets no policy but C(noeviction), a C(mixed) server none that evicts keys"
            " without an expiry, whatever C(settings) says.",
        ],
        choices=PURPOSES,
        required=True,
    ),
    **redis_login_options(),
    "maxmemory": _aspect(
        "The most memory that the data may take.",
        value=option(
            "str",
            "As in redis.conf, C(512mb). 0 is no limit.",
            required=True,
            pattern="(?i)[0-9]{1,15}(b|kb?|mb?|gb?)?",
        ),
    ),
    "maxmemory_policy": _aspect(
        "What is evicted when the memory is used up. Never set while there is no C(maxmemory).",
        value=option("str", "Name of the policy.", choices=POLICIES, required=True),
    ),
    "save": _aspect(
        "When a snapshot is written.",
        value=option(
            "str",
            "Pairs of seconds and changes, C(900 1 300 10). Empty is never, for a cache only.",
            required=True,
            pattern="|[0-9]{1,9} [0-9]{1,9}( [0-9]{1,9} [0-9]{1,9})*",
        ),
    ),
    "fragmentation": _aspect(
        "Give memory back that the allocator holds, and defragment where the server can.",
        ratio=option(
            "float",
            "Nothing is done, and nothing warned about, up to this ratio.",
            default=1.5,
            above=1,
        ),
        min_mb=option(
            "float",
            "Nothing is done while less than this could be won, in MiB: the ratio says little about"
            " a small server.",
            default=64,
            minimum=1,
            why="or every run would find work",
        ),
        seconds=option(
            "int", "How long a defragmentation may take.", default=60, minimum=1, maximum=3600
        ),
    ),
    "memory": _aspect(
        "Report the memory in use, as a share of C(maxmemory) where there is one, and its growth.",
        **_limits("share in %"),
    ),
    "hit_ratio": _aspect(
        "Report the share of lookups in % that found their key since the previous run.",
        warning=option("float", "Below this the finding is C(warning).", minimum=0, maximum=100),
        min_lookups=option("int", "Fewer lookups are not judged.", default=100, minimum=1),
    ),
    "slow_log": _aspect(
        "Report the commands that took longer than the server's C(slowlog-log-slower-than).",
        entries=option("int", "How many are read and named.", default=10, minimum=1, maximum=128),
        **_limits("number of entries since the previous run"),
    ),
    "clients": _aspect(
        "Report connected clients as a share of C(maxclients), and refused ones.",
        **_limits("share in %"),
    ),
    "keys_without_expiry": _aspect(
        "List keys that never expire, for a person to review.",
        listed=option("int", "How many are named.", default=20, minimum=1, maximum=200),
        must_expire=option(
            "list",
            "Patterns of names as Redis has them, C(sessions:*). A key that fits one and never"
            " expires is a finding C(warning) of its own.",
            elements="str",
            default=[],
        ),
        max_scanned=option(
            "int",
            "How many keys are looked at. Redis counts each as a lookup that found its key.",
            default=20_000,
            minimum=100,
        ),
        seconds=option("float", "How long that may take.", default=10, above=0, maximum=600),
        **_limits("share in %"),
    ),
    "kernel": _aspect("Report settings of the kernel that Redis warns about. Nothing is set."),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "instances": option(
        "list",
        "The Redis servers of this host. An aspect that is left out is not looked after.",
        elements="dict",
        required=True,
        options=_INSTANCE,
    ),
    "components": option(
        "list",
        "Components that this host carries. Without this option all instances concern it.",
        elements="str",
    ),
    "state_file": option(
        "path",
        "Where the counters of the previous run are kept.",
        default="/var/lib/upkeep/redis_tune.json",
    ),
    "timeout": option(
        "float",
        "Limit for the answers of one server, in seconds; scanning keys and defragmenting have"
        " limits of their own.",
        default=30,
        above=0,
    ),
    **deadline_option(3600),
}
