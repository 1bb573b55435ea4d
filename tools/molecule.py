# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run Molecule scenarios as processes, three at a time: ``python -m tools.molecule [NAME...]``.

Molecule's own workers need a collection, and scenarios that share state overwrite each other's
files.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import PROJECT
from tools.process import LOGS, CommandOutcome, environment, run_logged, stop_all, tail, tool

#: On two cores: a scenario waits for its hosts for a third of its time.
AT_A_TIME: t.Final = 3
#: Seconds for one scenario from create to destroy; a usual one takes about 60.
SCENARIO_TIMEOUT: t.Final = 1500.0
#: They take minutes, so they begin first: else the last one runs alone.
LONGEST: t.Final = ("predictor_deploy", "restore", "model_update", "backup", "schedule", "rollback")
DOWN_TIMEOUT: t.Final = 120.0
#: Images that scenarios start from -> options of `python -m demo image`.
IMAGES: t.Final = {"default": (), "bare": ("--bare",), "debian13": ("--suite", "trixie")}
IMAGE_TIMEOUT: t.Final = 1800.0
#: The programs of the environment with the oldest ansible-core. All tests together play the
#: scenarios there, since they play the whole playbooks on the newest.
OLDEST: t.Final = PROJECT / ".venv-core219" / "bin"


def scenarios(project: Path = PROJECT) -> list[str]:
    """Return the names of all scenarios."""
    return sorted(path.parent.name for path in project.glob("molecule/*/molecule.yml"))


def oldest() -> Path | None:
    """Return the bin folder with the oldest ansible-core.

    None where set-up found no Python for it.
    """
    return OLDEST if (OLDEST / "molecule").exists() else None


def run_one(scenario: str, programs: Path | None = None) -> CommandOutcome:
    """Run one scenario from create to destroy and tell how it ended.

    ``programs``: bin of another environment.
    """
    outcome = _run(scenario, programs)
    result = "ok" if outcome.code == 0 else "FAILED"
    print(f"  {scenario:<24}{outcome.seconds:7.1f} s  {result}", flush=True)
    return outcome


def _run(scenario: str, programs: Path | None) -> CommandOutcome:
    """Run one scenario.

    Its hosts are taken away here: Molecule would start Ansible for it, once before, once after.
    """
    env = environment()
    del env["ANSIBLE_CONFIG"]  # Molecule writes its own from .config/molecule/config.yml
    name = f"molecule-{scenario}"
    if programs:
        env["PATH"] = f"{programs}{os.pathsep}{env['PATH']}"

    # A folder of its own for each run: what Molecule noted there about hosts is wrong once they are
    # gone.
    notes = LOGS.parent / "molecule" / name
    shutil.rmtree(notes, ignore_errors=True)
    env["MOLECULE_EPHEMERAL_DIRECTORY"] = str(notes)
    argv = [
        str(programs / "molecule") if programs else tool("molecule"),
        "test",
        "--scenario-name",
        scenario,
    ]
    if (PROJECT / ".demo" / f"mol-{scenario}").exists():
        _take_down(scenario, name)

    try:
        outcome = run_logged(name, [*argv, "--destroy", "never"], timeout=SCENARIO_TIMEOUT, env=env)
    finally:
        ended = _take_down(scenario, name)

    if ended.code and not outcome.code:
        return CommandOutcome(ended.code, outcome.seconds, ended.log)

    return outcome


def _take_down(scenario: str, name: str) -> CommandOutcome:
    argv = [sys.executable, "-m", "demo", "down", "--fleet", f"mol-{scenario}"]
    return run_logged(f"{name}-down", argv, timeout=DOWN_TIMEOUT, clears_up=True)


def build_images() -> None:
    """Build every image that scenarios ask for.

    What fails shows in the scenario that then lacks it.
    """
    for name, options in IMAGES.items():
        run_logged(
            f"image-{name}",
            [sys.executable, "-m", "demo", "image", *options],
            timeout=IMAGE_TIMEOUT,
        )


def run_all(
    names: t.Sequence[str], at_a_time: int = AT_A_TIME, programs: Path | None = None
) -> dict[str, CommandOutcome]:
    """Run scenarios, with the programs of another environment if one is given.

    Build the hosts' image first.

    Returns scenario -> outcome, and shows the log's end for each that failed.
    """
    image = run_logged(
        "molecule-image", [sys.executable, "-m", "demo", "image"], timeout=IMAGE_TIMEOUT
    )
    if image.code:
        print(tail(image.log), flush=True)
        return dict.fromkeys(names, image)

    pool = ThreadPoolExecutor(max_workers=at_a_time)
    ordered = sorted(names, key=lambda name: (*LONGEST, name).index(name))

    try:
        outcomes = dict(
            zip(ordered, pool.map(lambda name: run_one(name, programs), ordered), strict=True)
        )
    except BaseException:  # an interrupt reaches this thread only
        pool.shutdown(wait=False, cancel_futures=True)
        stop_all()
        raise

    for outcome in outcomes.values():
        if outcome.code:
            print(tail(outcome.log), flush=True)

    return outcomes


def main(argv: list[str] | None = None) -> int:
    """Run some or all scenarios; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.molecule", description=__doc__)
    parser.add_argument("scenario", nargs="*", help="names of folders in molecule/; default: all")
    parser.add_argument("--at-a-time", type=int, default=AT_A_TIME)
    parser.add_argument(
        "--oldest", action="store_true", help="with the oldest ansible-core, as `make test` does"
    )
    arguments = parser.parse_args(argv)
    unknown = sorted(set(arguments.scenario) - set(scenarios()))
    if unknown:
        print(
            f"no such scenario: {', '.join(unknown)}; there are: {', '.join(scenarios())}",
            file=sys.stderr,
        )
        return 2

    if arguments.oldest and not oldest():
        print(
            "set-up found no Python for the oldest ansible-core, so there is no"
            f" {OLDEST.parent.name}",
            file=sys.stderr,
        )
        return 2

    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # so that what was started is ended, too
    # Each once: a scenario has one fleet.
    names = sorted(set(arguments.scenario)) or scenarios()
    outcomes = run_all(names, arguments.at_a_time, OLDEST if arguments.oldest else None)
    failed = [name for name, outcome in outcomes.items() if outcome.code]
    print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")

    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
