# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The client asks on, and knows who answered."""

from __future__ import annotations

import time

import pytest
from ansible.module_utils.upkeep.failover_test.client import Client, ask

from tests.unit.module_utils.failover_test.conftest import Pair


def test_the_first_that_answers_counts(pair: Pair) -> None:
    with Client(pair.service()) as client:
        time.sleep(0.3)
        pair.end_first()
        ended = time.monotonic()
        time.sleep(0.5)

    assert client.requests[0].answered_by == pair.address
    first = client.first_by_others(ended)
    assert first
    assert first.answered_by == pair.second.address
    assert client.requests[-1].answered_by == pair.second.address


def test_what_nobody_answers_is_lost(pair: Pair) -> None:
    pair.second.status = 503
    pair.end_first()
    with Client(pair.service()) as client:
        time.sleep(0.3)

    assert client.requests
    assert client.lost() == len(client.requests)
    assert client.first_by_others(0) is None


@pytest.mark.parametrize(("status", "problem"), [(200, ""), (503, "it answers 503")])
def test_an_answer_is_judged_by_its_status(pair: Pair, status: int, problem: str) -> None:
    pair.second.status = status

    assert ask(pair.service(), pair.second.address) == problem


def test_a_refused_connection_is_named(pair: Pair) -> None:
    pair.end_first()

    assert "ConnectionRefusedError" in ask(pair.service(), pair.address)
