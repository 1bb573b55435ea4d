# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Another address in the profile: nothing is changed, and the commands of the message move it."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import typing as t
from dataclasses import replace

import pytest
from ansible.module_utils.upkeep.predictor_deploy.run import run
from ansible.module_utils.upkeep.rollback.run import run as roll_back
from ansible.module_utils.upkeep.rollback.settings import parse as parse_rollback
from ansible.module_utils.upkeep.switching import listening, unit_files
from ansible.module_utils.upkeep.switching.releases import Releases

from tests.unit.module_utils.predictor_deploy.test_run import built, deploy, values
from tests.unit.module_utils.switching.conftest import UNIT, Service
from tests.unit.module_utils.switching.test_switch import KilledError, first, killed_at

__all__ = ["deploy"]
PUBLIC: t.Final = {"restart": "shop-api.socket", "blue_green": "shop-api-front.socket"}


def move(service: Service) -> int:
    """Have the profile say another port from now on; return the one before."""
    before = service.port
    with socket.create_server(("127.0.0.1", 0)) as free:
        service.port = free.getsockname()[1]

    return before


def do(service: Service, commands: t.Iterable[str]) -> None:
    """Run commands as a person would."""
    for command in commands:
        words = shlex.split(command)
        if words[0] == "sed":
            subprocess.run(words, check=True)
        for unit in words[2:] if words[1] in ("start", "stop") else []:
            getattr(service.systemd, words[1])(unit)


def deployed(service: Service) -> Releases:
    """Return the releases of what ``deploy`` deploys."""
    return Releases(values(service)["app"]["root"])


def unit_texts(service: Service) -> dict[str, str]:
    return {
        path.name: path.read_text() for path in service.systemd.units.iterdir() if path.is_file()
    }


def commands_in(message: str) -> list[str]:
    [found] = re.findall(r"run on the host: (.*); then change what stands", message)

    return found.split("; ")


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_deployment_names_the_commands_and_changes_nothing(
    service: Service, deploy: t.Any, check_mode: bool
) -> None:
    deploy("1")
    settings = built(service, "2")
    run(settings, check_mode=False)
    files = unit_texts(service)
    calls = len(service.systemd.calls)
    before = move(service)
    there = replace(settings, app=built(service, "2").app)

    answers = [
        run(replace(there, state="live"), check_mode),
        run(replace(there, release="3"), check_mode),
    ]

    for answer in answers:
        [found] = answer["findings"]
        assert not answer["done"]
        assert found["status"] == "critical"
        assert f"shop-api.socket listens at 127.0.0.1:{before}" in found["message"]
        assert "Nothing that serves was changed" in found["message"]
    assert len(service.systemd.calls) == calls
    assert unit_texts(service) == files
    assert deployed(service).current() == "1"


def test_the_commands_of_the_message_move_it(service: Service, deploy: t.Any) -> None:
    deploy("1")
    move(service)
    message = str(deploy("2")["findings"][0]["message"])

    do(service, commands_in(message))
    assert service.answer()["version"] == "1"
    assert deploy("2")["done"]
    assert service.answer()["version"] == "2"


@pytest.mark.parametrize("strategy", PUBLIC)
def test_the_file_is_then_what_a_deployment_would_write(service: Service, strategy: str) -> None:
    first(service, strategy)
    move(service)
    server = service.server(strategy)
    server = replace(server, listen=(*server.listen, "/run/shop.sock"))

    do(service, [listening.steps(server, PUBLIC[strategy])[0]])

    text = (service.systemd.units / PUBLIC[strategy]).read_text()
    assert text == unit_files.public_files(server)[PUBLIC[strategy]]


def test_a_proxy_is_stopped_with_its_socket(service: Service) -> None:
    first(service, "blue_green")
    move(service)

    problem = listening.problem(service.server("blue_green"))

    assert "systemctl stop shop-api-front.socket shop-api-front.service" in problem
    assert f"; {UNIT}" not in problem


def test_a_way_back_names_them_as_well(service: Service, deploy: t.Any) -> None:
    deploy("1")
    deploy("2")
    move(service)

    answer = roll_back(parse_rollback({"app": values(service)["app"]}), check_mode=False)

    assert not answer["done"]
    assert "run on the host: sed" in answer["findings"][0]["message"]
    assert deployed(service).current() == "2"


def test_what_was_cut_off_before_is_taken_back_where_it_listens(
    service: Service, deploy: t.Any
) -> None:
    """It was asked at the new address, so a release that served counted as one that does not."""
    deploy("1")
    settings = built(service, "2")
    run(settings, check_mode=False)
    with pytest.raises(KilledError):
        run(replace(settings, state="live"), check_mode=False, hook=killed_at("switched"))
    before = move(service)

    answer = run(replace(built(service, "2"), state="live"), check_mode=False)

    service.port = before
    assert "run on the host: sed" in answer["findings"][-1]["message"]
    assert "step in" not in str(answer["findings"])
    assert deployed(service).switching() is None
    assert service.answer()["version"] == "1"


def test_the_socket_of_the_other_strategy_follows(service: Service) -> None:
    """A release of the other strategy would have opened it at the address before."""
    first(service)
    service.switcher(strategy="blue_green").adopt()
    service.switcher(strategy="blue_green").switch(service.add("2", "blue_green"))
    move(service)
    do(service, listening.steps(service.server("blue_green"), PUBLIC["blue_green"]))

    service.switcher(strategy="blue_green").adopt()

    assert f":{service.port}\n" in (service.systemd.units / PUBLIC["restart"]).read_text()
    assert listening.problem(service.server("blue_green")) == ""
