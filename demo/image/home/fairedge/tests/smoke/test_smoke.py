# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does the service that runs do its work?

Only reads: these tests may be run on production at any time.
"""

from __future__ import annotations

import json
import os
import typing as t
import urllib.request

import pytest

pytestmark = pytest.mark.read_only


def get(path: str) -> tuple[t.Any, dict[str, str]]:
    """Return what JSON says at a path, and the headers.

    Requests of tests do not count as traffic.
    """
    request = urllib.request.Request(os.environ["BASE_URL"] + path, headers={"X-Upkeep-Probe": "1"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read()), dict(answer.headers)


def test_every_part_is_healthy() -> None:
    answer, _ = get("/health")
    assert answer["status"] == "healthy"
    assert set(answer["services"]) >= {"database", "redis", "celery"}
    assert set(answer["services"].values()) == {"healthy"}


def test_there_are_opportunities() -> None:
    answer, _ = get("/api/opportunities")
    assert answer["count"] == len(answer["opportunities"]) > 0


@pytest.mark.parametrize("part", ["database", "redis"])
def test_each_part_answers_for_itself(part: str) -> None:
    answer, _ = get(f"/health/{part}")
    assert answer["status"] == "healthy"
