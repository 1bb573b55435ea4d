# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of rotated files."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.base.rotated_names import origins, packing, unpacked


@pytest.mark.parametrize(
    "name",
    [
        "app.log.1",
        "app.log.12.gz",
        "app.log-20260131",
        "app.log-20260131-030000.bz2",
        "app.log_20260131.lz4",
        "app.log.2026-W48.zst",
        "app.log.2026-01-31T03:00:00",
        "app-20260131.log.xz",
        "app.2026-01-31.log",
        "app.1.log",
        "app.log.old",
    ],
)
def test_an_older_file_of_a_log_is_known(name: str) -> None:
    assert "app.log" in origins(name)


@pytest.mark.parametrize(
    "name", ["app.log", "app.log.gz", "app.log.bak", "app.log.1.tmp", "my-app.log.1", "app.logs.1"]
)
def test_another_file_is_not(name: str) -> None:
    assert "app.log" not in origins(name)


def test_what_a_file_was_packed_with() -> None:
    assert packing("app.log.1.zst") == "zst"
    assert packing("app.log.1") == ""
    assert unpacked("app.log.1.gz") == "app.log.1"
