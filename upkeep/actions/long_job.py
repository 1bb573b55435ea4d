# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base class of actions whose module may take hours.

The module runs as a job of the host, by Ansible's own means for that, so it goes on when the
connection is lost. Meanwhile we look whether it is done, and print a line a minute.

Ansible keeps the options of a job in a file of the host until it ends. So with a secret among them
the module runs within the connection, through which they come.
"""

from __future__ import annotations

import contextlib
import re
import time
import typing as t
from collections.abc import Iterator

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.upkeep.base.options import Options, holds_secret

from upkeep.actions.base import ModuleAction, without_controller_keys
from upkeep.run import clean

#: Seconds between two lines about a job that goes on.
LINE_SECONDS: t.Final = 60.0
#: Seconds that a host may not answer, as it boots or its network is mended, before we give it up.
SILENT_SECONDS: t.Final = 900.0
#: Seconds that the host grants a job beyond the module's own deadline.
GRACE: t.Final = 120
#: Names a boot of a host; of a container, whose kernel stays, by when its first process began.
_BOOT: t.Final = (
    "echo upkeep_boot=$(cat /proc/sys/kernel/random/boot_id):$(cut -d ' ' -f 22 /proc/1/stat)"
)
#: What it prints, also below what a shell says as it starts; a part that cannot be read is empty.
_BOOTED: t.Final = re.compile(r"^upkeep_boot=([0-9a-f-]*):([0-9]*)$", re.MULTILINE)
_PAUSES: t.Final = (0.5, 1.0, 1.0, 2.0, 3.0, 5.0)
_LONGEST: t.Final = 300
#: What Ansible adds to the answer of a job.
_JOB_KEYS: t.Final = ("ansible_job_id", "results_file", "started", "finished")


class LongJobAction(ModuleAction):
    """Calls its module as a job, unless in check mode or with a secret."""

    #: What the module takes, with which of it is secret.
    OPTIONS: t.ClassVar[Options]
    #: Seconds that the module has when the task does not say it.
    MAX_SECONDS: t.ClassVar[int]

    def progress(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> str:
        """Return how far the job is, for people; '' when nobody knows."""
        raise NotImplementedError

    def call_as_job(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the module on the host and return its answer, as ``call`` does."""
        if self._task.check_mode or holds_secret(self.OPTIONS, args):
            return self.call(args, task_vars)

        seconds = int(args.get("max_seconds") or self.MAX_SECONDS) + GRACE
        boot = self._boot()
        started = self._started(args, task_vars, seconds)
        job = str(started.get("ansible_job_id") or "")
        if not job:
            return started

        answer = self._awaited(job, boot, args, task_vars, seconds + GRACE)
        with contextlib.suppress(AnsibleConnectionFailure):
            self._ask(job, "cleanup", task_vars)

        return {key: value for key, value in answer.items() if key not in _JOB_KEYS}

    def _started(
        self, args: dict[str, t.Any], task_vars: dict[str, t.Any], seconds: int
    ) -> dict[str, t.Any]:
        """Start the job; it is ended by the host after ``seconds``."""
        self._task.async_val = seconds
        try:
            return self.call(args, task_vars, wrap_async=True)
        finally:
            self._task.async_val = 0
            self._connection._shell.tmpdir = None  # the job's own, which removes it at its end

    def _awaited(
        self,
        job: str,
        boot: tuple[str, ...],
        args: dict[str, t.Any],
        task_vars: dict[str, t.Any],
        seconds: float,
    ) -> dict[str, t.Any]:
        """Return the answer of a job; raises AnsibleConnectionFailure for a host that is gone.

        A boot ends the job, and its file goes on saying that it runs.
        """
        host = str(task_vars["inventory_hostname"])
        begun = heard = shown = time.monotonic()
        was_lost = False

        for pause in _pauses():
            time.sleep(pause)
            now = time.monotonic()
            try:
                status = self._ask(job, "status", task_vars)
                if status.get("finished"):
                    return status
                heard = now
                is_minute_over = now - shown >= LINE_SECONDS
                if (was_lost or is_minute_over) and self._has_booted(boot):
                    return {"failed": True, "msg": f"The host booted, which ended the job {job}."}
                was_lost = False
                if is_minute_over:
                    shown = now
                    self._show(host, now - begun, self.progress(args, task_vars))
            except AnsibleConnectionFailure as error:
                if now - heard > SILENT_SECONDS:
                    self._note_silence(host, str(error))
                    raise
                self._show(host, now - begun, "the connection is lost, the job goes on")
                self._forget_connection()
                was_lost = True
            if now - begun > seconds:
                return {"failed": True, "msg": f"The job {job} did not end within {seconds:g} s."}

        raise AssertionError("unreachable")

    def _ask(self, job: str, mode: str, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        folder = self.get_shell_option("async_dir", default="~/.ansible_async")
        answer: dict[str, t.Any] = self._execute_module(
            module_name="ansible.legacy.async_status",
            module_args={"jid": job, "mode": mode, "_async_dir": folder},
            task_vars=task_vars,
        )

        return without_controller_keys(answer)

    def _has_booted(self, before: tuple[str, ...]) -> bool:
        """Return whether the host has surely booted since; what is not known proves nothing."""
        pairs = zip(before, self._boot(), strict=False)

        return any(one and other and one != other for one, other in pairs)

    def _boot(self) -> tuple[str, ...]:
        answer = self._low_level_execute_command(_BOOT, sudoable=False)
        found = _BOOTED.search(str(answer.get("stdout", "")).replace("\r", ""))

        return found.groups() if found else ()

    def _show(self, host: str, seconds: float, text: str) -> None:
        minutes = int(seconds // 60)
        known = f": {clean.clean(text, _LONGEST)}" if text else ""
        self._display.display(f"{host}: {self._task.action} goes on, {minutes} min{known}")

    def _forget_connection(self) -> None:
        with contextlib.suppress(AttributeError, AnsibleConnectionFailure, OSError):
            self._connection.reset()


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait before each look: short jobs must not wait for nothing."""
    yield from _PAUSES
    while True:
        yield 10.0
