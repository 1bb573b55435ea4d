# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``upkeep run weekly``: start a playbook through ansible-runner, as AWX does."""

from __future__ import annotations

import argparse
import configparser
import os
import shlex
import sys
import tempfile
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ansible.module_utils.upkeep.base.options import nearest

from upkeep import PROJECT
from upkeep.commands.common import Verbs, positive
from upkeep.commands.ending import Ending
from upkeep.schedule.frozen import reason_today

#: How often ansible-runner looks whether the run was interrupted while nothing is printed.
SECONDS_BETWEEN_LOOKS: t.Final = 1


class RunError(ValueError):
    """A run that cannot be started; the message says what to change."""


def add(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "run", parents=[shared], help="start a playbook; exit codes are those of ansible-playbook"
    )
    parser.add_argument("playbook", help="its name, e.g. weekly")
    parser.add_argument("-l", "--limit", help="only these hosts or groups, e.g. fairedge")
    parser.add_argument("-i", "--inventory", help="default: ANSIBLE_INVENTORY, then ansible.cfg")
    parser.add_argument("-C", "--check", action="store_true", help="change nothing")
    parser.add_argument("-D", "--diff", action="store_true", help="show what changes")
    parser.add_argument("-t", "--tags", help="only plays and tasks with these tags")
    parser.add_argument("-e", "--extra-vars", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--list-tasks", action="store_true", help="only list the tasks")
    parser.add_argument(
        "--scheduled",
        action="store_true",
        help="end well, and start nothing, on a frozen day: for timers",
    )
    parser.add_argument(
        "--artifacts", type=Path, help="folder in which ansible-runner keeps what the run printed"
    )
    parser.add_argument(
        "--keep", type=positive, default=30, help="how many runs it keeps there (default: 30)"
    )
    parser.set_defaults(perform=perform)


def perform(options: argparse.Namespace) -> int:
    """Run the playbook and return its exit code; raises RunError, ScheduleError."""
    path = playbook(options.playbook)
    if options.scheduled and (reason := reason_today(path.stem)):
        print(f"upkeep: {path.stem} is left out today: {reason}")
        return 0

    try:
        import ansible_runner  # only here: other verbs do not wait for it
    except ModuleNotFoundError as error:
        raise RunError("ansible-runner is missing: pip install -r requirements.txt") from error

    with Ending() as ending, _private_folder(options.artifacts) as private:
        runner = ansible_runner.run(
            private_data_dir=private,
            ident=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}",
            rotate_artifacts=options.keep if options.artifacts else 0,
            # What the environment holds may be secret, and is not kept beside the output.
            suppress_env_files=True,
            project_dir=str(PROJECT),
            playbook=str(path),
            inventory=inventory(options.inventory),
            cmdline=shlex.join(arguments(options)) or None,
            envvars=environment(options.store),
            cancel_callback=ending.is_kill_due,
            settings={"pexpect_timeout": SECONDS_BETWEEN_LOOKS},
        )

    return int(runner.rc) if ending.code is None else ending.code


@contextmanager
def _private_folder(kept: Path | None) -> Iterator[str]:
    """Yield where ansible-runner may write: the folder to keep, or one that goes away."""
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="upkeep-run-") as private:
            yield private
        return

    folder = kept.expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    yield str(folder)


def playbook(name: str) -> Path:
    """Return the path of a playbook of the project; raises RunError for an unknown name."""
    known = {path.stem: path for path in sorted((PROJECT / "playbooks").glob("*.yml"))}
    stem = name.removeprefix("playbooks/").removesuffix(".yml")
    if stem not in known:
        raise RunError(f"{name!r} is not a playbook; {nearest(stem, known)}")

    return known[stem]


def inventory(given: str | None) -> str:
    """Return the inventory as an absolute path, or as the text that is not one (``a,b``)."""
    named = given or os.environ.get("ANSIBLE_INVENTORY")
    if named:
        return named if "," in named else str(Path(named).resolve())

    parser = configparser.ConfigParser(interpolation=None)
    parser.read(PROJECT / "ansible.cfg", encoding="utf-8")

    return str(PROJECT / parser.get("defaults", "inventory"))


def arguments(options: argparse.Namespace) -> list[str]:
    """Return what ansible-playbook is given beside playbook and inventory."""
    found = [f"--extra-vars={pair}" for pair in options.extra_vars]
    found += [f"--limit={options.limit}"] if options.limit else []
    found += [f"--tags={options.tags}"] if options.tags else []
    flags = {"--check": options.check, "--diff": options.diff, "--list-tasks": options.list_tasks}

    return [*found, *(flag for flag, is_set in flags.items() if is_set)]


def environment(store: str | None) -> dict[str, str]:
    """Return what the run finds in its environment beside what is there already.

    The ansible-playbook of this interpreter comes first, also where its environment is not active.
    """
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    if not store:
        return {"PATH": path}

    target = store if "://" in store else str(Path(store).expanduser().resolve())

    return {"PATH": path, "UPKEEP_STORE": target}
