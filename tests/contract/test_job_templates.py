# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every template of AWX and Semaphore starts its playbook, with the words that the server uses.

AWX hands a job to ansible-runner: options of its own, variables in a file, texts of people marked
unsafe, integers as integers. Semaphore starts ansible-playbook with the variables as JSON. Both
have a HOME, a folder and an environment of their own.
`make test-controller` lists the tasks of all templates, the tests of each day those of one a
playbook.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import ansible_runner
import pytest
import yaml

from tests.contract.runs import PROJECT
from upkeep.controller.files import server_data

pytestmark = pytest.mark.slow

DATA = server_data()
ALL = os.environ.get("UPKEEP_CONTROLLER") == "full"
#: What a person may answer: nothing of it may become code.
HOSTILE = "it's \"{{ lookup('pipe', 'touch /tmp/upkeep-survey') }}\"\n{% raw %}"
Entry = dict[str, t.Any]


def chosen(templates: list[Entry]) -> list[Entry]:
    """Return all templates, or the last one of each playbook."""
    return templates if ALL else list({entry["playbook"]: entry for entry in templates}.values())


def variables_of(template: Entry, answer: str) -> dict[str, t.Any]:
    """Return the variables of a job: those of the template, then what a person answers."""
    answers = {
        question["variable"]: (
            question["default"]
            if question["type"] == "integer"
            else question.get("choices", [answer])[0]
        )
        for question in template.get("survey_spec", {}).get("spec", [])
    }

    return {**template.get("extra_vars", {}), **answers, "awx_job_id": 1, "tower_user_name": "jo"}


class _Unsafe(str):
    """A text that Ansible must not render."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


def clean_environment(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "UPKEEP_STORE": str(home / "store"),
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
    }


def as_awx(template: Entry, folder: Path, *options: str, answer: str = "jo") -> t.Any:
    """Run a template with the arguments that AWX builds, and return what ansible-runner does."""
    private = folder / "private"
    (private / "env").mkdir(parents=True)
    marked = {
        name: _Unsafe(value) if isinstance(value, str) else value
        for name, value in variables_of(template, answer).items()
    }
    (private / "env" / "extravars").write_text(yaml.dump(marked, Dumper=_Dumper))
    limit = ["-l", template["limit"]] if template.get("limit") else ["-l", "fairedge"]

    return ansible_runner.run(
        private_data_dir=str(private),
        project_dir=str(PROJECT),
        playbook=template["playbook"],
        inventory=str(PROJECT / "inventory" / "production.yml"),
        cmdline=" ".join(["-u", "upkeep", "--become-method", "sudo", *limit, *options]),
        envvars=clean_environment(folder),
        quiet=True,
    )


@pytest.mark.parametrize(
    "template", chosen(DATA.awx["controller_templates"]), ids=lambda entry: entry["name"]
)
def test_awx_can_start_each_template(template: Entry, tmp_path: Path):
    run = as_awx(template, tmp_path, "--list-tasks", answer=HOSTILE)
    said = run.stdout.read()

    assert run.rc == 0, said
    assert f"playbook: {PROJECT / template['playbook']}" in said or "Verdict" in said
    # What the hostile answer would make.
    assert not Path("/tmp/upkeep-survey").exists()  # noqa: S108


@pytest.mark.parametrize(
    "template", chosen(DATA.semaphore["templates"]), ids=lambda entry: entry["name"]
)
def test_semaphore_can_start_each_template(template: Entry, tmp_path: Path):
    answers = {
        question["name"]: question["default_value"] or "jo" for question in template["survey_vars"]
    }
    task = {"username": "jo", "message": HOSTILE}
    words = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        "inventory/production.yml",
        "--extra-vars",
        json.dumps({"semaphore_vars": {"task_details": task}, **answers}),
        *json.loads(template["arguments"]),
        template["playbook"],
        "--list-tasks",
    ]
    done = subprocess.run(
        words,
        cwd=PROJECT,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"playbook: {template['playbook']}" in done.stdout


def test_the_execution_environment_can_be_built(tmp_path: Path):
    """As far as its parts go: a Containerfile with all of them; the image needs a registry."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-builder")),
            "create",
            "--file",
            str(PROJECT / "execution-environment.yml"),
            "--context",
            str(tmp_path / "context"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    written = (tmp_path / "context" / "Containerfile").read_text()
    assert "ansible-core" in written
    wanted = (tmp_path / "context" / "_build" / "requirements.txt").read_text()
    assert wanted == (PROJECT / "requirements.txt").read_text()
