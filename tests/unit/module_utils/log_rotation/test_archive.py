# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Before logrotate rotates a file a copy is kept, whoever started it; without one it stays."""

from __future__ import annotations

import os
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.config import render
from ansible.module_utils.upkeep.log_rotation.settings import RotationOptionError

from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE, entry, parse_logs

pytestmark = [
    pytest.mark.requirement("R-fairedge-116"),
    pytest.mark.skipif(os.geteuid() != 0, reason="logrotate gives the rights of root away"),
]
LINES: t.Final = b"a line\n" * 500


class Rotation:
    """A folder with one log, and logrotate as its timer starts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "logs" / "api.log"
        self.log.parent.mkdir()
        self.log.write_bytes(LINES)
        self.archive = folder / "kept" / "logs"

    def run(self, **changes: t.Any) -> subprocess.CompletedProcess[str]:
        """Rotate by force."""
        options = {"paths": [str(self.log)], "archive": str(self.archive), **changes}
        config = self.folder / "config"
        config.write_text(render(parse_logs(entry(**options))))
        config.chmod(0o644)
        argv = [LOGROTATE, "-f", "-s", str(self.folder / "state"), str(config)]

        return subprocess.run(argv, capture_output=True, text=True, check=False)

    def rotated(self) -> list[str]:
        """Return the names of rotated files."""
        return [path.name for path in self.log.parent.iterdir() if path != self.log]


@pytest.fixture
def rotation(tmp_path: Path) -> Rotation:
    """Return the log."""
    return Rotation(tmp_path)


@pytest.mark.parametrize(
    "reopen", ["none", "copytruncate", {"unit": "no.service", "signal": "HUP"}]
)
@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_a_copy_is_kept_before_a_file_is_rotated(
    rotation: Rotation, reopen: t.Any, compression: str
) -> None:
    done = rotation.run(reopen=reopen, compression=compression)

    assert done.returncode == 0, done.stderr
    [copy] = rotation.archive.iterdir()
    assert copy.name.startswith("api-api.log-")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert rotation.archive.stat().st_mode & 0o777 == 0o700
    assert len(rotation.rotated()) == 1

    plain = subprocess.run([compression, "-dc", copy], capture_output=True, check=True).stdout

    assert plain == LINES


def test_a_file_is_not_rotated_without_a_copy(rotation: Rotation) -> None:
    rotation.archive.parent.write_text("no folder")

    done = rotation.run()

    assert done.returncode != 0
    assert rotation.rotated() == []
    assert rotation.log.read_bytes() == LINES


def test_copies_go_after_their_time(rotation: Rotation) -> None:
    rotation.archive.mkdir(parents=True)
    for name, days in (("api-old.zst", 40), ("api-young.zst", 20), ("other-old.zst", 40)):
        path = rotation.archive / name
        path.write_text("x")
        moment = path.stat().st_mtime - days * 86400
        os.utime(path, (moment, moment))

    rotation.run(keep_days=30)

    names = {path.name for path in rotation.archive.iterdir()}

    assert "api-old.zst" not in names
    assert {"api-young.zst", "other-old.zst"} < names


@pytest.mark.parametrize("path", ["relative/x", "/one", "/a/b c", "/a/$(id)", "/a/'b", "/a/*"])
def test_a_folder_that_the_script_could_not_name_is_refused(path: str) -> None:
    with pytest.raises(RotationOptionError, match="archive"):
        parse_logs(entry(archive=path))
