# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""End a run that ``upkeep run`` has started, with everything that it has started itself.

ansible-runner ends a run by SIGKILL to one process group. The workers of Ansible have sessions of
their own: they would go on changing hosts, and the run would leave no report.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import typing as t

from ansible.module_utils.upkeep.base.processes import adopting_orphans, children, end_children

#: Exit codes of an interrupted run, as ansible-playbook has them.
INTERRUPTED: t.Final = {signal.SIGINT: 99, signal.SIGHUP: 129, signal.SIGTERM: 143}
#: What ansible-playbook gets in place of a signal: ansible-runner lets it ignore SIGHUP.
HANDED_ON: t.Final = {signal.SIGHUP: signal.SIGTERM}
#: Seconds in which ansible-playbook may end its workers and write its report.
PATIENCE: t.Final = 60.0
#: Seconds for what is left after that, by SIGTERM and once more by SIGKILL.
GRACE: t.Final = 2.0


class Ending:
    """A context that hands the signals it gets on to the run, and ends all of the run with it.

    Signals that are to be ignored (nohup) stay ignored.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._received: list[signal.Signals] = []
        self._deadline = 0.0
        self._spared = children()
        self._context = contextlib.ExitStack()

    def __enter__(self) -> t.Self:
        self._context.enter_context(adopting_orphans())
        for number in INTERRUPTED:
            handler = signal.getsignal(number)
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._receive)
                self._context.callback(signal.signal, number, handler)

        return self

    def __exit__(self, *_: object) -> bool:
        """Return whether the run was interrupted: then an error of its end does not count."""
        with self._context:
            if self._received:
                end_children(self._spared, GRACE)

        return bool(self._received)

    @property
    def code(self) -> int | None:
        """Return the exit code of an interrupted run, None for one that was not interrupted."""
        return INTERRUPTED[self._received[0]] if self._received else None

    def is_kill_due(self) -> bool:
        """Return whether to kill the run: it had its time to end, or a second signal came.

        ansible-runner asks this every few seconds.
        """
        if not self._received:
            return False

        if not self._deadline:
            self._deadline = time.monotonic() + self._patience
            self._hand_on(self._received[0])

        return len(self._received) > 1 or time.monotonic() >= self._deadline

    def _receive(self, number: int, _: object) -> None:
        self._received.append(signal.Signals(number))

    def _hand_on(self, number: signal.Signals) -> None:
        for pid in children() - self._spared:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, HANDED_ON.get(number, number))
