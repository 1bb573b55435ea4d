# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Deployments and ways back as the shipped profiles describe them, on a service of this test's own.

Units, ports, folders and times are the test's; strategy, probes' form, variables and limits are
those of the profiles.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
import threading
import typing as t
import urllib.error
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.upkeep.findings import finding
from ansible.module_utils.upkeep.predictor_deploy import building, code_digest
from ansible.module_utils.upkeep.predictor_deploy.run import run
from ansible.module_utils.upkeep.predictor_deploy.settings import DeployError, parse
from ansible.module_utils.upkeep.rollback.run import run as go_back
from ansible.module_utils.upkeep.rollback.settings import parse as parse_rollback

from tests import evidence
from tests.unit.module_utils.predictor_deploy.test_run import archive
from tests.unit.module_utils.redis_tune.server import RedisServer, running
from tests.unit.module_utils.switching.conftest import UNIT, Service, service
from tests.unit.profiles.limits import Entry, profile
from tests.unit.profiles.role_inputs import role_input
from tools import PROJECT, profiles
from upkeep.actions.predictor_deploy import SourceError, require_staging

__all__ = ["service"]

SYSTEMS: t.Final = [
    system for system in profiles.systems(PROJECT) if "system_application" in profile(system)
]
PREDICTOR: t.Final = "src/models/inference/simple_post_race_predictor.py"


def prove(system: str, findings: Iterable[Entry], figure: str, *numbers: int) -> None:
    """Keep what a test saw of some requirements of a system, of those that its findings carry."""
    wanted = {f"R-{system}-{number:02}" for number in numbers}
    carried = {one for found in findings for one in found["requirements"]}
    assert wanted <= carried
    evidence.add(
        system,
        [{**one, "requirements": sorted(wanted & {*one["requirements"]})} for one in findings],
        figure,
    )


def application(service: Service, system: str, **more: t.Any) -> Entry:
    """Return the application of a profile with units, port, folders and times of this test."""
    shipped = profile(system)["system_application"]
    server = {
        **shipped["server"],
        "unit": UNIT,
        "listen": [f"127.0.0.1:{service.port}"],
        "start_seconds": 30,
        "drain_seconds": 2,
        "probes": [{**shipped["server"]["probes"][0], "equals": {}, "timeout": 5}],
        "confirmation": {
            **shipped["server"]["confirmation"],
            "seconds": 0.3,
            "interval": 0.1,
            "latency_floor_ms": 5000,
            "log": str(service.log),
        },
    }

    needed = shipped.get("required_variables", [])
    if "environment_file" in more and not more["environment_file"]:
        needed = []

    return {
        **shipped,
        "required_variables": needed,
        "root": str(service.folder / "shop"),
        "user": getpass.getuser(),
        "found": [str(service.folder / "before")],
        "workers": [],
        "server": server,
        **more,
    }


@pytest.fixture
def deploy(service: Service, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Entry]:
    """Return what deploys a release of a system's profile and returns the module's answer."""
    monkeypatch.setattr(building, "SPARE", 0)

    def deployed(app: Entry, release: str, hook: t.Any = None, **told: t.Any) -> Entry:
        path = archive(service.folder, {"code/app.json": json.dumps({"version": release, **told})})
        settings = parse(
            {
                "app": app,
                "state": "built",
                "release": release,
                "bundle": path,
                "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
                "commit": "c" * 40,
            }
        )
        assert run(settings, check_mode=False)["done"], "built"

        return run(replace(settings, state="live"), check_mode=False, hook=hook)

    return deployed


def variables(app: Entry, release: str) -> list[str]:
    """Return the variables that the unit of a release has."""
    text = Path(app["root"], "releases", release, "units", f"{UNIT}.conf").read_text()

    return [
        line.removeprefix("Environment=").strip('"')
        for line in text.splitlines()
        if line.startswith("Environment=")
    ]


class Visitor:
    """Somebody who asks all the time; knows which releases answered, and what was not answered."""

    def __init__(self, service: Service) -> None:
        self.versions: list[str] = []
        self.lost: list[str] = []
        self._service = service
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.01):
            try:
                self.versions.append(self._service.answer()["version"])
            except (OSError, urllib.error.URLError, ValueError) as error:
                self.lost.append(repr(error))


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_release_serves_and_an_earlier_one_does_again(
    service: Service, deploy: t.Any, system: str
) -> None:
    app = application(service, system, environment_file=None)
    first, second = deploy(app, "1"), deploy(app, "2")

    assert first["done"] is True, first
    assert second["done"] is True, second
    assert service.answer()["version"] == "2"
    prove(system, second["findings"], "", *{"fairedge": [83], "racing": [38]}.get(system, []))

    ids = profile(system).get("system_rollback", {}).get("requirements", [])
    left = service.systemd.processes[UNIT]
    back = go_back(parse_rollback({"app": app, "requirements": ids}), check_mode=False)

    assert back["done"] is True, back
    assert service.answer()["version"] == "1"
    assert left.poll() is not None, "the release that was left runs on"
    served = {"fairedge": [90], "hyperopt": [117, 119, 121], "racing": [41, 42]}
    prove(system, back["findings"], "", *served.get(system, []))


def test_the_present_state_of_hyperopt_is_kept_before_it_goes_back(
    service: Service, deploy: t.Any
) -> None:
    """The role makes a set first and hands its name on."""
    tasks = yaml.safe_load((PROJECT / "roles/rollback/tasks/main.yml").read_text())
    names = [task["name"] for task in tasks]
    assert names.index("Save the present state") < names.index("Go back, or call a person")
    assert role_input("rollback_backup_tasks", "hyperopt", ["hyperopt", "app"])
    app = application(service, "hyperopt")
    deploy(app, "1")

    ids = profile("hyperopt")["system_rollback"]["requirements"]
    values = {"app": app, "requirements": ids, "saved": "20260301T020000Z"}
    back = go_back(parse_rollback(values), check_mode=False)

    assert "The state before is kept in set 20260301T020000Z." in back["findings"][0]["message"]
    prove("hyperopt", back["findings"], "kept in a set", 118)


def test_a_way_back_of_hyperopt_that_fails_is_critical_and_asks_for_a_person(
    service: Service, deploy: t.Any
) -> None:
    """The hook ``escalate`` is called then: tests/contract/test_persons.py."""
    app = application(service, "hyperopt")
    deploy(app, "1")
    deploy(app, "2")
    code = Path(app["root"], "releases", "1", "code", "app.json")
    code.write_text('{"version": "1", "crash": true}')

    ids = profile("hyperopt")["system_rollback"]["requirements"]
    back = go_back(parse_rollback({"app": app, "requirements": ids}), check_mode=False)

    assert back["done"] is False
    assert back["findings"][0]["status"] == "critical"
    assert back["findings"][0]["message"].startswith("A person must step in: ")
    prove("hyperopt", back["findings"], "a person must step in", 123)


@pytest.mark.parametrize(
    ("system", "passed", "refused"), [("trailblaze", "1", "2"), ("fairedge", "2", "1")]
)
def test_a_release_is_tested_in_staging_before_it_goes_to_production(
    service: Service, deploy: t.Any, system: str, passed: str, refused: str
) -> None:
    """Staging records the very release, with the ids of the profile; production asks for it."""
    app = application(service, system, environment_file=None)
    tasks = yaml.safe_load((PROJECT / "roles/predictor_deploy/tasks/go_live.yml").read_text())
    [record] = [task for task in tasks if task["name"].endswith("Record the pass in staging")]
    [template] = record["record_findings"]["findings"]
    assert template["requirements"] == "{{ predictor_deploy_app.requirements | default([]) }}"
    pass_ = finding(
        "release:app.staging",
        "ok",
        template["message"],
        observed=passed,
        requirements=profile(system)["system_application"]["requirements"],
    )
    order = [task["name"].removeprefix("Go live | ") for task in tasks]
    assert order.index("Run the smoke tests") < order.index("Record the pass in staging")
    records = t.cast(t.Any, [{"findings": [pass_]}])

    require_staging(records, "release:app", passed)
    with pytest.raises(SourceError, match=f"release {refused} has no recorded pass in staging"):
        require_staging(records, "release:app", refused)
    served = deploy(app, passed)

    assert served["done"] is True, served
    if system == "fairedge":
        assert profile(system)["system_release_tests"]["smoke"] == ["smoke"]
        prove(system, [pass_], "smoke tests passed in staging", 77)
    else:
        prove(system, [pass_], "tested in staging", 73)
        prove(system, served["findings"], "the release that passed in staging", 74)


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_error_in_the_log_takes_a_release_back(
    service: Service, deploy: t.Any, system: str
) -> None:
    app = application(service, system, environment_file=None)
    deploy(app, "1")
    refused = deploy(app, "2", log="ERROR no model")

    assert refused["done"] is False
    assert service.answer()["version"] == "1"
    window = profile(system)["system_application"]["server"]["confirmation"]
    assert window["seconds"] / 60 == 15
    if system == "racing":
        assert window["log"].endswith("/dashboard.log")
        prove(system, refused["findings"], "watched for 15 minutes", 39)


@pytest.mark.parametrize(
    ("system", "path"),
    [("racing", "/api/post-race/analyze"), ("student_success", "/api/predictions")],
)
def test_a_release_that_predicts_otherwise_is_refused(
    service: Service, deploy: t.Any, system: str, path: str
) -> None:
    probes = profile(system)["system_application"]["server"]["probes"]
    [golden] = [probe for probe in probes if probe.get("same_as_before")]
    assert golden["path"] == path
    assert golden["same_as_before"] == ["predictions"]

    app = application(service, system, environment_file=None)
    same = {"name": "predictions", "method": "POST", "path": path, "same_as_before": ["value"]}
    app["server"]["probes"].append(same)
    deploy(app, "1")
    refused = deploy(app, "2", value=1.6)

    assert refused["done"] is False
    assert service.answer()["version"] == "1"


def test_the_predictor_that_ran_before_is_kept(service: Service, deploy: t.Any) -> None:
    system = profile("racing")
    home = system["system_home"]
    found = system["system_application"]["found"]
    assert f"{home}/src" in found
    place = service.folder / "before" / PREDICTOR
    place.parent.mkdir(parents=True)
    place.write_text("OLD = 1\n")

    here = [str(service.folder / "before" / Path(path).relative_to(home)) for path in found]
    (service.folder / "before" / "app").mkdir()
    app = application(service, "racing", found=here)
    answer = deploy(app, "1")

    assert answer["done"] is True, answer
    number = found.index(f"{home}/src")
    kept = Path(app["root"], "releases", "0", "code", f"{number}-{PREDICTOR}")
    assert kept.read_text() == "OLD = 1\n"
    prove("racing", answer["findings"], "kept as release 0", 37)


def test_nobody_is_turned_away_while_fairedge_is_deployed(service: Service, deploy: t.Any) -> None:
    app = application(service, "fairedge", environment_file=None)
    deploy(app, "1")
    ran: list[tuple[bool, str]] = []

    def moment(name: str) -> None:
        if name == "switched":
            blue = service.systemd.processes[UNIT]
            ran.append((blue.poll() is None, Path(service.systemd.folders[UNIT]).parent.name))

    with Visitor(service) as visitor:
        answer = deploy(app, "2", moment)

    assert answer["done"] is True, answer
    assert visitor.lost == []
    assert service.answer()["version"] == "2"
    assert ran == [(True, "1")], "blue runs while green is confirmed"
    prove("fairedge", answer["findings"], "nobody was turned away", 85, 97)
    prove("fairedge", answer["findings"], "blue runs until green is confirmed", 98)


def test_green_is_asked_before_anybody_is_sent_there(service: Service, deploy: t.Any) -> None:
    app = application(service, "fairedge", environment_file=None)
    deploy(app, "1")

    app["server"]["start_seconds"] = 3
    with Visitor(service) as visitor:
        answer = deploy(app, "2", status=503)

    assert answer["done"] is False
    assert visitor.lost == []
    assert set(visitor.versions) == {"1"}
    prove("fairedge", answer["findings"], "asked before it serves", 95, 96)


def test_all_services_of_fairedge_are_restarted_on_the_way_back(
    service: Service, deploy: t.Any
) -> None:
    shipped = profile("fairedge")
    workers = shipped["system_application"]["workers"]
    names = ["fairedge-celery-worker.service", "fairedge-celery-beat.service"]
    assert [worker["unit"] for worker in workers] == names
    for name in names:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (service.systemd.units / name).write_text(
            f"[Service]\nWorkingDirectory={service.folder}/before\n"
            f"Environment=LISTEN={port}\nEnvironment=LOG={service.log}\n"
        )
        service.systemd.start(name)
    app = application(service, "fairedge", environment_file=None, workers=workers)
    deploy(app, "1")
    deploy(app, "2")

    values = {"app": app, "requirements": shipped["system_rollback"]["requirements"]}
    back = go_back(parse_rollback(values), check_mode=False)

    assert back["done"] is True, back
    running = {unit: Path(service.systemd.folders[unit]).parent.name for unit in [UNIT, *names]}
    assert running == dict.fromkeys([UNIT, *names], "1")
    prove("fairedge", back["findings"], "API, worker and beat", 93)


def test_what_the_platform_of_fairedge_is_made_of_are_units_with_health_checks(
    service: Service, deploy: t.Any
) -> None:
    shipped = profile("fairedge")
    checks = [check for check in shipped["system_health_checks"] if check["kind"] == "unit"]
    watched = {check["unit"] for check in checks}
    application_units = {
        shipped["system_application"]["server"]["unit"],
        *(worker["unit"] for worker in shipped["system_application"]["workers"]),
    }

    assert application_units <= watched
    assert {"nginx.service", "redis-server.service"} <= watched
    answer = deploy(application(service, "fairedge", environment_file=None), "1")
    assert answer["done"] is True, answer
    prove("fairedge", answer["findings"], "units with health checks", 2)


def test_the_pool_of_the_guide_is_set_and_must_fit_the_server(
    service: Service, deploy: t.Any
) -> None:
    app = application(service, "fairedge", environment_file=None)
    pool = app["pool"]

    answer = deploy(app, "1")

    assert answer["done"] is True, answer
    assert {"DB_POOL_SIZE=20", "DB_MAX_OVERFLOW=10"} <= set(variables(app, "1"))
    assert (pool["size"], pool["overflow"]) == (20, 10)
    with pytest.raises(DeployError, match=r"are 120 connections; the server allows 50"):
        parse({"app": {**app, "pool": {**pool, "server_connections": 50}}})
    prove("fairedge", answer["findings"], "DB_POOL_SIZE=20, DB_MAX_OVERFLOW=10", 129)


def test_the_level_of_the_log_comes_from_the_environment(service: Service, deploy: t.Any) -> None:
    app = application(service, "trailblaze")

    answer = deploy(app, "1")

    assert answer["done"] is True, answer
    assert "LOG_LEVEL=INFO" in variables(app, "1")
    prove("trailblaze", answer["findings"], "LOG_LEVEL=INFO", 37)


def test_a_new_environment_file_takes_its_place_and_the_old_one_is_kept(
    service: Service, deploy: t.Any
) -> None:
    path = service.folder / ".env.production"
    path.write_text("OLD=1\n")
    new = "NEW=1\nDATABASE_URL=postgresql://db\nREDIS_URL=redis://cache\n"
    path.with_name(".env.production.new").write_text(new)
    app = application(service, "fairedge", environment_file=str(path))
    shipped = profile("fairedge")["system_application"]["environment_file"]
    assert shipped.endswith("/.env.production")

    answer = deploy(app, "1")

    assert answer["done"] is True, answer
    assert path.read_text() == new
    kept = [one for one in service.folder.rglob(".env.production*") if one.read_text() == "OLD=1\n"]
    assert len(kept) == 1
    prove("fairedge", answer["findings"], ".env.production.new -> .env.production", 84)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_profile_says_whether_there_is_a_staging(system: str) -> None:
    name = "predictor_deploy_staging"

    assert role_input(name, system, ["app"]) == "required"
    assert role_input(name, system, ["app"], system_staging="none") == "none"


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL"])
def test_a_release_is_refused_whose_environment_file_lacks_a_variable(
    service: Service, deploy: t.Any, missing: str
) -> None:
    path = service.folder / ".env.production"
    path.write_text("DATABASE_URL=postgresql://db\nREDIS_URL=redis://cache\n")
    app = application(service, "fairedge", environment_file=str(path))
    good = deploy(app, "1")
    assert good["done"] is True, good

    # What is there once more but empty is not set.
    new = path.read_text().replace(f"{missing}=", f'{missing}=""\n# {missing}=')
    path.with_name(".env.production.new").write_text(new)
    settings = parse({"app": app, "state": "built", "release": "2", "commit": "c" * 40})
    answer = run(settings, check_mode=False)

    assert answer["done"] is False
    assert f".env.production.new does not set {missing} " in answer["findings"][0]["message"]
    assert service.answer()["version"] == "1"
    prove("fairedge", [*good["findings"], *answer["findings"]], missing, 79)


def planted_files(name: str, system: str) -> dict[str, str]:
    """Return the files that a fault of the demo fleet writes, path -> text."""
    path = PROJECT / "demo" / "defects" / f"{system}.yml"
    steps = yaml.safe_load(path.read_text())["defects"][name]["plant"]

    return {step["file"]["path"]: step["file"]["text"] for step in steps if "file" in step}


@pytest.fixture
def planted(service: Service, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., Path]:
    """Return what writes the release that a fault plants into a folder of this test."""

    def plant(name: str, system: str) -> Path:
        shipped = profile(system)["system_application"]["root"]
        root = service.folder / "planted"
        release = ""
        for place, text in planted_files(name, system).items():
            if not place.startswith(f"{shipped}/"):
                continue
            path = root / Path(place).relative_to(shipped)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            release = path.relative_to(root).parts[1]
        (root / "current").symlink_to(f"releases/{release}")
        here = code_digest.digests

        def there(paths: Iterable[str]) -> dict[str, str]:
            """Return the checksums as if the folder were that of the host."""
            return {path.replace(str(root), shipped): one for path, one in here(paths).items()}

        monkeypatch.setattr(code_digest, "digests", there)
        return root

    return plant


def test_the_planted_release_has_no_way_back_and_nothing_else_is_wrong(
    service: Service, planted: t.Any
) -> None:
    """The fault of the demo fleet, in the folder of this test."""
    root = planted("way-back-missing", "trailblaze")

    app = application(service, "trailblaze", root=str(root))
    found = run(parse({"app": app}), check_mode=True)["findings"]

    assert {one["check"]: one["status"] for one in found} == {
        "release:app": "ok",
        "release:app.way_back": "warning",
        "release:app.candidate": "ok",
    }


def test_the_planted_side_is_dead_and_nothing_else_is_wrong(
    service: Service, planted: t.Any
) -> None:
    root = planted("green-side-dead", "fairedge")
    sockets = service.folder / "s"
    sockets.mkdir()
    for place, text in planted_files("green-side-dead", "fairedge").items():
        if place.endswith(".socket"):
            name = Path(place).name.replace("fairedge-api", "shop-api")
            here = text.replace("/run/upkeep/fairedge-api", f"{sockets}/shop-api")
            (service.systemd.transient / name).write_text(here.replace(":8009", ":0"))
            service.systemd._bind(name)
    (sockets / "shop-api.sock").symlink_to("shop-api-next.sock")

    app = application(service, "fairedge", root=str(root), environment_file=None)
    found = run(parse({"app": app}), check_mode=True)["findings"]

    assert {one["check"]: one["status"] for one in found} == {
        "release:app": "ok",
        "release:app.way_back": "ok",
        "release:app.candidate": "ok",
        "release:app.front": "critical",
    }


@pytest.fixture
def redis(tmp_path: Path) -> t.Iterator[RedisServer]:
    """Return a Redis server of this test."""
    with running(tmp_path) as server:
        yield server


def test_the_caches_of_fairedge_are_cleared_and_nothing_else(
    service: Service, deploy: t.Any, redis: RedisServer
) -> None:
    app = application(service, "fairedge", environment_file=None)
    deploy(app, "1")
    [cache] = profile("fairedge")["system_rollback_caches"]
    assert cache["database"] == 1
    for key in ("opportunities:1", "sessions:1"):
        redis.ask("SET", key, "x")
    login = {key: redis.entry()[key] for key in ("host", "port") if key in redis.entry()}

    back = go_back(
        parse_rollback({"app": app, "caches": [{**cache, **login, "database": 0}]}),
        check_mode=False,
    )

    assert back["done"] is True, back
    assert redis.ask("EXISTS", "opportunities:1") == 0
    assert redis.ask("EXISTS", "sessions:1") == 1
    prove("fairedge", back["findings"], "opportunities:*", 92)
