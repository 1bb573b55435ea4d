# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the event log says about one task on one host."""

from __future__ import annotations

import difflib
import typing as t

from upkeep.run.clean import clean
from upkeep.run.ssh_hints import advice

#: Actions that run on the controller only and cost nothing on the target.
CONTROLLER_ACTIONS: t.Final = frozenset(
    [
        "add_host",
        "assert",
        "debug",
        "fail",
        "group_by",
        "meta",
        "pause",
        "set_fact",
        "set_stats",
        "import_role",
        "import_tasks",
        "include_role",
        "include_tasks",
        "include_vars",
        "validate_argument_spec",
        "app_tests_baseline_write",
        "app_tests_plan",
        "call_hooks",
        "first_contact",
        "frozen_days",
        "gate",
        "model_manifest",
        "model_manifest_write",
        "predictor_deploy_source",
        "model_update_candidate",
        "record_findings",
        "touched_hosts",
        "validate_profile",
        "verdict",
    ]
)
#: Our action plugins that record findings. The callback believes no other task, since any module's
#: answer comes from a host.
RECORDING_ACTIONS: t.Final = frozenset(
    [
        "app_tests",
        "backup",
        "backup_verify",
        "cache_maintenance",
        "call_hooks",
        "data_quality",
        "database_reader",
        "failover_test",
        "gate",
        "lock",
        "log_review",
        "log_rotation",
        "model_update",
        "model_verify",
        "postgresql_maintenance",
        "predictor_deploy",
        "preflight",
        "record_findings",
        "redis_tune",
        "restore",
        "restore_rehearse",
        "rollback",
        "schedule",
        "sqlite_maintenance",
        "task_queue",
        "task_queue_change",
    ]
)
#: Longest message and diff that the log keeps, in characters.
MESSAGE_LIMIT: t.Final = 4_000
DIFF_LIMIT: t.Final = 8_000
#: Most parts of a diff, lines of either side and characters of a line that are compared: what a
#: host answers must not cost the controller time.
DIFF_PARTS, DIFF_LINES, DIFF_LINE = 20, 400, 400


def describe(result: t.Any, status: str) -> dict[str, t.Any]:
    """Return the fields of a ``task`` event for a callback's task result."""
    task, outcome = result.task, result.result
    action = task.action.rpartition(".")[2]
    fields = {
        "host": result.host.name,
        "system": system_of(result.host),
        "role": task._role.get_name() if task._role else "",
        "task": task.get_name(),
        "action": action,
        "status": "verdict" if action == "verdict" and status == "failed" else status,
        "remote": remote_runs(action, task.delegate_to, outcome),
    }
    if status in ("failed", "unreachable", "ignored"):
        fields["message"] = failure_message(outcome)

    if status == "changed":
        fields["diff"] = short_diff(outcome.get("diff"))

    return fields


def recorded(result: t.Any) -> list[dict[str, t.Any]]:
    """Return the findings that a task recorded; none of a task that may not record."""
    if result.task.action.removeprefix("ansible.legacy.") not in RECORDING_ACTIONS:
        return []

    return list(result.result.get("upkeep_recorded") or ())


def system_of(host: t.Any) -> str:
    """Return the system a host belongs to: its group that stands right below ``systems``.

    Empty for none.
    """
    names = (
        group.name
        for group in host.groups
        if "systems" in [parent.name for parent in group.parent_groups]
    )
    return next(names, "")


def remote_runs(action: str, delegate_to: str | None, outcome: t.Mapping[str, t.Any]) -> int:
    """Return how many times the task ran on a target: once, or once for each item of a loop."""
    if action in CONTROLLER_ACTIONS or delegate_to == "localhost":
        return 0
    if outcome.get("contacted") is False:  # an action that did not need its module
        return 0

    items = outcome.get("results")
    return len(items) if isinstance(items, list) and outcome.get("msg") else 1


def failure_message(outcome: t.Mapping[str, t.Any]) -> str:
    """Return why a task failed, and what to do when the host itself is the reason.

    The words may be those of a host: they are cut before anything else is done with them.
    """
    texts = (outcome.get(key) for key in ("msg", "censored", "exception", "stderr"))
    message = str(next((text for text in texts if text), ""))[:MESSAGE_LIMIT]

    return with_advice(clean(message, MESSAGE_LIMIT))


def with_advice(message: str) -> str:
    """Return a message, and what to do where that is known."""
    todo = advice(message)

    return f"{message} [To do: {todo}]" if todo else message or "no message"


def short_diff(diff: t.Any) -> str:
    """Return a result's diff (one or a list, prepared or before/after) as short unified text."""
    parts = diff if isinstance(diff, list) else [diff]
    texts = filter(None, map(_one_diff, parts[:DIFF_PARTS]))

    return clean("\n".join(texts)[:DIFF_LIMIT], DIFF_LIMIT)


def _one_diff(diff: t.Any) -> str:
    if not isinstance(diff, t.Mapping):
        return ""
    if diff.get("prepared"):
        return str(diff["prepared"])[:DIFF_LIMIT]

    before, after = (_lines(diff.get(side)) for side in ("before", "after"))
    old, new = (str(diff.get(f"{side}_header") or side)[:DIFF_LINE] for side in ("before", "after"))

    return "\n".join(difflib.unified_diff(before, after, old, new, lineterm="", n=2))


def _lines(text: t.Any) -> list[str]:
    """Return the first lines of one side of a diff, each cut."""
    cut = str(text or "")[: DIFF_LINES * DIFF_LINE]

    return [line[:DIFF_LINE] for line in cut.splitlines()[:DIFF_LINES]]
