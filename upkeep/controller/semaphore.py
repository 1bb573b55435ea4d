# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A project of Semaphore UI as its ``projects import`` takes it (2.18 and later)."""

from __future__ import annotations

import json
import typing as t

from upkeep.controller.jobs import PlannedJob, Question, on_demand, planned_jobs
from upkeep.controller.settings import ControllerSettings
from upkeep.schedule import render
from upkeep.schedule.load import Schedule

SemaphoreProject = dict[str, t.Any]

#: Kinds of questions as Semaphore names them.
_KINDS: t.Final = {"text": "", "integer": "int", "choice": "enum"}


def semaphore_project(schedule: Schedule, settings: ControllerSettings) -> SemaphoreProject:
    """Return the project; secrets are entered on the server."""
    named = settings.named
    jobs = list(planned_jobs(schedule))

    return {
        "meta": {"name": settings.prefix, "type": "", "alert": True, "max_parallel_tasks": 0},
        "keys": [
            {"name": named("no key"), "type": "none", "owner": ""},
            {"name": named("hosts key"), "type": "ssh", "owner": ""},
        ],
        "repositories": [
            {
                "name": named("repository"),
                "git_url": settings.git_url,
                "git_branch": settings.git_branch,
                "ssh_key": named("no key"),
            }
        ],
        "inventories": [
            {
                "name": named("inventory"),
                "type": "file",
                "inventory": settings.inventory,
                "ssh_key": named("hosts key"),
                "become_key": None,
            }
        ],
        "environments": [{"name": named("settings"), "json": "{}", "env": "{}", "password": None}],
        "views": [
            {"title": view, "position": position}
            for position, view in enumerate((*schedule.systems, "on demand"))
        ],
        "templates": [
            *(_planned(job, settings) for job in jobs),
            *(_on_demand(name, settings) for name in on_demand()),
        ],
        "schedules": [_schedule(job, schedule, settings) for job in jobs],
        **{
            empty: []
            for empty in (
                "host_configs",
                "integration_aliases",
                "integrations",
                "roles",
                "runners",
                "secret_storages",
                "workflows",
            )
        },
    }


def differences(schedule: Schedule, settings: ControllerSettings) -> list[str]:
    """Return a sentence for each start that cron cannot say as the profile does."""
    return [
        f"{settings.named(job.playbook, job.system)}: {render.words(job.slot)} becomes day"
        f" {render.cron_day(job.slot)} of the month, since cron has no weekday of a month"
        for job in planned_jobs(schedule)
        if job.slot.week
    ]


def _template(
    name: str, playbook: str, view: str, settings: ControllerSettings
) -> dict[str, t.Any]:
    named = settings.named

    return {
        "name": name,
        "description": "",
        "playbook": f"playbooks/{playbook}.yml",
        "repository": named("repository"),
        "inventory": named("inventory"),
        "environments": [named("settings")],
        # Older servers read this one; a server ignores the key that it does not know.
        "environment": named("settings"),
        "view": view,
        "app": "ansible",
        "type": "",
        "allow_override_args_in_task": False,
        "allow_parallel_tasks": False,
        "suppress_success_alerts": True,
        "suppress_error_alerts": False,
        "autorun": False,
        "vaults": [],
        "roles": [],
    }


def _planned(job: PlannedJob, settings: ControllerSettings) -> dict[str, t.Any]:
    name = settings.named(job.playbook, job.system)
    variables = [f"--extra-vars={key}={value}" for key, value in job.variables.items()]

    return {
        **_template(name, job.playbook, job.system, settings),
        "arguments": json.dumps([f"--limit={job.system}", *variables]),
        "survey_vars": [],
        "task_params": {"allow_override_limit": False},
    }


def _on_demand(playbook: str, settings: ControllerSettings) -> dict[str, t.Any]:
    return {
        **_template(settings.named(playbook), playbook, "on demand", settings),
        "arguments": "[]",
        "survey_vars": [_question(question) for question in on_demand()[playbook]],
        "task_params": {"allow_override_limit": True},
    }


def _question(question: Question) -> dict[str, t.Any]:
    return {
        "name": question.variable,
        "title": question.text,
        "type": _KINDS[question.kind],
        "required": question.is_required,
        "description": "",
        "values": [{"name": choice, "value": choice} for choice in question.choices],
        "default_value": str(question.default),
    }


def _schedule(
    job: PlannedJob, schedule: Schedule, settings: ControllerSettings
) -> dict[str, t.Any]:
    template = settings.named(job.playbook, job.system)

    return {
        "name": f"{template} start",
        "template": template,
        "cron_format": render.cron(job.slot),
        "active": True,
        "type": "",
        "delete_after_run": False,
    }
