# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind load."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import machine

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {}

Observed = Callable[..., dict[str, Finding]]


@pytest.mark.parametrize(("load", "status"), [(1.0, "ok"), (8.0, "warning"), (20.0, "critical")])
def test_load_is_per_core(
    observed: Observed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: float, status: str
) -> None:
    monkeypatch.setattr(machine, "CONTAINER", tmp_path / "container")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, load, 0.0))
    found = observed("load")["load:x"]

    assert (found["status"], found["observed"]) == (status, load / 4)

    machine.CONTAINER.write_text("podman")

    assert observed("load")["load:x"]["status"] == "info", (
        "the machine's load is not the container's"
    )
