# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A deadline for a whole module: it ends itself and all that it started, and says so.

The last net: a module bounds its parts, so that a slow one becomes a finding. This one holds when
something hangs that nobody thought of. The task's ``timeout`` stands above it.
"""

from __future__ import annotations

import traceback
import typing as t
from collections.abc import Callable, Iterator

from . import isolated
from .options import Options, option
from .processes import adopting_orphans, children, end_children

#: Seconds that processes have to end by themselves before they are killed.
GRACE: t.Final = 5.0


class Module(t.Protocol):
    """What is used of AnsibleModule."""

    def fail_json(self, msg: str, **details: t.Any) -> t.NoReturn:
        """End the module with an error."""


def deadline_option(default: int) -> Options:
    """Return the option ``max_seconds`` that every module has."""
    return {
        "max_seconds": option(
            "int",
            "Seconds after which the module ends itself and everything it has started, and fails.",
            default=default,
            minimum=1,
            maximum=86400,
        )
    }


def bounded(
    module: Module,
    work: Callable[[], dict[str, t.Any]],
    seconds: float,
    expected: type[Exception] | tuple[type[Exception], ...] = (),
) -> dict[str, t.Any]:
    """Return the result of ``work``, done in a process that is ended after ``seconds``.

    The module fails with the message of an ``expected`` error, at the deadline, and with a
    traceback for any other error. The result must be JSON.
    """

    def in_process() -> Iterator[list[t.Any]]:
        try:
            yield ["result", work()]
        except expected as error:
            yield ["failed", str(error)]
        except Exception as error:
            yield ["crashed", f"{type(error).__name__}: {error}", traceback.format_exc()]

    spared = children()
    with adopting_orphans():
        answers, problem = isolated.run(in_process, seconds, grace=0.0)
        left = end_children(spared, GRACE)

    match answers:
        case [["result", result]]:
            return t.cast("dict[str, t.Any]", result)
        case [["failed", message]]:
            module.fail_json(msg=message)
        case [["crashed", message, trace]]:
            module.fail_json(msg=message, exception=trace)
        case _:
            still = f"; {len(left)} processes hang in the kernel" if left else ""
            module.fail_json(msg=f"The module did not finish: {problem or 'no result'}{still}")
