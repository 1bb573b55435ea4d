# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every template of AWX and Semaphore starts its playbook, with the words that the server uses.

`make test-controller` lists the tasks of all templates, the tests of each day those of one a
playbook. Tests of the fleet run some of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import servers
from tests.contract.runs import PROJECT
from tests.contract.servers import Entry
from upkeep.controller.files import server_data

pytestmark = pytest.mark.slow

DATA = server_data()
ALL = os.environ.get("UPKEEP_CONTROLLER") == "full"
INVENTORY = PROJECT / "inventory" / "production.yml"


def chosen(templates: list[Entry]) -> list[Entry]:
    """Return all templates, or the last one of each playbook."""
    return templates if ALL else list({entry["playbook"]: entry for entry in templates}.values())


@pytest.fixture(scope="session")
def inventory() -> str:
    """Return the inventory of production as AWX keeps it."""
    return servers.exported(INVENTORY)


@pytest.mark.parametrize(
    "template", chosen(DATA.awx["controller_templates"]), ids=lambda entry: entry["name"]
)
def test_awx_can_start_each_template(template: Entry, inventory: str, tmp_path: Path):
    code = f"{{{{ lookup('pipe', 'touch {tmp_path}/ran') }}}}"
    done = servers.as_awx(
        template,
        tmp_path,
        inventory,
        "--list-tasks",
        limit=template.get("limit", "fairedge"),
        answers=servers.answers_of(template, f'it\'s "{code}"\n{{% raw %}}'),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"playbook: {PROJECT / template['playbook']}" in done.stdout or "Verdict" in done.stdout
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "template", chosen(DATA.semaphore["templates"]), ids=lambda entry: entry["name"]
)
def test_semaphore_can_start_each_template(template: Entry, tmp_path: Path):
    answers = {
        question["name"]: question["default_value"] or 'it\'s\n"jo"'
        for question in template["survey_vars"]
    }
    done = servers.as_semaphore(template, tmp_path, INVENTORY, "--list-tasks", answers=answers)

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
