# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way back: to what is good, with what depends on it, or a person must step in."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.systemd import SystemdError
from ansible.module_utils.upkeep.rollback.run import run
from ansible.module_utils.upkeep.rollback.settings import RollbackError, parse
from ansible.module_utils.upkeep.switching.switch import Switcher

from tests.unit.module_utils.predictor_deploy.test_run import built, deploy, values
from tests.unit.module_utils.switching.conftest import Service, service

__all__ = ["built", "deploy", "service"]


def back(service: Service, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
    """Go back and return the module's answer."""
    return run(parse({"app": values(service)["app"], **more}), check_mode)


def test_the_newest_other_good_release_serves(service: Service, deploy: t.Any) -> None:
    deploy("1")
    deploy("2")

    answer = back(service, reason="wrong prices")

    assert answer["done"] is True
    assert service.answer()["version"] == "1"
    message = answer["findings"][0]["message"]
    done = "Done: release 1 serves instead of 2. Reason: wrong prices."
    assert message == f"{done} Alerts were not silenced."


def test_it_goes_back_to_what_ran_before_the_first_release(service: Service, deploy: t.Any) -> None:
    deploy("1")

    assert back(service, release="0")["done"] is True
    assert service.answer()["version"] == "0"
    assert back(service, release="0")["changed"] is False


def test_check_mode_changes_nothing(service: Service, deploy: t.Any) -> None:
    deploy("1")

    answer = back(service, check_mode=True)

    assert answer["changed"] is True
    assert "go back from release 1 to 0" in answer["steps"][0]
    assert service.answer()["version"] == "1"


def test_the_release_that_is_left_can_be_quarantined(service: Service, deploy: t.Any) -> None:
    deploy("1")
    deploy("2")
    back(service, quarantine=True)

    assert (service.folder / "shop/quarantine/2/evidence.json").exists()
    assert not (service.folder / "shop/releases/2").exists()


def test_a_release_that_does_not_prove_itself_needs_a_person(
    service: Service, deploy: t.Any
) -> None:
    deploy("1")
    deploy("2")
    code = Path(service.folder / "shop/releases/1/code/app.json")
    code.write_text('{"version": "1", "crash": true}')

    answer = back(service)

    assert answer["done"] is False
    assert answer["findings"][0]["message"].startswith("A person must step in")
    assert service.answer()["version"] == "2"


def test_it_is_not_said_that_a_release_serves_where_the_way_back_failed(
    service: Service, deploy: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy("1")
    deploy("2")
    code = Path(service.folder / "shop/releases/1/code/app.json")
    code.write_text('{"version": "1", "log": "ERROR no model"}')

    def refuse(*_: object) -> t.NoReturn:
        raise SystemdError("systemctl cannot start shop-api-undo.service: out of luck")

    monkeypatch.setattr(Switcher, "_undo", refuse)
    answer = back(service)

    assert answer["done"] is False
    assert answer["findings"][0]["message"].rstrip(".").endswith("; release 1 may not serve")


@pytest.mark.parametrize("release", ["", "9"])
def test_without_a_release_there_is_no_way_back(service: Service, release: str) -> None:
    answer = back(service, release=release)

    assert answer["done"] is False
    assert "nothing was ever deployed here" in answer["findings"][0]["message"]


def test_what_does_not_follow_is_said(service: Service, deploy: t.Any) -> None:
    deploy("1")
    service.systemd.refused.add("shop-worker.service")

    answer = back(
        service,
        dependants=["shop-worker.service"],
        caches=[{"name": "c", "host": "127.0.0.1", "port": 1, "patterns": ["a:*"]}],
    )

    assert service.answer()["version"] == "0"
    assert answer["done"] is False
    assert [item["status"] for item in answer["findings"]] == ["warning", "critical", "critical"]


@pytest.mark.parametrize("pattern", ["*", "?x", ""])
def test_a_pattern_that_takes_everything_is_refused(service: Service, pattern: str) -> None:
    with pytest.raises(RollbackError):
        parse(
            {
                "app": values(service)["app"],
                "caches": [{"name": "c", "patterns": [pattern]}],
            }
        )


def test_a_second_rollback_goes_further_back(service: Service, deploy: t.Any) -> None:
    for release in ("1", "2", "3"):
        deploy(release)

    assert [back(service)["current"] for _ in range(3)] == ["2", "1", "0"]

    deploy("3")
    assert service.answer()["version"] == "3"


def test_a_release_that_was_left_for_a_newer_one_stays_good(
    service: Service, deploy: t.Any
) -> None:
    for release in ("1", "2", "3"):
        deploy(release)
    back(service, release="1")
    back(service, release="2")

    assert back(service)["current"] == "1"


def test_a_way_back_that_is_cut_off_by_its_own_limit_is_refused(service: Service) -> None:
    with pytest.raises(RollbackError, match="raise rollback_max_seconds to at least"):
        parse({"app": values(service)["app"], "max_seconds": 60})
