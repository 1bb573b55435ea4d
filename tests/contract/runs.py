# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start whole playbooks, in each way that people start them, and read what they left behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from tools import PROJECT, molecule

HERE = Path(__file__).resolve().parent
INVENTORY = HERE / "inventory.yml"
PLAYBOOKS = HERE / "playbooks"
HOSTS = {"a1", "a2", "b1"}
#: For one playbook, which takes about five; on two cores up to six of them run at a time.
SECONDS = 300

#: How a playbook is started: by hand; as AWX and Semaphore do; as a scenario does.
Way = t.Literal["ansible-playbook", "ansible-runner", "molecule"]
WAYS: t.Final = t.get_args(Way)

#: Starts a playbook as AWX does; arguments: private folder, playbook, inventory, extra variables,
#: options. Cancels the job, as AWX does too, as soon as it gets SIGTERM. A cache of facts is put
#: where the environment says.
RUNNER = """
import ansible_runner, json, os, signal, sys
private, project, playbook, inventory, variables, options = sys.argv[1:]
cancelled = []
signal.signal(signal.SIGTERM, lambda *_: cancelled.append(True))
cache = os.environ.get("ANSIBLE_CACHE_PLUGIN_CONNECTION")
run = ansible_runner.run(
    private_data_dir=private, project_dir=project, playbook=playbook, inventory=inventory,
    extravars=json.loads(variables), cmdline=options or None, quiet=True,
    cancel_callback=lambda: bool(cancelled),
    **({"settings": {"fact_cache": cache}} if cache else {}),
)
print(run.status, run.stdout.read())
sys.exit(run.rc)
"""


def environments() -> list[Path]:
    """Return the bin folders of the environments to test: this one and the oldest core's."""
    oldest = molecule.oldest()
    return [Path(sys.executable).parent, *([oldest] if oldest else [])]


def newest_folder(store: Path) -> Path:
    """Return the folder of the run that began last."""
    runs = store / "runs"
    made = [run for run in runs.iterdir() if not run.is_symlink()] if runs.is_dir() else []
    return max(made, key=lambda run: run.name, default=Path("no-run"))


@dataclass
class Run:
    """One finished process and the folder of its run, which is the newest when this is made."""

    code: int
    output: str
    store: Path
    folder: Path = Path()

    def __post_init__(self) -> None:
        self.folder = newest_folder(self.store)

    @property
    def record(self) -> dict[str, t.Any]:
        """Return the record of the run."""
        record: dict[str, t.Any] = json.loads((self.folder / "record.json").read_text())
        return record

    @property
    def changed(self) -> set[tuple[str, str]]:
        """Return host and task of what was changed, or would be."""
        return {(change["host"], change["task"]) for change in self.record["changes"]}

    def findings(self, check: str) -> dict[str, str]:
        """Return host -> status of one check."""
        return {f["host"]: f["status"] for f in self.record["findings"] if f["check"] == check}


class Started(t.NamedTuple):
    """A process that runs a playbook, the file with its output, and the store it writes to."""

    process: subprocess.Popen[bytes]
    output: Path
    store: Path

    def cancel(self) -> Run:
        """End it and what it started in its group: Molecule would leave its Ansible behind."""
        os.killpg(self.process.pid, signal.SIGTERM)
        return self.end()

    def kill(self) -> Run:
        """Kill it with all that it started, also in another session, as ansible-runner does."""
        subprocess.run(["pkill", "--signal", "KILL", "--full", str(self.store.parent)], check=False)
        return self.end()

    def end(self) -> Run:
        """Wait for its end."""
        code = self.process.wait(timeout=SECONDS)
        return Run(code, self.output.read_text(), self.store)


@dataclass
class Controller:
    """Starts playbooks in one environment and one way, in a store and scratch folder of a test."""

    bin: Path
    scratch: Path
    way: Way = "ansible-playbook"
    inventory: Path = INVENTORY
    #: A command that starts the command, as `unshare` does.
    prefix: tuple[str, ...] = ()

    @property
    def store(self) -> Path:
        """Return where runs are kept."""
        return self.scratch / "store"

    def __post_init__(self) -> None:
        (self.scratch / "out").mkdir(exist_ok=True)

    def play(
        self, playbook: str, *options: str, env: dict[str, str] | None = None, **extra: t.Any
    ) -> Run:
        """Run a playbook, or several of one command (``one.yml two.yml``), to its end.

        ``options`` are those of ansible-playbook, ``extra`` its variables.
        """
        return self.start(playbook, *options, env=env, **extra).end()

    def start(
        self, playbook: str, *options: str, env: dict[str, str] | None = None, **extra: t.Any
    ) -> Started:
        """Start a playbook."""
        # Into a file: children of what is killed live on, and would hold a pipe.
        handle, output = tempfile.mkstemp(dir=self.scratch, prefix="output-")
        with os.fdopen(handle, "w") as output_file:
            process = subprocess.Popen(
                [*self.prefix, *self._command(playbook, options, extra)],
                cwd=self.scratch if self.way == "ansible-runner" else PROJECT,
                env={**self._environment(playbook), **(env or {})},
                stdout=output_file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

        return Started(process, Path(output), self.store)

    def wait_for_change(self) -> None:
        """Wait until a run has changed its files, which it does while it holds its locks."""
        deadline = time.monotonic() + SECONDS
        while self.written() != HOSTS:
            assert time.monotonic() < deadline, "the run did not get to its change"
            time.sleep(0.1)

    def written(self) -> set[str]:
        """Return the hosts whose change was made."""
        return {path.name for path in (self.scratch / "out").iterdir()}

    def _command(
        self, playbook: str, options: tuple[str, ...], extra: dict[str, t.Any]
    ) -> list[str]:
        places = {
            "contract_dir": str(self.scratch / "out"),
            "lock_directory": str(self.scratch / "locks"),
        }
        variables = json.dumps({**places, **extra})
        paths = [str(PLAYBOOKS / name) for name in playbook.split()]
        match self.way:
            case "ansible-playbook":
                return [
                    str(self.bin / self.way),
                    "-i",
                    str(self.inventory),
                    *paths,
                    "-e",
                    variables,
                    *options,
                ]
            case "ansible-runner":
                private = tempfile.mkdtemp(dir=self.scratch, prefix="private-")
                where = [private, str(PROJECT), *paths, str(self.inventory), variables]
                return [str(self.bin / "python"), "-c", RUNNER, *where, shlex.join(options)]
            case "molecule":
                return [
                    str(self.bin / self.way),
                    "converge",
                    "-s",
                    "contract",
                    "--",
                    "-e",
                    variables,
                    *options,
                ]

    def _environment(self, playbook: str) -> dict[str, str]:
        """Return the environment.

        Molecule's configuration puts the store into its ephemeral directory.
        """
        clean = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("ANSIBLE_", "UPKEEP_", "MOLECULE_"))
        }
        return {
            **clean,
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "UPKEEP_STORE": str(self.store),
            "NO_COLOR": "1",
            "MOLECULE_GLOB": str(HERE / "molecule" / "*" / "molecule.yml"),
            "MOLECULE_EPHEMERAL_DIRECTORY": str(self.scratch),
            "CONTRACT_PLAYBOOK": str(PLAYBOOKS / playbook),
        }
