# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start a template as its server does: the words, variables, environment and folders of AWX and
of Semaphore.

AWX runs a job in a container: ansible-runner starts ansible-playbook in the project with options of
its own (`build_args`), an inventory that a script prints, and a file of variables in which texts of
people are marked unsafe and integers are integers. Semaphore starts ansible-playbook in its clone,
with all variables as one JSON word.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import typing as t
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from tools import PROJECT

Entry = dict[str, t.Any]
Done = subprocess.CompletedProcess[str]

BIN: t.Final = Path(sys.executable).parent
#: For one playbook, on a busy machine.
SECONDS: t.Final = 600
_RUNNER: t.Final = """
import ansible_runner, json, sys
run = ansible_runner.run(**json.load(sys.stdin), quiet=True)
print(run.stdout.read())
sys.exit(run.rc)
"""
#: Mounts the checkout read-only, which it tries, and runs a command.
_READ_ONLY: t.Final = """
mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 70
touch "$0/README.md" 2> /dev/null && exit 71
exec "$@"
"""


class _Unsafe(str):
    """A text that Ansible must not render."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(_Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


@contextmanager
def home() -> Iterator[Path]:
    """Yield a folder of its own; short, since sockets of ssh are made below it."""
    with tempfile.TemporaryDirectory(prefix="u-", dir="/tmp") as folder:
        yield Path(folder)


def exported(inventory: Path) -> str:
    """Return an inventory as AWX imports it; places beside it become absolute."""
    done = subprocess.run(
        [str(BIN / "ansible-inventory"), f"--inventory={inventory}", "--list", "--export"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )

    return done.stdout.replace("{{ inventory_dir }}", str(inventory.parent))


def read_only() -> list[str]:
    """Return the words before a command that sees the checkout read-only; none where it may not."""
    words = ["unshare", "--mount", "sh", "-c", _READ_ONLY, str(PROJECT)]
    done = subprocess.run([*words, "true"], capture_output=True, check=False)

    return [] if done.returncode else words


def answers_of(template: Entry, texts: str) -> dict[str, t.Any]:
    """Return what a person answers to a survey of AWX: defaults, and one text for all texts."""
    return {
        question["variable"]: (
            question["default"] if question["type"] != "text" or not texts else texts
        )
        for question in template.get("survey_spec", {}).get("spec", [])
    }


def as_awx(
    template: Entry,
    folder: Path,
    inventory: str,
    *options: str,
    limit: str,
    answers: Mapping[str, t.Any],
    injected: Mapping[str, str] | None = None,
    prefix: t.Sequence[str] = (),
) -> Done:
    """Start a job in a folder of its own and wait for its end.

    ``inventory`` is what its script prints, ``options`` what a start adds, ``injected`` the extra
    variables of a credential.
    """
    private = folder / "runner"
    (private / "env").mkdir(parents=True)
    (private / "inventory").mkdir()
    script = private / "inventory" / "hosts"
    script.write_text(f"#!{sys.executable}\nprint({inventory!r})\n")
    script.chmod(0o700)
    (private / "env" / "extravars").write_text(_variables(template, answers))
    (private / "env" / "credential").write_text(json.dumps(injected or {}))
    words = ["-u", "upkeep", "--become-method", "sudo", "-l", limit, *options]
    job = {
        "private_data_dir": str(private),
        "project_dir": str(PROJECT),
        "playbook": template["playbook"],
        "inventory": str(script.parent),
        "cmdline": shlex.join([*words, "-e", f"@{private / 'env' / 'credential'}"]),
    }

    return subprocess.run(
        [*prefix, sys.executable, "-c", _RUNNER],
        input=json.dumps(job),
        cwd=folder,
        env=_awx_environment(folder, private),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def as_semaphore(
    template: Entry,
    folder: Path,
    inventory: Path,
    *options: str,
    limit: str = "",
    answers: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
) -> Done:
    """Start a task in the checkout and wait for its end.

    ``limit`` is that of who starts it, ``settings`` are the variables of the server's environment.
    """
    details = {"id": 1, "username": "jo", "message": 'it\'s "urgent"', "url": ""}
    variables = {**(settings or {}), "semaphore_vars": {"task_details": details}, **answers}
    words = [
        str(BIN / "ansible-playbook"),
        "-i",
        str(inventory),
        "--user",
        "upkeep",
        "--extra-vars",
        json.dumps(variables),
        *json.loads(template["arguments"]),
        *([f"--limit={limit}"] if limit else []),
        *options,
        template["playbook"],
    ]

    return subprocess.run(
        words,
        cwd=PROJECT,
        env={
            **_environment(folder),
            "PYTHONUNBUFFERED": "1",
            "ANSIBLE_FORCE_COLOR": "True",
            "PWD": str(PROJECT),
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _variables(template: Entry, answers: Mapping[str, t.Any]) -> str:
    """Return the file of variables: those of the template, the server's, and what people say."""
    about = {"job_id": 1, "job_launch_type": "manual", "user_name": "jo", "inventory_id": 2}
    ours = {
        f"{server}_{name}": value for server in ("awx", "tower") for name, value in about.items()
    }
    known = {**template.get("extra_vars", {}), **ours, **answers}
    marked = {
        name: _Unsafe(value) if isinstance(value, str) else value for name, value in known.items()
    }

    return str(yaml.dump(marked, Dumper=_Dumper))


def _environment(folder: Path) -> dict[str, str]:
    """Return what both servers hand on: nothing of this process but where programs are."""
    return {
        "HOME": str(folder),
        "PATH": f"{BIN}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "UPKEEP_STORE": str(folder / "store"),
        "ANSIBLE_HOST_KEY_CHECKING": "False",
    }


def _awx_environment(folder: Path, private: Path) -> dict[str, str]:
    return {
        **_environment(folder),
        "ANSIBLE_FORCE_COLOR": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
        "ANSIBLE_PARAMIKO_RECORD_HOST_KEYS": "False",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
        "ANSIBLE_ROLES_PATH": f"{private}/requirements_roles:/etc/ansible/roles",
        "ANSIBLE_COLLECTIONS_PATH": f"{private}/requirements_collections",
        "AWX_PRIVATE_DATA_DIR": str(private),
        "JOB_ID": "1",
        "INVENTORY_ID": "2",
        "MAX_EVENT_RES": "700000",
    }


def newest(folder: Path) -> Entry:
    """Return the record of the run of a job."""
    [run] = (entry for entry in os.scandir(folder / "store" / "runs") if not entry.is_symlink())
    record: Entry = json.loads(Path(run.path, "record.json").read_text(encoding="utf-8"))

    return record
