# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health recipes of the maintenance guides that call a dead system healthy, and what we do instead.

Each test first shows the recipe failing, so that the reason for doing otherwise stays visible.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.kinds import unit
from ansible.module_utils.upkeep.health_check.scheduler import run_all
from ansible.module_utils.upkeep.health_check.settings import parse_checks


def shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=20
    )


def judged(*raw: dict[str, t.Any]) -> dict[str, Finding]:
    findings = run_all(parse_checks(list(raw))).findings

    return {found["check"]: found for check in findings.values() for found in check}


@pytest.fixture
def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def hung_port() -> Iterator[int]:
    """Accepts connections by the kernel's queue, and nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_pgrep_finds_the_shell_that_asks() -> None:
    # A command line is matched as a whole, and the one that carries the question contains the word,
    # too.
    counted = shell("pgrep -f no-such-program-4711 | wc -l; true")

    assert int(counted.stdout) >= 1, "the recipe sees a program that does not exist"

    state = {"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead"}
    (check,) = parse_checks([{"name": "x", "kind": "unit", "unit": "no-such-program-4711.service"}])
    found = unit.judge_state(check, state)

    assert found["status"] == "critical"


@pytest.mark.requirement("R-hyperopt-02")
def test_a_dead_service_looks_fast(dead_port: int) -> None:
    url = f"http://127.0.0.1:{dead_port}/health"
    timed = shell(f"curl -w '%{{time_total}}' -s -o /dev/null {url}")

    assert float(timed.stdout) < 0.2, "the recipe prints a time well below its target of 0.2 s"

    found = judged({"name": "api", "kind": "http", "url": url, "latency": {"warning_ms": 200}})

    assert found["http:api"]["status"] == "critical"
    assert found["http:api.latency"]["status"] == "unknown"
    assert found["http:api.latency"]["observed"] is None


def test_an_error_page_looks_fast_and_fine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/health"
        recipe = shell(f"curl -s -o /dev/null {url}")

        assert recipe.returncode == 0, "the recipe's exit code says that all is well"

        found = judged({"name": "api", "kind": "http", "url": url, "latency": {"warning_ms": 200}})
        listener.shutdown(socket.SHUT_RDWR)

    assert {finding["status"] for finding in found.values()} == {"critical", "unknown"}


def test_a_hung_service_hangs_the_recipe_too(hung_port: int) -> None:
    url = f"http://127.0.0.1:{hung_port}/health"

    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["curl", "-s", "-o", "/dev/null", url], check=False, timeout=2)

    started = time.monotonic()
    found = judged({"name": "api", "kind": "http", "url": url, "timeout": 0.5})

    assert time.monotonic() - started < 10
    assert found["http:api"]["status"] == "critical"


def test_counting_with_a_fallback_breaks_on_the_good_case(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("all is well\n")
    recipe = shell(f'n=$(grep -c ERROR {log} || echo 0); [ "$n" -gt 10 ]')

    assert recipe.returncode == 2, "no error at all gives two lines, and the comparison breaks"

    missing = shell(
        f"n=$(grep -c ERROR {tmp_path}/none 2>/dev/null || echo 0);"
        ' [ "$n" -gt 10 ] && echo ALARM; echo "$n"'
    )

    assert missing.stdout == "0\n", "a missing log counts as no errors"

    # Here a figure is one number from one source, and a source that is not there is nobody's zero.
    found = judged(
        {
            "name": "d",
            "kind": "filesystem",
            "paths": [str(tmp_path / "none"), str(tmp_path)],
            "warning": 100,
        }
    )

    assert found[f"filesystem:{tmp_path}/none"]["status"] == "unknown"
    assert isinstance(found[f"filesystem:{tmp_path}"]["observed"], float)
