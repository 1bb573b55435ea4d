# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command and the environment of one suite; nothing of production's is handed on."""

from __future__ import annotations

import pwd
import typing as t
from pathlib import Path

from .settings import Setup, Suite

#: Names in the scratch folder of a run; they belong to the suite.
REPORT: t.Final = "report.xml"
COVERAGE: t.Final = "coverage.lcov"
HOME: t.Final = "home"
TEMPORARY: t.Final = "tmp"
WORK: t.Final = "work"


def argv(setup: Setup, suite: Suite, scratch: Path) -> list[str]:
    """Return the command: pytest by the application's own interpreter, its files in ``scratch``."""
    command = [setup.interpreter, "-m", "pytest", "-q", "--color=no", "-p", "no:cacheprovider"]
    # pytest warns of properties of a test in its other family, and a project may treat warnings
    # as errors.
    command += ["-o", "junit_family=xunit1"]
    command += [f"--rootdir={setup.folder}", f"--junitxml={scratch / REPORT}"]
    if suite.marker:
        command += ["-m", suite.marker]

    if suite.coverage:
        command += [f"--cov={source}" for source in suite.coverage.source]
        command += [f"--cov-report=lcov:{scratch / COVERAGE}"]

    return [*command, *(str(setup.folder / path) for path in suite.paths)]


def environment(
    setup: Setup,
    suite: Suite,
    account: pwd.struct_passwd,
    scratch: Path,
    given: t.Mapping[str, str],
) -> dict[str, str]:
    """Return the whole environment.

    ``given`` are the variables of the test database, empty for suites without one.
    """
    return {
        "LANG": "C.UTF-8",
        "PATH": f"{Path(setup.interpreter).parent}:/usr/bin:/bin",
        **{name: value for name, value in given.items() if "\0" not in value},
        **suite.environment,
        "HOME": str(scratch / HOME),
        "USER": account.pw_name,
        "LOGNAME": account.pw_name,
        "TMPDIR": str(scratch / TEMPORARY),
        "COVERAGE_FILE": str(scratch / "coverage.data"),
        "PYTHONPATH": ":".join(setup.python_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
