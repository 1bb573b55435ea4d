# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base classes of our action plugins.

``ControlAction`` works on the controller alone, ``ModuleAction`` calls a module on a host. Either
records the findings of its job itself when it has an ``AREA``.
"""

from __future__ import annotations

import re
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.upkeep.findings import Finding
from ansible.plugins.action import ActionBase

from upkeep.run import clean, events
from upkeep.run.facts import require_run_id
from upkeep.run.findings import record

#: Keys of a task's result that have a meaning on the controller. A module's answer comes from a
#: host, so it must not hold them: it would record findings, set facts, add hosts or join groups.
CONTROLLER_KEYS: t.Final = (
    "upkeep_recorded",
    "ansible_facts",
    "ansible_stats",
    "add_host",
    "add_group",
    "parent_groups",
    "contacted",
)

#: Keys of an answer whose text Ansible shows as it is.
SHOWN_KEYS: t.Final = ("msg", "exception", "module_stdout", "module_stderr", "stdout", "stderr")

_CONTROL: t.Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
#: The same in JSON, where a backslash that is escaped itself begins no escape.
_ESCAPED: t.Final = re.compile(
    r"\\(?:\\|[bf]|r(?!\\n)|u00(?:0[0-8bcef]|1[0-9a-f]|7f|[89][0-9a-f]))", re.IGNORECASE
)


class _RecordingAction(ActionBase):  # type: ignore[misc]
    """An action that may record findings."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    #: The area of the findings that the action records; empty for one that records none.
    AREA: t.ClassVar[str] = ""

    def record(
        self,
        partials: t.Iterable[t.Any],
        task_vars: t.Mapping[str, t.Any],
        *,
        area: str = "",
        system: str = "",
    ) -> list[Finding]:
        """Return the completed findings of this host for the key ``upkeep_recorded``."""
        self._refuse_repetition()

        return record(
            partials,
            system=system or str(self._templar.template(task_vars.get("system_name", ""))),
            host=str(task_vars["inventory_hostname"]),
            area=area or self.AREA,
        )

    def _refuse_repetition(self) -> None:
        """A loop keeps the last item's result and run_once one host's: findings would be lost."""
        task, name = self._task, self._task.action
        if task.loop is not None or task.loop_with:
            raise AnsibleActionFail(
                f"{name} takes the whole list at once; remove 'loop' from the task"
            )
        if task.run_once:
            raise AnsibleActionFail(f"{name} records for every host; remove 'run_once' of the task")


class ControlAction(_RecordingAction):
    """An action that contacts no host and changes nothing; a subclass gives SPEC and ``act``."""

    _requires_connection = False

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {}

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Check the arguments against SPEC and return what ``act`` returns.

        Raises AnsibleActionFail.
        """
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(argument_spec=self.SPEC)

        return {**result, "changed": False, **self.act(args, task_vars or {})}

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Do the work with checked arguments and return the result's own keys."""
        raise NotImplementedError


class ModuleAction(_RecordingAction):
    """An action that calls the module of its own name.

    A subclass overrides ``act`` to add what only the controller knows. With an ``AREA``, the
    findings of the answer are recorded when the task belongs to a role: it is a job then. A task
    under ``no_log`` shows nothing to the event log, so its role records in a task of its own.
    """

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Return what ``act`` makes of the task's arguments."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        if self._task._role is not None:  # before a host is changed by a run that leaves no record
            require_run_id()

        answer = self.act(dict(self._task.args), task_vars or {})
        if self._is_job() and not answer.get("failed"):
            answer["upkeep_recorded"] = self.record(answer.pop("findings", []), task_vars or {})

        return {**result, **answer}

    def _is_job(self) -> bool:
        return bool(self.AREA and self._task._role is not None and not self._task.no_log)

    def call(
        self, args: dict[str, t.Any], task_vars: dict[str, t.Any], *, wrap_async: bool = False
    ) -> dict[str, t.Any]:
        """Run the module on the host and return its answer, which may come from a hostile host.

        With ``wrap_async`` it is only started, see ``LongJobAction``.
        """
        try:
            answer: dict[str, t.Any] = self._execute_module(
                module_args=args, task_vars=task_vars, wrap_async=wrap_async
            )
        except AnsibleConnectionFailure as error:
            self._note_silence(str(task_vars["inventory_hostname"]), str(error))
            raise

        return without_controller_keys(answer)

    def _parse_returned_data(self, res: dict[str, t.Any], *args: t.Any, **kwargs: t.Any) -> t.Any:
        """Clean what a module printed before Ansible reads it: it shows warnings by itself."""
        return super()._parse_returned_data(
            {**res, "stdout": clean_json(str(res.get("stdout") or ""))}, *args, **kwargs
        )

    def _note_silence(self, host: str, reason: str) -> None:
        """Keep why a host does not answer: ``no_log`` would hide it, and it has no secrets."""
        log = events.current_log()
        if self._task.no_log and log is not None:
            events.append(
                log.with_name(events.SILENCE_NAME),
                "silence",
                task=self._task._uuid,
                host=host,
                reason=clean.clean(reason, 2_000),
            )

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Call the module as often as it takes and return the result."""
        return self.call(args, task_vars)


def clean_json(text: str) -> str:
    """Return JSON text without control characters, written out or escaped; lines and tabs stay."""
    return _CONTROL.sub("\ufffd", _ESCAPED.sub(_harmless, text))


def _harmless(escape: re.Match[str]) -> str:
    return escape[0] if escape[0] == r"\\" else r"\ufffd"


def without_controller_keys(answer: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return a module's answer without what only the controller may say, its texts safe to show."""
    own = {key: value for key, value in answer.items() if key not in CONTROLLER_KEYS}
    for key in SHOWN_KEYS:
        if key in own:
            own[key] = clean.clean(own[key])
    for key in ("warnings", "deprecations"):
        if key in own:
            own[key] = [clean.clean(item) for item in list(own[key])[:20]]

    return own
