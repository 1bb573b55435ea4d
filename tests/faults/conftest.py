# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of faults share: how many are tried, programs that misbehave, a database server.

`make test` plays a fixed short sample of each, `make test-faults` (UPKEEP_FAULTS=full) all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import typing as t
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup.run import BackupError

from tests.unit.module_utils.backup.conftest import Shop, statuses
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, binaries, server

FULL: t.Final = os.environ.get("UPKEEP_FAULTS") == "full"
#: Longer than any test waits.
HOURS: t.Final = 10_000
#: Where the true programs are: tests put folders of their own in front of PATH.
_PATH: t.Final = os.environ["PATH"]
_One = t.TypeVar("_One")

#: What a program does at the call that is chosen; ``real`` is the path of the true one.
MISBEHAVIOURS: t.Final = {
    "fails": "echo out of luck >&2; exit 3",
    "hangs": "exec sleep 60",
    "is cut short": '"$real" "$@" | head -c 40',
    "says nothing": "cat >/dev/null",
}
_SHIM: t.Final = """#!/bin/sh
real={real}
echo >>{calls}
if [ "$(wc -l <{calls})" -eq {number} ]; then
{body}
exit $?
fi
exec "$real" "$@"
"""


def sample(items: Sequence[_One], most: int) -> Sequence[_One]:
    """Return all items in a full run, else ``most`` of them, from the first to the last."""
    if FULL or len(items) <= most:
        return items

    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]


class Tools:
    """A folder in front of PATH, with programs that misbehave at one call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"

    def spoil(self, program: str, real: str, number: int, misbehaviour: str) -> None:
        """Let a program misbehave at its n-th call; every account may run it."""
        self.calls.write_text("")
        self.calls.chmod(0o666)
        text = _SHIM.format(
            real=real, calls=self.calls, number=number, body=MISBEHAVIOURS[misbehaviour]
        )
        # A new file: writing through the link that `mend` leaves would replace the true program.
        (self.folder / program).unlink(missing_ok=True)
        with (self.folder / program).open("x") as stream:
            stream.write(text)
        (self.folder / program).chmod(0o755)

    def mend(self, program: str, real: str) -> None:
        """Put the true program there again."""
        (self.folder / program).unlink(missing_ok=True)
        (self.folder / program).symlink_to(real)

    @property
    def count(self) -> int:
        """How often the program was called."""
        return len(self.calls.read_text().splitlines())


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Tools]:
    """Return the folder of the tools."""
    with tempfile.TemporaryDirectory(prefix="upkeep-tools-") as name:
        Path(name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{name}:{os.environ['PATH']}")
        yield Tools(Path(name))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return a host with files and a SQLite database."""
    return Shop(tmp_path)


@pytest.fixture(scope="session")
def pg() -> Server:
    """Return the throw-away server with the role that reads."""
    running = server()
    make_reader(running)

    return running


def real_path(program: str) -> str:
    """Return where the true program lies."""
    found = shutil.which(program, path=f"{binaries()}:{_PATH}")
    assert found, f"{program} is not installed"

    return found


def dump_artefact(
    pg: Server, database: str, folder: Path | str, **options: t.Any
) -> dict[str, t.Any]:
    """Return the entry of a database, dumped by the programs of a folder."""
    login = {"login_host": pg.login["host"], "login_port": pg.login["port"], "run_as": ""}
    dump = {"database": database, "program_folder": str(folder), **login, **options}

    return {"name": "database", "postgresql": dump}


def command_artefact() -> dict[str, t.Any]:
    """Return the entry of a program's output."""
    user = "root" if os.geteuid() == 0 else Path("~").expanduser().owner()
    argv = ["seq", "1", "20000"]
    command = {"argv": argv, "run_as": user, "least_bytes": 100_000}

    return {"name": "export", "command": command}


def is_loud(shop: Shop, **options: t.Any) -> bool:
    """Return whether a run fails, or says in a finding that it made no set."""
    try:
        answer = shop.backup(**options)
    except BackupError:
        return True

    return "critical" in statuses(answer).values()


def bad_sets(shop: Shop) -> dict[str, str]:
    """Return what is not ok after every byte of every set was read."""
    if not shop.root.is_dir():
        return {}
    found = statuses(shop.verify(reread_days=0, promised_hours=HOURS))

    return {
        check: status for check, status in found.items() if status != "ok" and check != "backup:age"
    }


def leftovers(shop: Shop) -> list[str]:
    """Return what stands in the catalogue without being a set, a record or the lock."""
    known = {*shop.names(), ".records", ".lock"}

    return sorted(path.name for path in shop.root.iterdir() if path.name not in known)


def bytes_of(root: Path) -> dict[str, tuple[str, int, int]]:
    """Return by path digest, mode and time of change of everything below a folder."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        digest = hashlib.sha256(data).hexdigest()
        found[str(path.relative_to(root))] = (digest, status.st_mode, status.st_mtime_ns)

    return found
