# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A deployment from archive to confirmed release, and what it leaves when it fails."""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import os
import re
import sys
import tarfile
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.systemd import SystemdError
from ansible.module_utils.upkeep.predictor_deploy import building, unpacking
from ansible.module_utils.upkeep.predictor_deploy.run import run
from ansible.module_utils.upkeep.predictor_deploy.settings import DeployError, Settings, parse
from ansible.module_utils.upkeep.switching import unit_files
from ansible.module_utils.upkeep.switching.releases import Releases
from ansible.module_utils.upkeep.switching.switch import Switcher

from tests.unit.module_utils.switching.conftest import UNIT, Service, service

__all__ = ["service"]


def archive(folder: Path, files: dict[str, str], links: dict[str, str] | None = None) -> str:
    """Write the archive of a release and return its path."""
    path = folder / "release.tar"
    with tarfile.open(path, "w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)

    return str(path)


def values(service: Service, **more: t.Any) -> dict[str, t.Any]:
    """Return the options of the module for a service."""
    app = {
        "root": str(service.folder / "shop"),
        "user": "nobody",
        "command": ["{release}/venv/bin/python", "-m", "shop"],
        "found": [str(service.folder / "before")],
        "python": "/usr/bin/python3",
        "server": {
            "unit": UNIT,
            "listen": [f"127.0.0.1:{service.port}"],
            "start_seconds": 30,
            "drain_seconds": 2,
            "probes": [{"name": "health", "path": "/", "timeout": 5}],
            "confirmation": {
                "seconds": 0.3,
                "interval": 0.1,
                "needed": 2,
                "latency_floor_ms": 5000,
                "log": str(service.log),
            },
        },
    }

    return {"app": app, "state_file": str(service.folder / "state.json"), **more}


@pytest.fixture
def deploy(service: Service, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., dict[str, t.Any]]:
    """Return a function that deploys a release which behaves as told."""
    monkeypatch.setattr(building, "SPARE", 0)

    def built_and_live(release: str, **told: t.Any) -> dict[str, t.Any]:
        settings = built(service, release, **told)
        run(settings, check_mode=False)
        return run(replace(settings, state="live"), check_mode=False)

    return built_and_live


def built(service: Service, release: str, **told: t.Any) -> Settings:
    """Return the settings that build a release."""
    text = json.dumps({"version": release, **told})
    path = archive(service.folder, {"code/app.json": text})
    summed = hashlib.sha256(Path(path).read_bytes()).hexdigest()

    return parse(
        values(service, state="built", release=release, bundle=path, sha256=summed, commit="c" * 40)
    )


def look(service: Service) -> dict[str, dict[str, t.Any]]:
    """Return the findings of a look by check."""
    answer = run(parse(values(service)), check_mode=False)

    return {item["check"]: item for item in answer["findings"]}


def test_the_first_release_serves_and_what_ran_is_release_0(
    service: Service, deploy: t.Any
) -> None:
    answer = deploy("1")

    assert answer["done"] is True
    assert answer["changed"] is True
    assert answer["findings"][-1]["status"] == "ok"
    assert service.answer()["version"] == "1"
    assert (service.folder / "shop/releases/0/code/0-before/app.json").exists()


def test_a_second_run_changes_nothing(service: Service, deploy: t.Any) -> None:
    deploy("1")

    answer = deploy("1")

    assert answer["changed"] is False
    assert answer["findings"][0]["status"] == "ok"


def test_check_mode_shows_release_and_steps_and_changes_nothing(service: Service) -> None:
    before = sorted(map(str, service.folder.rglob("*")))
    settings = replace(built(service, "1"), state="live")

    answer = run(settings, check_mode=True)

    assert answer["changed"] is True
    assert any(UNIT in step for step in answer["steps"])
    assert "1" in answer["diff"]["after"]
    assert sorted(map(str, service.folder.rglob("*"))) == sorted(
        [*before, str(service.folder / "release.tar")]
    )


def test_a_refused_release_is_put_away_with_its_evidence(service: Service, deploy: t.Any) -> None:
    deploy("1")

    answer = deploy("2", log="ERROR no model password=hunter22")

    evidence = json.loads((service.folder / "shop/quarantine/2/evidence.json").read_text())
    assert answer["done"] is False
    assert answer["findings"][-1]["status"] == "critical"
    assert "release 1 serves again" in answer["findings"][-1]["message"]
    assert "errors in the log" in evidence["problem"]
    assert "hunter22" not in json.dumps(evidence)
    assert service.answer()["version"] == "1"
    assert not (service.folder / "shop/releases/2").exists()


def test_a_release_that_cannot_be_left_stays_where_its_unit_starts(
    service: Service, deploy: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that shuts down starts no way back any more: after the boot nothing had served."""
    deploy("1")

    def refuse(*_: object) -> t.NoReturn:
        raise SystemdError("Transaction for shop-undo.service/start is destructive")

    with monkeypatch.context() as patched:
        patched.setattr(Switcher, "_undo", refuse)
        stuck = deploy("2", log="ERROR no model")

    assert stuck["done"] is False
    assert "goes back to 1 then" in stuck["findings"][-1]["message"]
    assert (service.folder / "shop/current/code").is_dir()
    assert (service.folder / "shop/quarantine/2/evidence.json").exists()

    again = run(replace(built(service, "2"), state="live"), check_mode=False)
    assert again["findings"][0]["check"] == "release:app.cut_off"
    assert service.answer()["version"] == "1"
    assert not (service.folder / "shop/releases/2").exists()


def test_where_the_host_has_gone_back_it_is_not_started_anew_for_that(
    service: Service, deploy: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that goes back is left then: a boot would change nothing."""
    deploy("1")

    def refuse(*_: object) -> t.NoReturn:
        raise SystemdError("release 1 does not serve either: it is failed (x)")

    monkeypatch.setattr(Switcher, "_undo", refuse)
    message = deploy("2", log="ERROR no model")["findings"][-1]["message"]

    assert "a person must step in; evidence: " in message


def test_a_release_in_quarantine_is_tried_again_only_when_asked_for(
    service: Service, deploy: t.Any
) -> None:
    deploy("1")
    deploy("2", crash=True)

    refused = run(built(service, "2"), check_mode=False)
    again = run(replace(built(service, "2"), retry=True), check_mode=False)

    assert "failed before" in refused["findings"][0]["message"]
    assert refused["done"] is False
    assert again["done"] is True


@pytest.mark.parametrize(
    ("files", "links", "reason"),
    [
        ({"../x": "x"}, {}, "leads out of the release"),
        ({"/etc/x": "x"}, {}, "leads out of the release"),
        ({"code/app.json": "{}"}, {"code/l": "/etc/shadow"}, "leads out of the release"),
        ({"code/app.json": "{}"}, {"code/l": "../../x"}, "leads out of the release"),
        ({"other": "x"}, {}, "has no folder 'code'"),
        ({}, {}, "the archive is empty"),
    ],
)
def test_an_archive_that_leads_elsewhere_is_no_release(
    service: Service, files: dict[str, str], links: dict[str, str], reason: str
) -> None:
    path = archive(service.folder, files, links)
    summed = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    settings = parse(values(service, state="built", release="1", bundle=path, sha256=summed))

    answer = run(settings, check_mode=False)

    assert answer["done"] is False
    assert reason in answer["findings"][0]["message"]
    assert service.answer()["version"] == "0"


def test_a_truncated_archive_is_no_release(service: Service) -> None:
    settings = built(service, "1")
    path = Path(settings.bundle)
    path.write_bytes(path.read_bytes()[:700])

    assert "another checksum" in run(settings, check_mode=False)["findings"][0]["message"]


def test_an_archive_that_is_changed_while_it_is_unpacked_is_no_release(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever connects owns what was sent, until the module ends."""
    settings = built(service, "1")
    sha256 = settings.sha256
    archive(service.folder, {"code/app.json": "{}", "code/more.py": "print()"})
    monkeypatch.setattr(unpacking, "_checksum", lambda _: sha256)

    answer = run(settings, check_mode=False)

    assert "was changed while it was unpacked" in answer["findings"][0]["message"]
    assert not (service.folder / "shop/releases/1/release.json").exists()


def test_an_archive_of_somebody_else_is_not_read(service: Service) -> None:
    settings = built(service, "1")
    os.chown(settings.bundle, 65534, 65534)

    refused = run(settings, check_mode=False)
    answer = run(replace(settings, bundle_owner=65534), check_mode=False)

    assert "cannot be read: " in refused["findings"][0]["message"]
    assert answer["done"] is True


def test_a_full_disk_is_told_before_anything_is_unpacked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "SPARE", 1 << 62)

    answer = run(built(service, "1"), check_mode=False)

    assert "MB free" in answer["findings"][0]["message"]
    assert not (service.folder / "shop/releases").exists()


def test_a_package_that_is_not_there_is_no_release(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "SPARE", 0)
    lock = f"nothing==1.0 --hash=sha256:{'0' * 64}\n"
    path = archive(service.folder, {"code/app.json": "{}", "code/requirements.lock": lock})
    summed = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    given = values(service, state="built", release="1", bundle=path, sha256=summed)
    given["app"]["python"] = os.path.realpath(sys.executable)

    answer = run(parse(given), check_mode=False)

    assert answer["done"] is False
    assert "cannot be" in answer["findings"][0]["message"]


def test_a_look_finds_what_was_changed_by_hand(service: Service, deploy: t.Any) -> None:
    assert look(service)["release:app"]["status"] == "ok"
    (service.folder / "before" / "app.json").write_text("{}")
    assert look(service)["release:app"]["status"] == "warning"

    deploy("1")
    assert look(service)["release:app"]["status"] == "ok"
    with (service.folder / "shop/releases/1/code/app.json").open("a") as file:
        file.write(" ")

    assert "changed by hand" in look(service)["release:app"]["message"]


def test_a_look_finds_leftovers_and_a_missing_way_back(service: Service, deploy: t.Any) -> None:
    deploy("1")
    seen = look(service)
    assert seen["release:app.candidate"]["status"] == "ok"
    assert seen["release:app.way_back"]["status"] == "ok"

    (service.folder / "shop/releases/half").mkdir()
    (service.folder / "shop/releases/0/release.json").unlink()
    seen = look(service)

    assert seen["release:app.candidate"]["status"] == "warning"
    assert seen["release:app.way_back"]["status"] == "warning"


@pytest.mark.parametrize(
    ("pool", "problem"),
    [
        (
            {"instances": 3, "size": 20, "overflow": 10, "server_connections": 50},
            "3 instances x 1 processes x (20 + 10) are 90 connections; the server allows 50",
        ),
        ({"instances": 3, "size": 20, "overflow": 10, "server_connections": 200}, ""),
    ],
)
def test_connections_must_fit_the_server(
    service: Service, pool: dict[str, int], problem: str
) -> None:
    given = values(service)
    given["app"]["pool"] = pool
    if not problem:
        parse(given)
        return

    with pytest.raises(DeployError) as raised:
        parse(given)

    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("root", "relative", "must begin with /"),
        ("root", "/srv/a b", "must match"),
        ("root", "/srv/../etc", "must not have '..'"),
        ("command", [], "app.command is empty"),
        ("keep", 1, "at least 2"),
    ],
)
def test_an_application_that_cannot_work_is_refused(
    service: Service, key: str, value: t.Any, problem: str
) -> None:
    given = values(service)
    given["app"][key] = value

    with pytest.raises(DeployError, match=problem.replace("(", r"\(")):
        parse(given)


def test_a_release_that_cannot_be_left_keeps_its_files(service: Service, deploy: t.Any) -> None:
    """Units run it still; without its folder the next restart would have nothing to start."""
    deploy("1")
    service.systemd.refused.add("shop-api-undo.service")

    answer = deploy("2", log="ERROR wrong")

    assert not answer["done"]
    assert "a person must step in" in answer["findings"][0]["message"]
    assert answer["current"] == "2"
    assert Releases(str(service.folder / "shop")).get("2")
    assert (service.folder / "shop/quarantine/2/evidence.json").exists()


@pytest.mark.parametrize("state", ["built", "live"])
def test_a_switch_that_is_cut_off_by_its_own_limit_is_refused(service: Service, state: str) -> None:
    """The module was ended while it confirmed, and the host took a good release back."""
    given = values(service, state=state, release="1")
    given["app"]["server"]["confirmation"]["seconds"] = 10800
    with pytest.raises(DeployError) as raised:
        parse(given)

    needed = re.findall(r"raise predictor_deploy_max_seconds to at least (\d+)", str(raised.value))
    assert "confirmation (10800 s)" in str(raised.value)
    assert parse({**given, "max_seconds": int(needed[0])}).max_seconds > 10800


def test_the_time_of_workers_must_fit(service: Service) -> None:
    given = values(service, state="live", release="1")
    worker = {"unit": "worker.service", "command": ["{release}/worker"], "stop_seconds": 3600}
    given["max_seconds"] = 3600
    given["app"]["workers"] = [worker]
    with pytest.raises(DeployError, match="the times of 1 workers to end add up to 3"):
        parse(given)

    assert parse({**given, "max_seconds": 3700})


@pytest.fixture
def beside(service: Service, deploy: t.Any, monkeypatch: pytest.MonkeyPatch) -> t.Any:
    """Return what deploys releases that serve beside each other."""
    plain = values

    def changed(service: Service, **more: t.Any) -> dict[str, t.Any]:
        given = plain(service, **more)
        given["app"]["server"]["strategy"] = "blue_green"
        given["app"]["user"] = getpass.getuser()
        return given

    monkeypatch.setitem(globals(), "values", changed)

    return deploy


def test_releases_serve_beside_each_other(service: Service, beside: t.Any) -> None:
    beside("1")
    answer = beside("2")

    assert answer["done"] is True
    assert service.answer()["version"] == "2"
    assert look(service)["release:app.front"]["status"] == "ok"


def test_check_mode_shows_that_the_release_before_goes_on_running(
    service: Service, beside: t.Any
) -> None:
    beside("1")
    answer = run(replace(built(service, "2"), state="live"), check_mode=True)

    assert any("goes on running" in step for step in answer["steps"])


def test_a_proxy_that_leads_elsewhere_is_seen(service: Service, beside: t.Any) -> None:
    beside("1")
    link = Path(unit_files.SOCKETS) / "shop-api.sock"
    link.unlink()
    link.symlink_to("shop-api-next.sock")
    link.with_name("shop-api-next.sock").symlink_to("shop-api-own.sock")

    found = look(service)["release:app.front"]
    assert found["status"] == "warning"
    assert "shop-api-next.sock" in found["message"]


def test_a_side_that_is_dead_is_seen(service: Service, beside: t.Any) -> None:
    """It serves beside, and its own unit does too: only who leads to it is lost."""
    beside("1")
    link = Path(unit_files.SOCKETS) / "shop-api.sock"
    link.unlink()
    link.symlink_to("shop-api-gone.sock")

    found = look(service)["release:app.front"]

    assert found["status"] == "critical"
    assert "new connections are sent to 'shop-api-gone.sock', and probe" in found["message"]


def test_a_front_that_is_down_is_seen(service: Service, beside: t.Any) -> None:
    beside("1")
    service.systemd.stop("shop-api-front.socket")

    found = look(service)["release:app.front"]
    assert found["status"] == "critical"
    assert "shop-api-front.socket is not active" in found["message"]


def test_the_pool_counts_the_release_that_runs_beside(service: Service, beside: t.Any) -> None:
    given = values(service)
    given["app"]["pool"] = {
        "instances": 1,
        "processes": 1,
        "size": 20,
        "overflow": 10,
        "server_connections": 50,
    }

    with pytest.raises(DeployError, match=r"2 instances x 1 processes x .* are 60 connections"):
        parse(given)


def test_old_releases_that_cannot_be_deleted_do_not_undo_a_deployment(
    service: Service, deploy: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: t.Any) -> t.NoReturn:
        raise OSError("Directory not empty")

    monkeypatch.setattr("ansible.module_utils.upkeep.switching.releases.Releases.prune", refuse)
    answer = deploy("1")

    assert answer["done"] is True
    assert service.answer()["version"] == "1"
    assert [item["status"] for item in answer["findings"]] == ["ok", "warning"]


def test_a_folder_in_the_place_of_the_link_harms_nothing(service: Service, deploy: t.Any) -> None:
    (service.folder / "shop" / "current").mkdir(parents=True)

    answer = deploy("1")

    assert answer["done"] is False
    assert "Nothing that serves was changed" in answer["findings"][0]["message"]
    assert service.answer()["version"] == "0"


@pytest.mark.parametrize(("drain", "written"), [(30, ""), (300, "TimeoutStopSec=330\n")])
def test_a_server_has_its_time_to_finish_what_it_has_begun(
    service: Service, drain: int, written: str
) -> None:
    """systemd kills a unit 90 seconds after its stop unless it is given more."""
    given = values(service)
    given["app"]["server"]["drain_seconds"] = drain
    app = parse(given).app

    texts = building.unit_texts(app, service.releases, "1", app.command, takes_socket=True)

    assert "".join(re.findall("TimeoutStopSec=.*\n", texts[UNIT])) == written
