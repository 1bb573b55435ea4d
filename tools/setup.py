# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make this checkout ready: Debian packages, .venv, and an environment for the oldest core.

Runs before anything is installed, so standard library only. Safe to repeat and to interrupt: an
environment counts as made only when its stamp, written last, names the inputs of today.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import PROJECT
from tools.awx_collection import CollectionError
from tools.awx_collection import ensure as ensure_collection
from tools.packages import PACKAGES, PackageError, ensure

STAMP: t.Final = ".upkeep-stamp"
#: The last Python that can run the oldest supported ansible-core.
OLDEST: t.Final = "3.11"

#: What pip's own words do not say; its variables are the way around a mirror or a proxy with a
#: certificate of its own.
PIP_HINT: t.Final = (
    "Is a package index reachable from here? pip listens to PIP_INDEX_URL, PIP_CERT and HTTPS_PROXY"
)


class SetupError(Exception):
    """Set-up cannot go on; the message is one line, what failed."""


class Environment(t.NamedTuple):
    """One virtual environment: where it lives, which Python makes it, what pip is asked for."""

    path: Path
    python: str
    version: str
    arguments: tuple[str, ...]
    #: Whether it gets the command `upkeep`, which runs the code of this checkout.
    has_command: bool = False


#: Installs the checkout from what is there: nothing is downloaded, no dependency looked at again.
EDITABLE: t.Final = ("--no-index", "--no-deps", "--no-build-isolation", "--editable", ".")


def environments(
    python: str, version: str, oldest: str | None, project: Path = PROJECT
) -> list[Environment]:
    """Return the environments to have for the best and the oldest Python (None: not here)."""
    main = Environment(project / ".venv", python, version, ("-r", "requirements-dev.txt"), True)
    if version == OLDEST or oldest is None:
        return [main]

    return [
        main,
        Environment(project / ".venv-core219", oldest, OLDEST, ("-r", "requirements-oldest.txt")),
    ]


def digest(environment: Environment, project: Path) -> str:
    """Return the stamp: a hash of interpreter, pip's arguments and all files that pip reads."""
    seen = hashlib.sha256(repr((str(environment.path), *environment[1:])).encode())
    for path in (*sorted(project.glob("requirements*.txt")), project / "pyproject.toml"):
        seen.update(path.read_bytes() if path.exists() else b"")
    return seen.hexdigest()


def is_current(environment: Environment, project: Path) -> bool:
    """Return whether the environment was finished with the current inputs."""
    stamp = environment.path / STAMP
    return stamp.is_file() and stamp.read_text() == digest(environment, project)


def make(environment: Environment, project: Path) -> bool:
    """Make or renew one virtual environment.

    Returns False when there was nothing to do, raises SetupError. One that is a link belongs to
    another checkout: to clear it would take it away from there.
    """
    if environment.path.is_symlink():
        print(f"setup: {environment.path.name} is a link, so it is left as it is", flush=True)
        return False
    if is_current(environment, project):
        return False

    print(f"setup: making {environment.path.name} with {environment.python}", flush=True)
    started = time.monotonic()
    _run(project, environment.python, "-m", "venv", "--clear", str(environment.path))
    python = str(environment.path / "bin" / "python")

    install = (python, "-m", "pip", "install", "-qq", "--disable-pip-version-check")
    try:
        _run(project, *install, *environment.arguments)
    except SetupError as error:
        raise SetupError(f"{error}. {PIP_HINT}") from error
    if environment.has_command:
        _run(project, *install, *EDITABLE)

    (environment.path / STAMP).write_text(digest(environment, project))
    print(
        f"setup: {environment.path.name} is ready after {time.monotonic() - started:.0f} s",
        flush=True,
    )

    return True


def _run(project: Path, *argv: str) -> None:
    result = subprocess.run(argv, cwd=project, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
    if result.returncode:
        raise SetupError(
            f"`{' '.join(argv)}` ended with exit code {result.returncode}; its output is above"
        )


def find_python(*versions: str) -> str | None:
    """Return the path of a working Python of one of the versions, or None.

    The distribution's own, if it has one.

    That one is built for speed, which version managers leave out.
    """
    argv = [str(PROJECT / "tools" / "find-python"), *versions]
    env = {**os.environ, "PATH": f"/usr/bin{os.pathsep}{os.environ['PATH']}"}
    found = subprocess.run(argv, env=env, check=False, capture_output=True, text=True)  # noqa: S603

    return found.stdout.strip() if found.returncode == 0 else None


def venv_packages(environment: Environment) -> list[str]:
    """Return the Debian package that the interpreter lacks for making environments.

    None when it lacks nothing.
    """
    probe = [environment.python, "-c", "import ensurepip"]
    lacks = subprocess.run(probe, check=False, capture_output=True).returncode != 0  # noqa: S603
    return [f"python{environment.version}-venv"] if lacks else []


def set_up() -> None:
    """Do what is missing; raises SetupError."""
    requested = environments(
        sys.executable, f"{sys.version_info[0]}.{sys.version_info[1]}", find_python(OLDEST)
    )

    try:
        ensure([*PACKAGES, *(name for each in requested for name in venv_packages(each))])
    except PackageError as error:
        lacking = [name for each in requested for name in venv_packages(each)]
        if lacking:
            raise SetupError(
                f"no virtual environment can be made without {' and '.join(lacking)}; {error}"
            ) from error

        # Linting and unit tests need none of them; the demo reports itself when it cannot start.
        print(f"setup: packages are missing; {error}", file=sys.stderr)

    with ThreadPoolExecutor(len(requested)) as pool:
        for _ in pool.map(lambda each: make(each, PROJECT), requested):  # raises what went wrong
            pass

    try:
        ensure_collection()
    except (CollectionError, OSError) as error:
        # Only one playbook needs it, the one that speaks to an AWX server.
        print(f"setup: awx.awx is missing; {error}", file=sys.stderr)


def main() -> int:
    """Set up, one at a time per checkout; returns the exit code."""
    try:
        (PROJECT / ".cache").mkdir(exist_ok=True)
        with (PROJECT / ".cache" / "setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            set_up()
    except (SetupError, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1

    return 0


if __name__ == "__main__":
    sys.exit(main())
