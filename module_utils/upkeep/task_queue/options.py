# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What looking after task queues takes: the one place of names, types, defaults and limits."""

from __future__ import annotations

import typing as t

from ..base.bounded import deadline_option
from ..base.broker import key_prefix_option
from ..base.options import Option, Options, option, requirements

#: Names of queues and tasks: what Celery and Redis take, without what could confuse a reader.
NAME: t.Final = r"[A-Za-z0-9_][A-Za-z0-9_.:@{}-]{0,199}"
WHY_NAME: t.Final = "since it becomes part of a key and of the name of a check"


def _aspect(description: str, **options: Option) -> Option:
    """Declare an aspect of an application, which is looked at when it is given."""
    own = requirements()
    own["description"] += " Those of the application when none are given."

    return option("dict", description, options={**options, "requirements": own})


def _limits(what: str) -> Options:
    return {
        "warning": option("float", f"Beyond this {what} the finding is C(warning).", minimum=0),
        "critical": option("float", f"Beyond this {what} the finding is C(critical).", minimum=0),
    }


_QUEUE: t.Final[Options] = {
    "name": option("str", "Name of the queue.", required=True, pattern=NAME, why=WHY_NAME),
    **_limits("number of waiting tasks"),
    "requirements": requirements(),
}
_TASK: t.Final[Options] = {
    "name": option("str", "Name of the task.", required=True, pattern=NAME, why=WHY_NAME),
    "max_seconds": option(
        "float", "A task that runs for longer is a finding C(warning).", required=True, above=0
    ),
    "requirements": requirements(),
}

_APPLICATION: t.Final[Options] = {
    "name": option(
        "str",
        "Name for people; the findings are called C(task_queue:name).",
        required=True,
        pattern="[A-Za-z0-9][A-Za-z0-9_-]*",
        why="since it becomes the name of a check",
    ),
    "component": option("str", "The application concerns only hosts that carry this component."),
    "broker": option(
        "str",
        "C(redis://[[user]:password@]host[:port][/database]), or C(rediss://) for TLS. Never"
        " shown.",
        required=True,
        secret=True,
    ),
    "backend": option(
        "str", "Where results are kept, when that is not the broker. Never shown.", secret=True
    ),
    "verify_tls": option(
        "bool",
        "Refuse a certificate that is expired, not trusted or made out to another name.",
        default=True,
    ),
    "ca_file": option("path", "Trust these authorities instead of those of the host."),
    "application": option(
        "str",
        "The application as C(celery -A) is given it: by this, its processes on the host are"
        " known. Its code is never loaded.",
        default="",
    ),
    "key_prefix": key_prefix_option(),
    "result_prefix": option(
        "str",
        "What the application puts before each key of its results: C(global_keyprefix) of"
        " C(result_backend_transport_options), and the underscore that Celery adds to one that ends"
        " in a letter or a digit.",
        default="",
        pattern="[A-Za-z0-9_.:@{}-]{0,100}",
        why="since it becomes part of keys",
    ),
    "priority_steps": option(
        "list",
        "Steps of priority that the application uses; those of Celery itself by default.",
        elements="int",
        default=[3, 6, 9],
    ),
    "queues": option(
        "list",
        "Queues whose waiting tasks are counted. Tasks in hand are counted apart.",
        elements="dict",
        default=[],
        options=_QUEUE,
    ),
    "tasks": option(
        "list",
        "How long tasks may run.",
        elements="dict",
        default=[],
        options=_TASK,
    ),
    "workers": _aspect(
        "Ask the workers.",
        at_least=option("int", "How many must answer.", default=1, minimum=1),
    ),
    "active": _aspect("List the tasks that workers are running, and for how long."),
    "scheduled": _aspect("Count the tasks that workers hold until a later start."),
    "statistics": _aspect("Report processes and finished tasks of each worker."),
    "in_hand": _aspect(
        "Count tasks that workers have taken and not acknowledged: those with a later start,"
        " fetched ahead, or acknowledged late.",
        **_limits("age in seconds of the oldest one"),
    ),
    "oldest": _aspect(
        "Report for how long the oldest waiting task has been there, by the looks of Upkeep:"
        " messages carry no time.",
        **_limits("age in seconds"),
    ),
    "visibility_timeout": _aspect(
        "Warn when a task may run, or wait for its start, for longer than the broker's"
        " C(visibility_timeout): another worker would run it again."
    ),
    "beat": _aspect(
        "Require that exactly one beat of C(application) runs on this host.",
        max_age=option(
            "float",
            "It must have sent a task within so many seconds; the longest pause of its plan and"
            " some more.",
            default=600,
            minimum=1,
        ),
    ),
    "results": _aspect(
        "Count the stored results.",
        max_scanned=option("int", "How many keys are looked at.", default=200_000, minimum=100),
        seconds=option("float", "How long that may take.", default=20, above=0, maximum=600),
        **_limits("number of results"),
    ),
    "failed": _aspect(
        "List tasks that failed, by the results of the back end. It knows the names only where the"
        " application sets C(result_extended).",
        hours=option("float", "Only those of so many last hours.", default=24, above=0),
        list=option("str", "A list of the application's own that holds failed tasks as JSON."),
        listed=option("int", "How many are named.", default=20, minimum=1, maximum=200),
        **_limits("number of failed tasks"),
    ),
    "purge": _aspect("Allow M(task_queue_change) to purge the queues that are named here."),
    "retry": _aspect(
        "What M(task_queue_change) may start again.",
        tasks=option(
            "list", "Names of failed tasks that may run once more.", elements="str", default=[]
        ),
        own_task=option("str", "A task of the application that sees to its failed tasks itself."),
    ),
    "requirements": requirements(),
}

_APPLICATIONS: t.Final = option(
    "list",
    "The applications with a task queue. An aspect that is left out is not looked after.",
    elements="dict",
    required=True,
    options=_APPLICATION,
)

OPTIONS: t.Final[Options] = {
    "applications": _APPLICATIONS,
    "components": option(
        "list",
        "Components that this host carries. Without this option all applications concern it.",
        elements="str",
    ),
    "state_file": option(
        "path",
        "Where it is kept which task was the oldest at the previous look.",
        default="/var/lib/upkeep/task_queue.json",
    ),
    "timeout": option(
        "float",
        "Limit for the answers of one broker and its workers, in seconds; reading results has a"
        " limit of its own.",
        default=30,
        minimum=5,
        why="or loading Celery takes all of it",
    ),
    **deadline_option(600),
}

CHANGE_OPTIONS: t.Final[Options] = {
    "applications": _APPLICATIONS,
    "components": OPTIONS["components"],
    "action": option(
        "str",
        [
            "V(purge) takes the waiting tasks out of a queue, after they were saved.",
            "V(put_back) puts the tasks of such a copy back, each once.",
            "V(retry) starts failed tasks of one name again, each once.",
        ],
        choices=("purge", "put_back", "retry"),
        required=True,
    ),
    "application": option(
        "str", "Name of the application; needed where this host has several.", default=""
    ),
    "queue": option("str", "The queue to purge.", default=""),
    "copy": option("str", "Name of the copy to put back, as purging returned it.", default=""),
    "task": option("str", "Name of the failed tasks to start again.", default=""),
    "folder": option(
        "path", "Where copies are kept, readable by root only.", default="/var/lib/upkeep/queues"
    ),
    "state_file": option(
        "path",
        "Where it is kept which tasks were started again.",
        default="/var/lib/upkeep/task_queue_retried.json",
    ),
    "at_most": option(
        "int", "Start no more failed tasks than this in one call.", default=1000, minimum=1
    ),
    "timeout": OPTIONS["timeout"],
    **deadline_option(3600),
}
