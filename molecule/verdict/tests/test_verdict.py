# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The exit code follows the findings: 0 on a healthy host, 2 with the database down, 0 when that is acknowledged."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml


@pytest.fixture
def _database_down(host: t.Any, postgresql_unit: t.Callable[[t.Any], str]) -> t.Iterator[None]:
    host.check_output("systemctl stop %s", postgresql_unit(host))
    yield
    host.check_output("systemctl start %s", postgresql_unit(host))


def test_a_healthy_host_passes(play: t.Callable[..., t.Any]) -> None:
    assert play("converge").returncode == 0


@pytest.mark.usefixtures("_database_down")
def test_a_database_that_is_down_fails_the_run(
    play: t.Callable[..., t.Any], record: t.Callable[[str], dict[str, t.Any]], tmp_path: Path
) -> None:
    done = play("converge")
    assert done.returncode == 2
    assert "unit:postgresql is critical" in done.stdout
    assert record("converge")["outcome"] == "findings"
    known = [
        {"fingerprint": f["fingerprint"], "status": "critical", "owner": "tests", "reason": "stopped", "until": _far()}
        for f in record("converge")["findings"]
        if f["status"] == "critical"
    ]
    (tmp_path / "known.yml").write_text(yaml.safe_dump(known))
    assert play("converge", "-e", f"verdict_acknowledgements={tmp_path / 'known.yml'}").returncode == 0


def _far() -> t.Any:
    return yaml.safe_load("2999-12-31")
