# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All objects of AWX as data, in the variables of infra.aap_configuration and without Jinja.

The keys of each entry are the options of the module of awx.awx (on AAP: ansible.controller) that
makes it. There are no secrets among them: a person enters these on the server.
"""

from __future__ import annotations

import typing as t

from upkeep.controller.jobs import PlannedJob, Question, on_demand, planned_jobs
from upkeep.controller.settings import ControllerSettings
from upkeep.schedule import render
from upkeep.schedule.load import Schedule

AwxObject = dict[str, t.Any]
AwxData = dict[str, list[AwxObject]]

#: Variable -> module of awx.awx, in the order in which objects need each other.
MODULES: t.Final = {
    "aap_organizations": "organization",
    "controller_credential_types": "credential_type",
    "controller_credentials": "credential",
    "controller_execution_environments": "execution_environment",
    "controller_projects": "project",
    "controller_inventories": "inventory",
    "controller_inventory_sources": "inventory_source",
    "controller_notifications": "notification_template",
    "controller_templates": "job_template",
    "controller_schedules": "schedule",
}
#: Kinds of questions as AWX names them.
_KINDS: t.Final = {"text": "text", "integer": "integer", "choice": "multiplechoice"}
#: Longest answer in letters.
_LONGEST: t.Final = 200


def awx_data(schedule: Schedule, settings: ControllerSettings) -> AwxData:
    """Return all objects by variable, in the order in which they are made."""
    return {
        **_ground(settings),
        "controller_templates": [
            *(_planned(job, settings) for job in planned_jobs(schedule)),
            *(_on_demand(name, settings) for name in on_demand()),
        ],
        "controller_schedules": [
            _schedule(job, schedule, settings) for job in planned_jobs(schedule)
        ],
    }


def _ground(settings: ControllerSettings) -> AwxData:
    """Return what all templates share."""
    named = settings.named
    organization = named("organization")
    hooks = [
        {
            "name": named("hook"),
            "organization": organization,
            "notification_type": "webhook",
            "notification_configuration": {
                "url": settings.hook,
                "http_method": "POST",
                "headers": {},
            },
        }
    ]

    return {
        "aap_organizations": [{"name": organization}],
        "controller_credential_types": [_credential_type(settings)],
        "controller_credentials": [
            {
                "name": named("hosts key"),
                "organization": organization,
                "credential_type": "Machine",
                "inputs": {"username": settings.user, "become_method": "sudo"},
                "update_secrets": False,
            },
            {
                "name": named("run settings"),
                "organization": organization,
                "credential_type": named("settings type"),
                "inputs": {},
                "update_secrets": False,
            },
        ],
        "controller_execution_environments": [
            {"name": named("environment"), "image": settings.image, "pull": "missing"}
        ],
        "controller_projects": [
            {
                "name": named("project"),
                "organization": organization,
                "scm_type": "git",
                "scm_url": settings.git_url,
                "scm_branch": settings.git_branch,
                "scm_update_on_launch": True,
                "scm_update_cache_timeout": 300,
                "default_environment": named("environment"),
                "wait": True,
            }
        ],
        "controller_inventories": [
            {"name": named("inventory"), "organization": organization},
        ],
        "controller_inventory_sources": [
            {
                "name": named("inventory source"),
                "inventory": named("inventory"),
                "source": "scm",
                "source_project": named("project"),
                "source_path": settings.inventory,
                "overwrite": True,
                "overwrite_vars": True,
                "update_on_launch": True,
                "execution_environment": named("environment"),
            }
        ],
        "controller_notifications": hooks if settings.hook else [],
    }


def _credential_type(settings: ControllerSettings) -> AwxObject:
    """Return the type of a credential with what a run needs from outside, as AWX injects it.

    The braces are those of AWX, which fills them in when a job starts.
    """
    return {
        "name": settings.named("settings type"),
        "kind": "cloud",
        "inputs": {
            "fields": [
                {
                    "id": "known_hosts",
                    "type": "string",
                    "label": "Known ssh host keys, as in known_hosts",
                    "multiline": True,
                },
                {
                    "id": "store",
                    "type": "string",
                    "label": "Address of the store of runs (SQLAlchemy)",
                    "secret": True,
                },
            ],
            "required": ["known_hosts", "store"],
        },
        "injectors": {
            "file": {"template.known_hosts": "{{ known_hosts }}\n"},
            "env": {"UPKEEP_STORE": "{{ store }}"},
            "extra_vars": {"upkeep_known_hosts": "{{ tower.filename.known_hosts }}"},
        },
    }


def _template(name: str, playbook: str, settings: ControllerSettings) -> AwxObject:
    """Return what templates of all playbooks have."""
    named = settings.named

    return {
        "name": name,
        "organization": named("organization"),
        "job_type": "run",
        "inventory": named("inventory"),
        "project": named("project"),
        "playbook": f"playbooks/{playbook}.yml",
        "credentials": [named("hosts key"), named("run settings")],
        "execution_environment": named("environment"),
        # A gate looks at all hosts of a system at once, so a job is never cut into slices.
        "job_slice_count": 1,
        "allow_simultaneous": False,
        # So that a person can have a run look only.
        "ask_job_type_on_launch": True,
        "notification_templates_error": [named("hook")] if settings.hook else [],
    }


def _planned(job: PlannedJob, settings: ControllerSettings) -> AwxObject:
    name = settings.named(job.playbook, job.system)
    template = _template(name, job.playbook, settings)

    return {
        **template,
        "limit": job.system,
        # In seconds, five minutes above what the run may take.
        "timeout": (job.time_limit + 5) * 60,
        "extra_vars": job.variables,
        "survey_enabled": False,
    }


def _on_demand(playbook: str, settings: ControllerSettings) -> AwxObject:
    template = _template(settings.named(playbook), playbook, settings)
    questions = on_demand()[playbook]
    if not questions:
        return {**template, "ask_limit_on_launch": True, "survey_enabled": False}

    return {
        **template,
        "ask_limit_on_launch": True,
        "survey_enabled": True,
        "survey_spec": {
            "name": settings.named(playbook, "survey"),
            "description": "",
            "spec": [_question(question) for question in questions],
        },
    }


def _question(question: Question) -> AwxObject:
    asked: AwxObject = {
        "variable": question.variable,
        "question_name": question.text,
        "question_description": "",
        "type": _KINDS[question.kind],
        "required": question.is_required,
        "default": question.default,
    }
    if question.kind == "choice":
        return {**asked, "choices": list(question.choices)}
    if question.kind == "integer":
        return {**asked, "min": question.minimum, "max": question.maximum}

    return {**asked, "min": 0, "max": _LONGEST}


def _schedule(job: PlannedJob, schedule: Schedule, settings: ControllerSettings) -> AwxObject:
    template = settings.named(job.playbook, job.system)

    return {
        "name": f"{template} start",
        "organization": settings.named("organization"),
        "unified_job_template": template,
        "rrule": render.rrule(job.slot, schedule.control.zone),
        "enabled": True,
    }
