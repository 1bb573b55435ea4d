# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one way to say how a database is logged in to."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ansible.module_utils.upkeep.base.login import (
    Login,
    connection_parameters,
    login_options,
    no_libpq_environment,
)
from ansible.module_utils.upkeep.base.options import parse


def login(**options: Any) -> Login:
    return Login.of(parse(login_options(), options))


def test_the_default_is_the_local_socket() -> None:
    assert connection_parameters(login()) == {"port": 5432, "user": "postgres"}


def test_a_remote_server_is_verified_unless_the_profile_says_otherwise() -> None:
    remote = connection_parameters(login(login_host="db.example.org"))

    assert remote["sslmode"] == "verify-full"
    assert remote["sslrootcert"] == "/etc/ssl/certs/ca-certificates.crt"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"login_host": "127.0.0.1"}, ("prefer", None)),
        ({"login_host": "db", "login_sslmode": "require"}, ("require", None)),
        ({"login_host": "db", "login_ca_file": "/etc/own.pem"}, ("verify-full", "/etc/own.pem")),
    ],
)
def test_encryption_follows_the_options(
    options: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    parameters = connection_parameters(login(**options))

    assert (parameters["sslmode"], parameters.get("sslrootcert")) == expected


def test_the_password_is_not_in_the_text_of_a_login() -> None:
    assert "hidden" not in repr(login(login_password="hidden"))  # noqa: S106 - a made-up word


@pytest.mark.parametrize(
    ("host", "local"), [("", True), ("/run/postgresql", True), ("db.example.org", False)]
)
def test_a_socket_is_on_this_machine(host: str, local: bool) -> None:
    assert login(login_host=host).local is local


def test_libpq_variables_are_hidden_and_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSERVICE", "elsewhere")
    monkeypatch.setenv("PGHOST", "/other/socket")

    with no_libpq_environment():
        inside = [name for name in os.environ if name.startswith("PG")]

    assert inside == []
    assert os.environ["PGSERVICE"] == "elsewhere"
