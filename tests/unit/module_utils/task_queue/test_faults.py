# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brokers in trouble: a broker that loads, restarts, hides commands, or is reached by TLS alone."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.task_queue import run as runs
from ansible.module_utils.upkeep.task_queue.change import ChangeError
from ansible.module_utils.upkeep.task_queue.settings import parse

from tests.unit.module_utils.redis_tune.troubles import PASSWORD, Secured, loading, running_secured
from tests.unit.module_utils.task_queue.shop import APPLICATION, Shop, opened
from tests.unit.module_utils.task_queue.test_change import changed
from tests.unit.module_utils.task_queue.test_run import look


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Give a broker with a certificate for 127.0.0.1."""
    with running_secured(tmp_path_factory.mktemp("tls")) as found:
        yield found


@pytest.mark.parametrize("query", ["", "?ssl_cert_reqs=CERT_REQUIRED"])
def test_a_broker_and_its_workers_are_asked_by_tls(
    secured: Secured, tmp_path: Path, query: str
) -> None:
    url = f"rediss://:{PASSWORD}@127.0.0.1:{secured.port}/0"
    own = f"{url}?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={secured.ca_file}"
    shop = Shop(secured.server, tmp_path, {"BROKER": own})
    (tmp_path / f"{shop.module}.py").write_text(APPLICATION)
    try:
        shop.worker()
        found = shop.look(broker=url + query, ca_file=secured.ca_file, workers={}, in_hand={})
        wrong = shop.look(broker=url + query, workers={})
    finally:
        shop.stop()

    assert found[""]["status"] == "ok"
    assert found["workers"]["observed"] == 1
    assert wrong[""]["status"] == "unknown"
    assert "certificate verify failed" in wrong[""]["message"]
    assert wrong["workers"]["status"] == "unknown"
    assert PASSWORD not in str(wrong)


def test_a_broker_that_loads_its_data_is_unknown_and_nothing_is_purged(shop: Shop) -> None:
    for number in range(5000):
        shop.redis.ask("SET", f"other:{number}", "x" * 100)
    shop.redis.ask("LPUSH", "celery", "a", "b")
    with loading(shop.redis):
        found = look(shop, in_hand={}, oldest={}, results={}, failed={})
        with pytest.raises(ChangeError, match="still loading"):
            changed(shop, "purge")
    after = look(shop)

    assert {item["status"] for item in found.values()} == {"unknown"}
    assert "still loading" in found[""]["message"]
    assert after["queue_celery"]["observed"] == 2


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_broker_that_is_lost_in_between_leaves_the_rest_unknown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    collect = runs.collect
    shop.redis.ask("LPUSH", "celery", "a")
    shop.redis.ask("SAVE")

    def lost(*arguments: t.Any) -> t.Any:
        shop.redis.stop()
        if comes_back:
            shop.redis.start(str(shop.redis.config))
        return collect(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "collect", lost)
        first = look(shop, results={}, failed={})
    if not comes_back:
        shop.redis.start(str(shop.redis.config))
    second = look(shop, results={}, failed={})

    assert first["queue_celery"]["observed"] == 1
    assert first["results"]["status"] == ("ok" if comes_back else "unknown")
    assert second["results"]["status"] == "ok"
    assert second["queue_celery"]["observed"] == 1


def test_after_a_restart_of_the_broker_workers_and_queues_are_found_again(shop: Shop) -> None:
    shop.worker()
    shop.redis.restart()
    shop.wait(lambda: shop.look(workers={})["workers"]["status"] == "ok")
    found = shop.look(workers={}, in_hand={}, oldest={}, statistics={})

    assert {item["status"] for item in found.values()} == {"ok"}


@pytest.mark.parametrize(
    ("command", "unknown"),
    [("LLEN", {"", "results", "failed"}), ("SCAN", {"results", "failed"})],
)
def test_commands_that_were_renamed_are_said(
    tmp_path: Path, command: str, unknown: set[str]
) -> None:
    with opened(tmp_path, f'rename-command {command} ""') as shop:
        found = look(shop, results={}, failed={})

    assert {name for name, item in found.items() if item["status"] == "unknown"} == unknown
    assert "unknown command" in str(found)


def test_what_was_seen_and_cannot_be_kept_is_a_finding(shop: Shop) -> None:
    (shop.folder / "state.json").mkdir()
    answer = runs.run(parse(shop.values(oldest={})), False)

    assert answer["findings"][-1]["check"] == "task_queue:state"
    assert answer["findings"][-1]["status"] == "warning"
