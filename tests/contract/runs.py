# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start whole ansible-playbook processes and read what they left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
INVENTORY = HERE / "inventory.yml"
PLAYBOOKS = HERE / "playbooks"
#: For one playbook, which takes about five; on two cores up to six of them run at a time.
SECONDS = 300


def environments() -> list[Path]:
    """Return the bin folders of the Python environments to test: this one, and the one with the oldest core."""
    oldest = PROJECT / ".venv-core219" / "bin"
    return [Path(sys.executable).parent, *([oldest] if (oldest / "ansible-playbook").exists() else [])]


#: Starts a playbook as AWX does; arguments: private folder, playbook, inventory, extra variables, options. Cancels the
#: job, as AWX does too, as soon as the private folder holds a file ``cancel``.
RUNNER = """
import ansible_runner, json, os, sys
private, project, playbook, inventory, variables, options = sys.argv[1:]
run = ansible_runner.run(
    private_data_dir=private, project_dir=project, playbook=playbook, inventory=inventory,
    extravars=json.loads(variables), cmdline=options or None, quiet=True,
    cancel_callback=lambda: os.path.exists(os.path.join(private, "cancel")),
)
print(run.status, run.stdout.read())
sys.exit(run.rc)
"""


@dataclass
class Run:
    """One finished process and the folder of its run, which is the newest when this is made."""

    code: int
    output: str
    store: Path
    folder: Path = Path()

    def __post_init__(self) -> None:
        runs = self.store / "runs"
        made = [run for run in runs.iterdir() if not run.is_symlink()] if runs.is_dir() else []
        self.folder = max(made, key=lambda run: run.name, default=Path("no-run"))

    @property
    def record(self) -> dict[str, Any]:
        """Return the record of the run."""
        record: dict[str, Any] = json.loads((self.folder / "record.json").read_text())
        return record

    def findings(self, check: str) -> dict[str, str]:
        """Return host -> status of one check."""
        return {f["host"]: f["status"] for f in self.record["findings"] if f["check"] == check}


@dataclass
class Controller:
    """Starts playbooks in one Python environment, each test with its own store and scratch folder."""

    bin: Path
    scratch: Path

    def command(self, playbook: str, *args: str, **extra: Any) -> list[str]:
        """Return the argv for a playbook of this folder with extra variables."""
        tool = str(self.bin / "ansible-playbook")
        return [tool, "-i", str(INVENTORY), str(PLAYBOOKS / playbook), "-e", self.variables(extra), *args]

    def variables(self, extra: dict[str, Any]) -> str:
        """Return extra variables as JSON, with the places of this test."""
        places = {"contract_dir": str(self.scratch / "out"), "lock_directory": str(self.scratch / "locks")}
        return json.dumps({**places, **extra})

    def environment(self, **extra: str) -> dict[str, str]:
        """Return the environment of a controller that writes to this test's store."""
        (self.scratch / "out").mkdir(exist_ok=True)
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("ANSIBLE_", "UPKEEP_"))}
        return {**clean, "UPKEEP_STORE": str(self.scratch / "store"), "NO_COLOR": "1", **extra}

    def play(self, playbook: str, *args: str, env: dict[str, str] | None = None, **extra: Any) -> Run:
        """Run a playbook to its end."""
        return self._run(self.command(playbook, *args, **extra), PROJECT, self.environment(**(env or {})))

    def play_under_runner(self, playbook: str, options: str = "", **extra: Any) -> Run:
        """Run a playbook to its end as AWX does, from another folder; ``options`` are those of ansible-playbook."""
        return self._run(self.runner_command(playbook, options, **extra), self.scratch, self.runner_environment())

    def runner_command(self, playbook: str, options: str = "", **extra: Any) -> list[str]:
        """Return the argv that starts a playbook under ansible-runner, in an empty private folder."""
        private = self.scratch / "private"
        shutil.rmtree(private, ignore_errors=True)
        private.mkdir()
        where = [str(private), str(PROJECT), str(PLAYBOOKS / playbook), str(INVENTORY), self.variables(extra)]
        return [str(self.bin / "python"), "-c", RUNNER, *where, options]

    def runner_environment(self) -> dict[str, str]:
        """Return the environment of ansible-runner, which takes the programs that it finds first."""
        return self.environment(PATH=f"{self.bin}:/usr/bin:/bin")

    def _run(self, argv: list[str], folder: Path, env: dict[str, str]) -> Run:
        done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
        return Run(done.returncode, done.stdout + done.stderr, self.scratch / "store")

    def written(self) -> set[str]:
        """Return the hosts whose change was made."""
        return {path.name for path in (self.scratch / "out").iterdir()}
