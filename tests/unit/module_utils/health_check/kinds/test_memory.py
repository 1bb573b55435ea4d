# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind memory."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import machine
from ansible.module_utils.upkeep.health_check.clients import cgroups
from ansible.module_utils.upkeep.health_check.kinds import memory
from hypothesis import given
from hypothesis import strategies as st

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {}

Observed = Callable[..., dict[str, Finding]]


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    memory.parse(text)


MEMINFO = (
    "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 120 kB\n"
    "SwapTotal: 1000 kB\nSwapFree: 900 kB\n"
)


@pytest.mark.requirement("R-fairedge-14", "R-hyperopt-04")
@pytest.mark.parametrize(
    ("swap", "percent", "status"), [(False, 88.0, "warning"), (True, 49.0, "ok")]
)
def test_memory_that_can_still_be_had(
    observed: Observed,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    swap: bool,
    percent: float,
    status: str,
) -> None:
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    memory.MEMINFO.write_text(MEMINFO)
    found = observed("memory", include_swap=swap)["memory:x"]

    assert (found["observed"], found["status"], found["expected"]) == (
        percent,
        status,
        "at most 85",
    )

    memory.MEMINFO.write_text("MemTotal: 1000 kB\n")

    assert observed("memory")["memory:x"]["status"] == "unknown"

    memory.MEMINFO.unlink()

    assert observed("memory")["memory:x"]["status"] == "unknown"


VERSION_2: t.Final = {
    "memory.max": "536870912\n",
    "memory.current": "524288000\n",
    "memory.stat": "anon 400\nfile 9\nactive_file 1048576\ninactive_file 1048576\n",
    "memory.swap.max": "0\n",
    "memory.swap.current": "0\n",
}
VERSION_1: t.Final = {
    "memory/memory.limit_in_bytes": "536870912\n",
    "memory/memory.usage_in_bytes": "524288000\n",
    "memory/memory.stat": "total_active_file 1048576\ntotal_inactive_file 1048576\n",
    "memory/memory.memsw.limit_in_bytes": "536870912\n",
    "memory/memory.memsw.usage_in_bytes": "524288000\n",
}
LARGE: t.Final = (
    "MemTotal: 8388608 kB\nMemFree: 10 kB\nMemAvailable: 6291456 kB\n"
    "SwapTotal: 1048576 kB\nSwapFree: 1048576 kB\n"
)


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return what makes this host a container with these files below /sys/fs/cgroup."""

    def install(files: dict[str, str], meminfo: str = LARGE, mark: bool = True) -> None:
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

        (tmp_path / "meminfo").write_text(meminfo)
        if mark:
            (tmp_path / "container").write_text("podman")

    monkeypatch.setattr(cgroups, "ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CONTAINER", tmp_path / "container")

    return install


@pytest.mark.parametrize("files", [VERSION_2, VERSION_1])
@pytest.mark.parametrize("swap", [False, True])
def test_a_container_is_judged_by_its_own_limit(
    container: Callable[..., None], observed: Observed, files: dict[str, str], swap: bool
) -> None:
    container(files)

    found = observed("memory", include_swap=swap)["memory:x"]

    assert found["status"] == "critical"
    assert found["observed"] == 97.3
    assert "of 512 MiB that this container may use" in found["message"]


def test_files_that_the_kernel_can_drop_are_not_in_use(
    container: Callable[..., None], observed: Observed
) -> None:
    container({**VERSION_2, "memory.stat": "active_file 419430400\ninactive_file 0\n"})

    found = observed("memory")["memory:x"]

    assert (found["status"], found["observed"]) == ("ok", 19.5)


@pytest.mark.parametrize(
    "changed",
    [
        {"memory.max": "max\n"},
        {"memory.max": "9223372036854771712\n"},
        {"memory.max": "damaged"},
        {"memory.max": "", "memory.current": ""},
    ],
)
def test_without_a_limit_that_counts_the_machine_is_judged(
    container: Callable[..., None], observed: Observed, changed: dict[str, str]
) -> None:
    container({**VERSION_2, **changed})

    found = observed("memory")["memory:x"]

    assert (found["status"], found["observed"]) == ("ok", 25.0)
    assert "this container" not in found["message"]


def test_a_limit_on_a_host_that_is_no_container_is_not_the_hosts(
    container: Callable[..., None], observed: Observed
) -> None:
    container(VERSION_2, mark=False)

    assert observed("memory")["memory:x"]["observed"] == 25.0


def test_a_machine_without_memory_has_none_for_a_container(
    container: Callable[..., None], observed: Observed
) -> None:
    short = LARGE.replace("6291456", "10240")
    container({**VERSION_2, "memory.current": "104857600\n"}, short)

    found = observed("memory")["memory:x"]

    assert (found["status"], found["observed"]) == ("critical", 98.0)


def test_a_kernel_that_leaves_fields_out_is_unknown_in_a_container_too(
    container: Callable[..., None], observed: Observed
) -> None:
    container(VERSION_2, "MemTotal: 8388608 kB\n")

    assert observed("memory")["memory:x"]["status"] == "unknown"
