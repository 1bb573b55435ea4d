# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server on another machine must prove who it is before it gets a password or is believed."""

from __future__ import annotations

import socket
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import login as floor
from ansible.module_utils.upkeep.base.login import Login
from ansible.module_utils.upkeep.postgresql.connection import DatabaseError, open_session

from tests.unit.module_utils.postgresql.server import start_server

HOST: t.Final = "127.0.0.1"


class Secured(t.NamedTuple):
    """A server with TLS, and the certificate of the authority that signed its own."""

    port: int
    ca_file: str


def free_port() -> int:
    """Return a port of TCP that nobody listens on; each worker of the tests has its own."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Secured:
    """Start a server that listens at HOST with TLS."""
    folder = tmp_path_factory.mktemp("tls")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl(folder, "req", "-x509", *key, "-subj", "/CN=Own", "-keyout", "ca.key", "-out", "ca.crt")
    openssl(folder, "req", *key[:5], "-subj", "/CN=db", "-keyout", "db.key", "-out", "db.csr")
    (folder / "names").write_text(f"subjectAltName = IP:{HOST}\n")
    sign = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl(folder, "x509", "-req", "-in", "db.csr", *sign, "-days", "2", "-out", "db.crt")
    settings = {
        "listen_addresses": "localhost",
        "ssl": "on",
        "ssl_cert_file": "db.crt",
        "ssl_key_file": "db.key",
        "fsync": "off",
    }
    files = {name: (folder / name).read_bytes() for name in ("db.crt", "db.key")}
    port = free_port()
    start_server(port, settings, files)

    return Secured(port, str(folder / "ca.crt"))


@pytest.fixture(autouse=True)
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this machine for another one."""
    monkeypatch.setattr(floor, "_LOOPBACK", ("::2",))


def ssl_in_use(login: Login) -> bool:
    session = open_session(login, "postgres", 500)
    try:
        return bool(session.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
    finally:
        session.close()


def test_a_server_of_a_known_authority_is_used(secured: Secured) -> None:
    assert ssl_in_use(Login(HOST, secured.port, "postgres", None, ca_file=secured.ca_file))


def test_a_server_of_an_unknown_authority_is_refused(secured: Secured) -> None:
    with pytest.raises(DatabaseError, match="certificate verify failed"):
        ssl_in_use(Login(HOST, secured.port, "postgres", "word"))


def test_a_server_of_another_name_is_refused(secured: Secured) -> None:
    with pytest.raises(DatabaseError, match="does not match host name"):
        ssl_in_use(Login("localhost", secured.port, "postgres", "word", ca_file=secured.ca_file))


def test_a_profile_may_do_without_verification(secured: Secured) -> None:
    assert ssl_in_use(Login(HOST, secured.port, "postgres", None, sslmode="require"))
    assert not ssl_in_use(Login(HOST, secured.port, "postgres", None, sslmode="disable"))


def test_a_server_without_encryption_is_refused() -> None:
    port = free_port()
    start_server(port, {"listen_addresses": "localhost", "fsync": "off"})
    with pytest.raises(DatabaseError, match="does not support SSL"):
        ssl_in_use(Login(HOST, port, "postgres", "word"))
