# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build a release on the host, beside what serves: code, packages, unit files, then its seal."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..base.deadline import Deadline
from ..base.files import read_text, write_atomic
from ..base.folders import Folder
from ..base.text import limit_text
from ..base.trees import TreeWalk
from ..switching import unit_files
from ..switching.releases import FOUND, Release, Releases
from ..switching.settings import Server
from . import code_digest
from .settings import App, Settings
from .unpacking import checked, unpack

#: Free space that must be left beside the release, bytes.
SPARE: t.Final = 256 << 20
#: How often larger than its archive a release may become.
_GROWTH: t.Final = 3
_LARGEST_LOCK: t.Final = 8 << 20
#: Seconds that systemd waits by itself before it kills a unit that is stopped.
_SYSTEMD_WAITS: t.Final = 90.0
#: Seconds that a server may take to end after its last request.
_ENDING: t.Final = 30.0


class BuildError(Exception):
    """A release that cannot be built; nothing that serves was touched."""


def build(settings: Settings, releases: Releases) -> Release:
    """Build a release from its archive; raises BuildError, and what was begun is no release."""
    app, release = settings.app, settings.release
    deadline = Deadline(settings.max_seconds)
    owners = {0, os.geteuid(), settings.bundle_owner}
    with checked(settings.bundle, settings.sha256, owners) as archive:
        _require_space(app, os.fstat(archive.fileno()).st_size)
        releases.discard(release)
        with _made(releases, release) as folder:
            unpack(archive, folder, settings.sha256)
            if not folder.has("code"):
                raise BuildError("the archive has no folder 'code'")
            _require_folder(releases.path(release, "code", app.folder), app)

    _make_environment(app, releases.path(release), deadline)
    write_units(app, releases, release, app.command, takes_socket=True)
    files = code_digest.digests([releases.path(release, "code")])
    made = Release(
        release,
        settings.commit,
        settings.version,
        strategy=app.server.strategy,
        digest=code_digest.summed(files),
        facts={"files": len(files)},
    )
    releases.seal(made)

    return made


def keep_found(app: App, releases: Releases) -> Release:
    """Make release 0 of what runs now: the units as they are, and a copy of their code."""
    releases.discard(FOUND)
    with _made(releases, FOUND) as folder, _opened(folder, "code"):
        pass
    try:
        for number, path in enumerate(app.found):
            _copy(path, releases.path(FOUND, "code", f"{number}-{Path(path).name}"))
        digest = code_digest.summed(code_digest.digests(app.found)) if app.found else ""
    except (OSError, shutil.Error, code_digest.DigestError) as error:
        raise BuildError(f"what runs now cannot be kept as release 0: {error}") from error

    write_units(app, releases, FOUND, (), takes_socket=False)
    found = Release(FOUND, takes_socket=False, digest=digest, facts={"paths": list(app.found)})
    releases.seal(found)

    return found


def write_units(
    app: App, releases: Releases, release: str, command: Sequence[str], *, takes_socket: bool
) -> None:
    """Write what a release says about each unit; nothing where it has no command."""
    texts = unit_texts(app, releases, release, command, takes_socket=takes_socket)
    for unit, text in texts.items():
        write_atomic(releases.path(release, "units", f"{unit}.conf"), text, folder_mode=0o755)


def _stop_seconds(server: Server) -> float | None:
    """Return how long systemd waits for a server that finishes what it has begun, s.

    None where what systemd waits by itself is enough.
    """
    needed = server.drain_seconds + _ENDING

    return needed if needed > _SYSTEMD_WAITS else None


def unit_texts(
    app: App, releases: Releases, release: str, command: Sequence[str], *, takes_socket: bool
) -> dict[str, str]:
    """Return what a release says about each unit."""
    path = releases.path(release)
    folder = "/".join(filter(None, (path, "code", app.folder)))
    sockets = unit_files.handed_sockets(app.server)

    texts = {
        app.server.unit: unit_files.drop_in(
            folder,
            [word.replace("{release}", path) for word in command],
            {**app.environment, "UPKEEP_RELEASE": release},
            sockets if takes_socket else (),
            stop_seconds=_stop_seconds(app.server),
        )
    }
    for worker in app.workers:
        words = [word.replace("{release}", path) for word in worker.command] if command else []
        variables: Mapping[str, str] = {
            **app.environment,
            **worker.environment,
            "UPKEEP_RELEASE": release,
        }
        texts[worker.unit] = unit_files.drop_in(
            folder, words, variables, stop_seconds=worker.stop_seconds
        )

    return texts


@contextlib.contextmanager
def _made(releases: Releases, release: str) -> t.Iterator[Folder]:
    """Give the folder of a release, made for it, that everybody may enter."""
    with releases.opened() as root, _opened(root, "releases") as all_:
        folder = all_.make(release)
        os.fchmod(folder.descriptor, 0o755)
        with folder:
            yield folder


def _opened(folder: Folder, name: str) -> Folder:
    if folder.has(name):
        return folder.enter(name)

    made = folder.make(name)
    os.fchmod(made.descriptor, 0o755)

    return made


def _require_space(app: App, size: int) -> None:
    """Raise BuildError where a release from an archive of this size, in bytes, does not fit."""
    place = Path(app.root)
    while not place.is_dir():
        place = place.parent
    free = shutil.disk_usage(place).free
    needed = _GROWTH * size + SPARE
    if free < needed:
        raise BuildError(
            f"'{place}' has {free >> 20} MB free; a release of {size >> 20} MB needs"
            f" {needed >> 20} MB while it is built"
        )


def _require_folder(path: str, app: App) -> None:
    if not Path(path).is_dir():
        raise BuildError(f"the source has no folder '{app.folder}'")


def _make_environment(app: App, path: str, deadline: Deadline) -> None:
    """Make the virtual environment in place, and install what the lock file names.

    Its own interpreter is never started by root: a package can have code that runs at its start.
    pip runs once, before there are any packages.
    """
    lock = f"{path}/code/{app.lock}"
    argv = [app.python, "-I", "-m", "venv", f"{path}/venv"]
    argv += ["--system-site-packages"] if app.system_packages else []
    locked = os.path.lexists(lock) and bool(read_text(lock, _LARGEST_LOCK, root=path).strip())
    argv += [] if locked else ["--without-pip"]
    _run(argv, deadline, "the virtual environment cannot be made")
    if locked:
        pip = [f"{path}/venv/bin/python", "-I", "-m", "pip", "--isolated", "--no-input", "install"]
        pip += ["--no-index", f"--find-links={path}/wheels", "--require-hashes", "--no-deps"]
        pip += ["--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--quiet"]
        _run([*pip, f"--requirement={lock}"], deadline, "the packages cannot be installed")

    compiling = [app.python, "-I", "-m", "compileall", "-q", f"{path}/code"]
    _run(compiling, deadline, "the code cannot be compiled")


def _run(argv: Sequence[str], deadline: Deadline, what: str) -> None:
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
    }
    try:
        done = subprocess.run(  # noqa: S603 - an argv list
            argv,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=deadline.remaining(),
            env=environment,
            cwd="/",
            umask=0o022,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, TimeoutError) as error:
        raise BuildError(f"{what}: {error}") from error

    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise BuildError(f"{what}: {limit_text(' '.join(said.split()[-60:]), 600)}")


def _copy(path: str, target: str) -> None:
    """Copy code that a service user may own: links as links, and nothing but files and folders."""
    for entry in TreeWalk(code_digest.LEFT_OUT).entries(path):
        name = os.path.relpath(entry.path, os.path.normpath(path))
        place = target if name == "." else f"{target}/{name}"
        if entry.stream is not None:
            mode = 0o755 if entry.status.st_mode & 0o100 else 0o644
            write_atomic(place, entry.stream.read(), mode, folder_mode=0o755)
        elif entry.target:
            folder, _, link = place.rpartition("/")
            with Folder.owned(folder, make=True) as inner:
                inner.link(link, entry.target)
