# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers on loopback that behave well or badly, and checks to ask them with."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.attempt import observe
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.module_utils.health_check.checks import parse
from tests.unit.module_utils.health_check.servers import Handler

Listen = Callable[..., int]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Return a function that serves each connection by a handler in a thread and returns the port.

    A handler gets the connection and an event that is set when the test is over.
    """
    over = threading.Event()
    listeners: list[socket.socket] = []

    def start(handler: Handler, context: ssl.SSLContext | None = None) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(
            target=_accept, args=(listener, handler, over, context), daemon=True
        ).start()

        return int(listener.getsockname()[1])

    yield start
    over.set()
    for listener in listeners:
        # Else the thread goes on waiting, and may get what comes to the next socket of its number.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(
    listener: socket.socket, handler: Handler, over: threading.Event, context: ssl.SSLContext | None
) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _address = listener.accept()
            threading.Thread(
                target=_serve, args=(connection, handler, over, context), daemon=True
            ).start()


def _serve(
    connection: socket.socket,
    handler: Handler,
    over: threading.Event,
    context: ssl.SSLContext | None,
) -> None:
    with contextlib.suppress(OSError), connection:
        served = context.wrap_socket(connection, server_side=True) if context else connection
        handler(served, over)
        with contextlib.suppress(OSError):
            served.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def observed() -> Callable[..., dict[str, Finding]]:
    """Return a function that carries out one check named x and returns its findings by name."""

    def run(kind: str, **options: t.Any) -> dict[str, Finding]:
        check = parse({"name": "x", "kind": kind, "timeout": 10, **options})
        return {found["check"]: found for found in observe(check) if "check" in found}

    return run


class Authority(t.NamedTuple):
    """A certificate authority of the test.

    ``context`` returns a server's context for a name and the days left.
    """

    file: Path
    context: Callable[[str, float], ssl.SSLContext]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority that makes certificates."""
    folder = tmp_path_factory.mktemp("authority")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("ca", ca_key, None, ca_key, 30)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))

    def context(name: str, days: float) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key, ca, ca_key, days)
        chain = folder / f"{name}{days}.pem"
        pem, raw = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        chain.write_bytes(
            key.private_bytes(pem, raw, serialization.NoEncryption())
            + certificate.public_bytes(pem)
        )
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(chain)

        return made

    return Authority(folder / "ca.pem", context)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: float,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - datetime.timedelta(days=90))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issuer is None:
        builder = builder.add_extension(
            x509.KeyUsage(True, False, False, False, False, True, True, False, False), critical=True
        )

    return builder.sign(issuer_key, hashes.SHA256())
