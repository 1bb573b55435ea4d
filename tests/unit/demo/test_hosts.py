# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys and passwords, ports, the hint, and errors as one line."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest

import demo
from demo import __main__ as cli
from demo import access, containers, fleet
from demo.errors import DemoError


@pytest.fixture
def small(tmp_path: Path) -> fleet.Fleet:
    return fleet.select(fleet.load(), "mol-x", ["hyperopt-api1", "fairedge-1"], tmp_path / "state")


@contextlib.contextmanager
def listener(greeting: bytes) -> t.Iterator[int]:
    """A server on loopback that greets each caller; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    caller, _ = server.accept()
                    with caller:
                        caller.sendall(greeting)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)

    thread.join(5)


def test_secrets_are_for_the_owner_only(small: fleet.Fleet) -> None:
    access.prepare(small)
    access.describe(small)
    access.write_known_hosts(small, {"fairedge-1": (2201, "ssh-ed25519 AAAA root@host")})

    assert small.folder.stat().st_mode & 0o777 == 0o700

    private = [path for path in small.folder.rglob("*") if path.is_file() and path.suffix != ".pub"]

    assert len(private) == 7  # two keys, passwords, known_hosts and three hosts
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert (small.folder / "known_hosts").read_text() == "[127.0.0.1]:2201 ssh-ed25519 AAAA\n"


def test_a_second_start_keeps_key_and_passwords(small: fleet.Fleet) -> None:
    access.prepare(small)
    first = access.describe(small)
    access.prepare(small)
    assert access.describe(small) == first


def test_hosts_of_one_system_share_a_password_and_systems_do_not(small: fleet.Fleet) -> None:
    access.prepare(small)
    described = {name: json.loads(text) for name, text in access.describe(small).items()}
    passwords = {name: host["database_password"] for name, host in described.items()}
    assert passwords["hyperopt-api1"] == passwords["hyperopt-db"] != passwords["fairedge-1"]


def test_a_taken_port_names_itself_and_who_can_change_it(small: fleet.Fleet) -> None:
    with listener(b"") as port:
        host = small.hosts[0]._replace(publish={22: port})
        with pytest.raises(
            DemoError, match=f"port {port} .*hosts.{host.name}.publish.22 in demo/fleet.yml"
        ):
            containers._check_free(host)

    containers._check_free(host)


def test_only_an_ssh_greeting_counts(small: fleet.Fleet) -> None:
    with listener(b"SSH-2.0-test\r\n") as port:
        assert containers.answers_ssh(port, 5)
    assert not containers.answers_ssh(port, 0), "nobody listens any more"
    with listener(b"220 mail\r\n") as port:
        assert not containers.answers_ssh(port, 0)


def test_the_hint_names_the_silent_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    definition = fleet.load()
    with listener(b"SSH-2.0-test\r\n") as port:
        heard = {name: host._replace(publish={22: port}) for name, host in definition.hosts.items()}
        monkeypatch.setattr(fleet, "load", lambda: definition._replace(hosts=heard))
        assert demo.fleet_hint() is None

    hint = demo.fleet_hint()

    assert hint is not None
    assert "fairedge" in hint and "python -m demo up" in hint and "\n" not in hint


def test_a_container_is_made_anew_when_what_it_is_made_of_changes(small: fleet.Fleet) -> None:
    host = small.hosts[0]
    spec = containers.specification(small, host, "image", "description")

    assert spec == containers.specification(small, host, "image", "description")

    moved = host._replace(publish={22: 4022, 80: 4080})

    assert spec == containers.specification(small, moved, "image", "description"), (
        "its ports are free ones anyway"
    )

    fixed = small._replace(name=fleet.DEFAULT)

    assert containers.specification(fixed, host, "i", "d") != containers.specification(
        fixed, moved, "i", "d"
    )
    assert spec != containers.specification(small, host, "other image", "description")
    assert spec != containers.specification(small, host, "image", "other description")


@contextlib.contextmanager
def health_endpoint(status: str) -> t.Iterator[int]:
    """An API on loopback whose health is ``status``; yields its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"status": status}).encode())

        def log_message(self, *_: t.Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()

    thread.join(5)


@pytest.mark.parametrize(
    ("status", "fresh", "result"), [("healthy", True, True), ("degraded", False, False)]
)
def test_health_of_a_host_that_ran_before_is_only_told(
    small: fleet.Fleet, monkeypatch: pytest.MonkeyPatch, status: str, fresh: bool, result: bool
) -> None:
    told: list[str] = []
    monkeypatch.setattr(containers, "HEALTH_SECONDS_OLD", 0)
    host = next(host for host in small.hosts if host.name == "fairedge-1")
    with health_endpoint(status) as port:
        monkeypatch.setattr(
            containers, "inspect", lambda *_: containers.Container(True, "", {80: port})
        )
        assert containers.wait_healthy(small, host, fresh, told.append) is result

    assert bool(told) is not result


def test_a_host_that_was_just_started_must_get_healthy(
    small: fleet.Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "HEALTH_SECONDS", 0)
    monkeypatch.setattr(containers, "_journal", lambda _: "  failed: x.service")
    host = next(host for host in small.hosts if host.name == "fairedge-1")
    with health_endpoint("degraded") as port:
        monkeypatch.setattr(
            containers, "inspect", lambda *_: containers.Container(True, "", {80: port})
        )
        with pytest.raises(
            DemoError, match=r"fairedge-1/health is not healthy .*degraded.*\n.*x.service"
        ):
            containers.wait_healthy(small, host, True, print)


def test_a_host_that_never_boots_tells_its_journal(
    small: fleet.Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def podman(*argv: str, **_: t.Any) -> subprocess.CompletedProcess[str]:
        if "is-system-running" in argv:
            raise DemoError("podman exec did not finish")

        said = (
            "Failed to create inotify object: Too many open files\n" if "journalctl" in argv else ""
        )
        return subprocess.CompletedProcess(argv, 0, said, "")

    monkeypatch.setattr(containers, "BOOT_SECONDS", 0.1)
    monkeypatch.setattr(containers, "podman", podman)

    with pytest.raises(
        DemoError, match=r"(?s)did not come up within 0.1 s.*inotify object.*max_user_instances"
    ):
        containers.wait_booted(small, small.hosts[0])


def test_hosts_that_the_definition_no_longer_has_are_removed(
    small: fleet.Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    monkeypatch.setattr(
        containers, "_names", lambda _: ["upkeep-mol-x-fairedge", "upkeep-mol-x-fairedge-1"]
    )
    monkeypatch.setattr(containers, "_remove", removed.append)
    containers.retire(small, fleet.load().hosts, print)

    assert removed == ["upkeep-mol-x-fairedge"]


def test_every_item_is_tried_before_the_first_error_is_raised() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        if number == 1:
            raise DemoError("one")
        done.append(number)
        return number

    with pytest.raises(DemoError, match="one"):
        containers.in_parallel(work, [1, 2, 3])

    assert sorted(done) == [2, 3]
    assert containers.in_parallel(work, []) == []


def test_what_cannot_be_done_is_a_line_and_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("demo.engine.require", lambda: None)
    for arguments, message in (
        (["--hosts", "nowhere"], "demo: no host 'nowhere' in demo/fleet.yml; known: fairedge"),
        (
            ["--suite", "potato", "--fleet", "x"],
            "demo: no Debian release 'potato' in demo/fleet.yml; known: bookworm",
        ),
        (["--suite", "trixie"], "demo: --suite needs --fleet NAME"),
        (["--bare"], "demo: --bare needs --fleet NAME"),
    ):
        assert cli.main(["up", *arguments]) == 2
        assert capsys.readouterr().err.startswith(message)


def test_the_environment_may_name_the_release_of_every_fleet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(cli.SUITE_VARIABLE, "trixie")
    assert cli.parse(["up", "--fleet", "x"]).suite == cli.parse(["image"]).suite == "trixie"
    assert cli.parse(["up", "--fleet", "x", "--suite", "bookworm"]).suite == "bookworm"


def test_a_bare_host_is_told_nothing_of_its_system(small: fleet.Fleet) -> None:
    access.prepare(small)
    texts = access.describe(fleet.without_services(small))
    for text in texts.values():
        described = json.loads(text)
        assert (described["components"], described["settings"]) == ([], {})

    assert all(host.components for host in small.hosts), (
        "the inventory still says what they are to carry"
    )


def test_an_inventory_that_is_out_of_date_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["render-inventory", "--check"]) == 0
    monkeypatch.setattr("demo.inventory.HEADER", "---\n# another\n")
    assert cli.main(["render-inventory", "--check"]) == 1
    assert "render-inventory" in capsys.readouterr().err
