# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The jobs that a server gets: one for each start of a system, and one a playbook on demand."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

from upkeep.schedule.load import PLAYBOOKS, Schedule
from upkeep.schedule.settings import CADENCES, Slot

#: Answers of a question that the roles read as true or false: a server sends texts.
YES_NO: t.Final = ("false", "true")


class Question(t.NamedTuple):
    """One question of a playbook on demand; ``kind`` is text, integer or choice."""

    variable: str
    text: str
    kind: str
    is_required: bool = False
    default: str | int = ""
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None


class PlannedJob(t.NamedTuple):
    """A playbook that a schedule starts for one system; times in minutes."""

    system: str
    slot: Slot
    time_limit: int
    variables: dict[str, t.Any]

    @property
    def playbook(self) -> str:
        """Return the name of the playbook without its ending."""
        return self.slot.cadence


_CONFIRMATION: t.Final = "In production, write the name of the system to confirm it:"
#: Playbook -> what people who start it are asked. One that is not here asks nothing.
_QUESTIONS: t.Final[dict[str, tuple[Question, ...]]] = {
    "back_up_system": (
        Question("backup_hold", "Why is the set to be kept until somebody lets it go?", "text"),
    ),
    "follow_logs": (
        Question(
            "log_review_follow_seconds",
            "For how many seconds are the logs watched?",
            "integer",
            default=900,
            minimum=0,
            maximum=3600,
        ),
    ),
    "onboard_hosts": (
        Question(
            "preflight_accept",
            "Shall the hosts be accepted, so that runs may change them?",
            "choice",
            is_required=True,
            default="false",
            choices=YES_NO,
        ),
        Question(
            "preflight_legacy",
            "What happens to the cron jobs that the old guides installed?",
            "choice",
            is_required=True,
            default="report",
            choices=("report", "adopt", "remove"),
        ),
        Question(
            "upkeep_confirm_production",
            "To remove old jobs in production, write the name of the system:",
            "text",
        ),
    ),
    "deploy_predictor": (
        Question(
            "predictor_deploy_version", "Which tag or commit is deployed?", "text", is_required=True
        ),
        Question(
            "predictor_deploy_retry",
            "Shall a release that failed before be tried again?",
            "choice",
            is_required=True,
            default="false",
            choices=YES_NO,
        ),
        Question("upkeep_confirm_production", _CONFIRMATION, "text"),
    ),
    "purge_queue": (
        Question("task_queue_queue", "Which queue is purged?", "text", is_required=True),
        Question("upkeep_confirm_production", _CONFIRMATION, "text", is_required=True),
    ),
    "put_back_queue": (
        Question("task_queue_copy", "Which copy is put back?", "text", is_required=True),
    ),
    "record_models": (
        Question(
            "model_verification_approved_by", "Who approved the models?", "text", is_required=True
        ),
    ),
    "rehearse_restore": (
        Question("restore_set", "Which set? Empty: the newest one that was verified.", "text"),
    ),
    "renew_baseline": (
        Question("baseline_approved_by", "Who approved the figures?", "text", is_required=True),
    ),
    "restore_backup": (
        Question(
            "restore_action",
            "List the sets, restore beside what is there, or replace it?",
            "choice",
            is_required=True,
            default="list",
            choices=("list", "side", "replace"),
        ),
        Question("chosen_system", "Which system is restored?", "text"),
        Question("restore_set", "Which set? Empty: the newest one that was verified.", "text"),
        Question("restore_table", "Only one table (schema.table)? Empty: all.", "text"),
        Question("upkeep_confirm_production", _CONFIRMATION, "text"),
    ),
    "retrain_model": (
        Question("model_update_name", "Which model? Empty: the only one.", "text"),
        Question("model_update_training", "Which training? Empty: the only one.", "text"),
    ),
    "return_model": (
        Question("model_update_name", "Which model? Empty: the only one.", "text"),
        Question("model_update_version", "Which kept version? Empty: the newest other.", "text"),
        Question("model_update_approved_by", "Who wants it?", "text", is_required=True),
        Question("upkeep_confirm_production", _CONFIRMATION, "text"),
    ),
    "roll_back": (
        Question("rollback_release", "Back to which release? Empty: the newest good one.", "text"),
        Question(
            "rollback_database_set",
            "The database back to which backup set? Empty: it stays as it is.",
            "text",
        ),
        Question("rollback_reason", "Why? It is written into the record.", "text"),
        Question("upkeep_confirm_production", _CONFIRMATION, "text"),
    ),
    "run_tests": (
        Question("app_tests_only", "Which suites, with commas between them? Empty: all.", "text"),
    ),
    "retry_tasks": (
        Question(
            "task_queue_task", "Failed tasks of which name start again?", "text", is_required=True
        ),
    ),
    "test_failover": (Question("upkeep_confirm_production", _CONFIRMATION, "text"),),
    "update_model": (
        Question("model_update_name", "Which model? Empty: the only one.", "text"),
        Question(
            "model_update_candidate",
            "Path of the candidate on the controller?",
            "text",
            is_required=True,
        ),
        Question("model_update_candidate_metadata", "Path of its metadata?", "text"),
        Question("model_update_sha256", "Its SHA-256?", "text", is_required=True),
        Question("model_update_approved_by", "Who approved it?", "text", is_required=True),
        Question("upkeep_confirm_production", _CONFIRMATION, "text"),
    ),
}


def on_demand(folder: Path = PLAYBOOKS) -> dict[str, tuple[Question, ...]]:
    """Return what is asked before each playbook that no schedule starts."""
    names = sorted(path.stem for path in folder.glob("*.yml") if path.stem not in CADENCES)

    return {name: _QUESTIONS.get(name, ()) for name in names}


def planned_jobs(schedule: Schedule) -> Iterator[PlannedJob]:
    """Yield a job for each slot of each system."""
    for system, slots in schedule.systems.items():
        for slot in slots:
            waits = schedule.control.lock_wait if slot.is_changing else 0
            variables = {"lock_wait_minutes": waits} if waits else {}
            yield PlannedJob(system, slot, slot.time_limit + waits, variables)
