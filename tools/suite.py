# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the checks of the project, part by part: ``python -m tools.suite [PART...]``.

Default: all of them.

A failure does not stop the rest. Ends with one line per part and a closing line ``N passed, N
failed``.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

from demo import lease
from demo.errors import DemoError as FleetError
from demo.fleet import DEFAULT
from tools import PROJECT, demo, evidence_lines, molecule
from tools import sanity as ansible_test
from tools.process import (
    LOGS,
    REASON_WIDTH,
    end_all,
    environment,
    reasons,
    run_logged,
    stop_all,
    tail,
    tool,
)

#: Folders of tests/ -> the part that runs them. A test holds this list against what is there.
FOLDERS: t.Final = {
    "unit": "unit",
    "regressions": "unit",
    "load": "unit",
    "faults": "unit",
    "meta": "meta",
    "contract": "contract",
    "fleet": "fleet",
    "scale": "fleet",
}
#: The slowest first, so that the others run beside it.
LINTERS: t.Final = {
    "ansible-lint": ["ansible-lint"],
    "mypy": ["mypy", "."],
    "yamllint": ["yamllint", "--strict", "."],
    "ruff": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
}
#: Linters at a time: each keeps one core busy, and the slowest takes as long as all others
#: together.
LINTERS_AT_A_TIME: t.Final = 2
#: pytest processes at a time, on two cores: tests often wait for the processes that they start.
WORKERS: t.Final = "3"
#: Seconds for one linter or one pytest process; the contract tests start about seventy playbooks.
TIMEOUT: t.Final = 2400.0
#: Failures named at the end, where whoever sees only the last lines finds them.
NAMED: t.Final = 20

#: Names of what failed in this run, in the order of their ends.
failures: t.Final[list[str]] = []


class Count(t.NamedTuple):
    """How many checks passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: tuple[t.Any, ...]) -> Count:  # type: ignore[override]
        return Count(*(mine + its for mine, its in zip(self, other, strict=True)))


def lint() -> Count:
    """Run every linter; each counts as one check."""
    pool = ThreadPoolExecutor(max_workers=LINTERS_AT_A_TIME)
    running = [
        pool.submit(_one, f"lint-{name}", [tool(argv[0]), *argv[1:]])
        for name, argv in LINTERS.items()
    ]

    try:
        return sum((each.result() for each in running), Count())
    except BaseException:  # an interrupt reaches this thread only
        pool.shutdown(wait=False, cancel_futures=True)
        stop_all()
        raise


def unit() -> Count:
    """Run the unit and regression tests."""
    folder = evidence_lines.start(PROJECT)
    # File by file: what the tests of a file share, such as a filled database, is made once.
    count = _pytest("unit", _folders("unit"), distribution="loadfile", UPKEEP_EVIDENCE=str(folder))

    return count + _evidence()


def meta() -> Count:
    """Run the tests of the house rules."""
    return _pytest("meta", _folders("meta"))


def sanity() -> Count:
    """Run ansible-test sanity over the modules, staged as a collection."""
    good = ansible_test.run()
    if not good:
        failures.append("sanity")
    return Count(passed=int(good), failed=int(not good))


def contract() -> Count:
    """Run the contract tests, which start playbooks on each ansible-core that set-up installed."""
    return _pytest("contract", _folders("contract"))


def scenarios() -> Count:
    """Run all Molecule scenarios; each counts as one check, and so does that there is one."""
    outcomes = molecule.run_all(molecule.scenarios(), programs=molecule.oldest())
    logs = {name: outcome.log for name, outcome in outcomes.items() if outcome.code}
    failures.extend("\n  ".join([f"scenario {name}", *reasons(log)]) for name, log in logs.items())
    failed = len(logs)
    return Count(len(outcomes) - failed, failed) if outcomes else Count(failed=1)


def fleet() -> Count:
    """Run the demonstration on the demo fleet, then the tests that need the fleet.

    They judge its last run, too.
    """
    try:
        with lease.held(DEFAULT, "the tests of the fleet"):
            return _fleet()
    except FleetError as error:
        print(f"  FAILED fleet: {error}", flush=True)
        failures.append("fleet")
        return Count(failed=1)


def _fleet() -> Count:
    try:
        known = {"UPKEEP_CLEAN_RUN": str(demo.play([]))}
        total = Count(passed=1)
    except demo.DemoError as error:
        print(f"  FAILED demo: {error}", flush=True)
        failures.append("demo")
        known, total = {}, Count(failed=1)

    folders = _folders("fleet")

    return total + _pytest("fleet", folders, workers="0", **known) if folders else total


def faults() -> Count:
    """Put every single error into the shipped profiles, and every fault before what must bear it.

    The guides' figures must find the errors.
    """
    errors = _one("profile-errors", [sys.executable, "-m", "tools.profile_errors", "--all"])

    return errors + _pytest("faults", ["tests/faults"], UPKEEP_FAULTS="full")


def load() -> Count:
    """Put services under the whole load of tests/load; nothing may be lost."""
    return _pytest("load", ["tests/load"], workers="0", UPKEEP_LOAD="full")


def controller() -> Count:
    """Start every template of AWX and Semaphore as the servers do, and hold the servers' rules."""
    return _pytest(
        "controller",
        ["tests/unit/upkeep/controller", "tests/contract/test_job_templates.py"],
    )


PARTS: t.Final[dict[str, t.Callable[[], Count]]] = {
    "lint": lint,
    "unit": unit,
    "contract": contract,
    "meta": meta,
    "sanity": sanity,
    "molecule": scenarios,
    "fleet": fleet,
}
#: Parts that run only when they are requested; `make test` has a short form of each.
LONG: t.Final[dict[str, t.Callable[[], Count]]] = {
    "faults": faults,
    "load": load,
    "controller": controller,
}
#: Part -> the part beside which it runs when both are requested. The slowest linter keeps one core
#: busy, and for long; contract tests often wait. Beside runs on the fleet there must be nothing:
#: its hosts have to answer in time, and even what the scheduler calls idle makes them half as fast.
BESIDE: t.Final = {"unit": "lint", "meta": "contract", "sanity": "contract"}
#: Parts that start demo hosts.
NEED_IMAGES: t.Final = {"molecule", "fleet"}


def read_junit(path: Path) -> Count:
    """Return the counts of a pytest report.

    A report that is missing or holds no test is a failure.
    """
    if not path.is_file():
        return Count(failed=1)

    # Written by our own pytest.
    suites = ElementTree.parse(path).getroot().iter("testsuite")  # noqa: S314
    total = Count()

    for suite in suites:
        tests, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        total += Count(max(tests - skipped - failed, 0), failed, skipped)

    return total if sum(total) else Count(failed=1)


def failed_tests(path: Path) -> list[str]:
    """Return the failed tests of a pytest report: ``file::test`` and how its error begins."""
    if not path.is_file():
        return []

    cases = ElementTree.parse(path).getroot().iter("testcase")  # noqa: S314

    return [
        f"{case.get('classname', '').replace('.', '/')}::{case.get('name')}{_begin(error)}"
        for case in cases
        for error in (*case.findall("failure"), *case.findall("error"))
    ]


def _begin(error: ElementTree.Element) -> str:
    """Return how the message of a test's error begins, on one line."""
    said = " ".join(error.get("message", "").split())
    return f"\n  {said[:REASON_WIDTH]}" if said else ""


def summary(results: t.Mapping[str, tuple[Count, float]], failed: t.Sequence[str] = ()) -> str:
    """Return what failed by name, the table of parts and, last, the closing line."""
    total = sum((count for count, _ in results.values()), Count())
    rows = [
        f"{name:<12}{seconds:8.1f} s {count.passed:6} passed {count.failed:4} failed"
        f" {count.skipped:4} skipped"
        for name, (count, seconds) in results.items()
    ]

    named = [f"failed: {name}" for name in failed[:NAMED]]
    if len(failed) > NAMED:
        named.append(f"failed: {len(failed) - NAMED} more")

    return "\n".join(["", *named, *rows, f"{total.passed} passed, {total.failed} failed"])


def batches(requested: t.Sequence[str]) -> list[list[str]]:
    """Return the parts in their order, those that run at the same time together."""
    found: list[list[str]] = []
    for name in requested:
        together = next((batch for batch in found if batch[0] == BESIDE.get(name)), None)
        if together:
            together.append(name)
        else:
            found.append([name])

    return found


def _run(names: t.Sequence[str]) -> dict[str, tuple[Count, float]]:
    """Run parts at the same time; return for each what it counted, and its seconds."""

    def timed(name: str) -> tuple[Count, float]:
        started = time.monotonic()
        return {**PARTS, **LONG}[name](), time.monotonic() - started

    pool = ThreadPoolExecutor(max_workers=len(names))

    try:
        return dict(zip(names, pool.map(timed, names), strict=True))
    except BaseException:  # an interrupt reaches this thread only
        pool.shutdown(wait=False, cancel_futures=True)
        stop_all()
        raise


def _folders(part: str) -> list[str]:
    return [
        f"tests/{name}"
        for name, runs_in in FOLDERS.items()
        if runs_in == part and (PROJECT / "tests" / name).is_dir()
    ]


def _evidence() -> Count:
    """Return whether the tests saw again what they once saw of the shipped profiles."""
    missing = evidence_lines.unseen(PROJECT, _folders("unit"))
    for line in missing:
        print(f"  not seen again: {', '.join(line)}", flush=True)
    failures.extend(f"evidence not seen again: {', '.join(line)}" for line in missing)

    return Count(failed=1) if missing else Count(passed=1)


def _one(name: str, argv: list[str]) -> Count:
    """Run one command that counts as one check, and tell its end on one line."""
    outcome = run_logged(name, argv, timeout=TIMEOUT)
    good = outcome.code == 0
    print(f"  {name:<24}{outcome.seconds:7.1f} s  {'ok' if good else 'FAILED'}", flush=True)
    if not good:
        failures.append(name)
        print(tail(outcome.log), flush=True)

    return Count(passed=int(good), failed=int(not good))


def _pytest(
    name: str,
    folders: list[str],
    workers: str = WORKERS,
    distribution: str = "load",
    **variables: str,
) -> Count:
    """Run pytest on folders of tests/ and return what its report counts.

    ``distribution`` is how pytest-xdist gives tests to its workers; ``variables`` are put into its
    environment.
    """
    if not folders:
        print(f"  {name:<24}FAILED: nothing to run, no such folder in tests/", flush=True)
        return Count(failed=1)

    report = LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        workers,
        "--dist",
        distribution,
        f"--junitxml={report}",
        *folders,
    ]
    outcome = run_logged(name, argv, timeout=TIMEOUT, env=environment(**variables))
    count = read_junit(report)
    if outcome.code and not count.failed:
        count += Count(failed=1)

    print(f"  {name:<24}{outcome.seconds:7.1f} s  {'FAILED' if count.failed else 'ok'}", flush=True)
    if count.failed:
        failures.extend(failed_tests(report) or [name])
        print(tail(outcome.log), flush=True)

    return count


def main(argv: list[str] | None = None) -> int:
    """Run some or all parts; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.suite", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    requested = parser.parse_args(argv).part or list(PARTS)
    unknown = sorted(set(requested) - {*PARTS, *LONG})
    if unknown:
        known = ", ".join([*PARTS, *LONG])
        parser.error(f"no such part: {', '.join(unknown)}; there are: {known}")

    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # so that what was started is ended, too
    if NEED_IMAGES & set(requested):
        # Minutes on a fresh machine, mostly of waiting for downloads, while the first parts run.
        threading.Thread(target=molecule.build_images, daemon=True).start()

    results: dict[str, tuple[Count, float]] = {}

    try:
        for names in batches(requested):
            print(f"{', '.join(names)}:", flush=True)
            results |= _run(names)
    finally:
        end_all()

    print(summary(results, failures))

    return 1 if any(count.failed for count, _ in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
