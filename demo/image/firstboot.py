# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make this container the host that /etc/demo/host.json describes.

Run once, by demo-firstboot.service, as root.

Every step may run again: a first boot that was cut short starts over and reaches the same end.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import string
import subprocess
import sys
import typing as t
from pathlib import Path

DESCRIPTION: t.Final = Path("/etc/demo/host.json")
DONE: t.Final = Path("/var/lib/demo/firstboot.done")
SHARE: t.Final = Path("/usr/local/lib/demo")
#: The unit that starts with all clusters of the host.
POSTGRESQL: t.Final = "postgresql.service"


class BootHost(t.NamedTuple):
    """The description.

    ``settings`` holds what demo/fleet.yml says about the system, then about the host.
    """

    name: str
    system: str
    components: list[str]
    settings: dict[str, t.Any]
    authorized_key: str
    database_password: str
    history: dict[str, int] | None


def run(*argv: str, stdin: str | None = None) -> None:
    """Run a command; its output goes to the journal, a failure ends the first boot."""
    subprocess.run(argv, input=stdin, text=True, check=True)  # noqa: S603


def write(
    path: Path, text: str, mode: int = 0o644, owner: str = "root", group: str = "root"
) -> None:
    """Write a file with its final owner and mode, its folder included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)

    path.chmod(mode)
    shutil.chown(path, owner, group)


def template(name: str, values: t.Mapping[str, t.Any]) -> str:
    """Return the template filled in; a name that ``values`` lacks is an error."""
    return string.Template((SHARE / "templates" / name).read_text(encoding="utf-8")).substitute(
        values
    )


def urls(host: BootHost) -> dict[str, str]:
    """Return where the application finds its database, cache and broker.

    Empty where the system has none.
    """
    settings = host.settings
    login = f"{settings['user']}:{host.database_password}"
    redis = f"redis://{settings['redis_host']}:6379" if "redis_host" in settings else ""
    server = f"postgresql+psycopg2://{login}@{settings.get('database_host')}:5432"

    return {
        "database_url": f"{server}/{settings['database']}" if "database" in settings else "",
        "test_database_url": f"{server}/{settings['test_database']}"
        if "test_database" in settings
        else "",
        "redis_url": f"{redis}/1" if redis else "",
        "broker_url": f"{redis}/0" if "celery" in host.components else "",
    }


def values(host: BootHost) -> dict[str, t.Any]:
    """Return what templates are filled with, but for ``log_file``."""
    return {
        "system": host.system,
        "log_format": "json",
        "test_account": "",
        **host.settings,
        **urls(host),
    }


def units(host: BootHost) -> dict[str, tuple[str, str]]:
    """Return unit name -> (template, name of its log file) for our parts of this host."""
    wanted: dict[str, tuple[str, str]] = {}
    settings = host.settings
    if {"app", "store"} & set(host.components):
        unit, source = (
            settings.get("unit", f"{host.system}-api"),
            settings.get("template", "api.service"),
        )
        wanted[f"{unit}.service"] = (source, settings.get("log_file", "api.log"))

    if "scraper" in settings:
        for kind in ("service", "timer"):
            wanted[f"{settings['scraper']}.{kind}"] = (f"scraper.{kind}", "scraper.log")

    if "celery" in host.components:
        wanted[f"{host.system}-celery-worker.service"] = ("celery-worker.service", "celery.log")
        wanted[f"{host.system}-celery-beat.service"] = ("celery-beat.service", "celery.log")

    return wanted


def open_ssh(host: BootHost) -> None:
    """Let the maintenance user in by key, and give the host a key of its own."""
    write(
        Path("/home/upkeep/.ssh/authorized_keys"),
        f"{host.authorized_key}\n",
        0o600,
        "upkeep",
        "upkeep",
    )
    folder = Path("/home/upkeep/.ssh")
    folder.chmod(0o700)
    shutil.chown(folder, "upkeep", "upkeep")
    key = Path("/etc/ssh/ssh_host_ed25519_key")
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))


def add_user(host: BootHost) -> None:
    """Create the service user."""
    user, home = host.settings["user"], host.settings["home"]
    known = subprocess.run(["/usr/bin/id", user], capture_output=True, check=False)  # noqa: S603
    if known.returncode:
        run(
            "useradd",
            "--system",
            "--user-group",
            "--home-dir",
            home,
            "--shell",
            "/usr/sbin/nologin",
            user,
        )

    Path(home).mkdir(parents=True, exist_ok=True)
    shutil.chown(home, user, user)


#: The role that reads, as roles/database_reader makes it on other hosts.
READER_SQL: t.Final = """DO $$ BEGIN
    IF to_regrole('upkeep_read') IS NULL THEN
        CREATE ROLE upkeep_read LOGIN BYPASSRLS;
        GRANT pg_read_all_data, pg_monitor TO upkeep_read;
    END IF;
END $$;
"""
AMCHECK_SQL: t.Final = """SELECT format('GRANT EXECUTE ON FUNCTION %s TO upkeep_read',
              d.objid::regprocedure)
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
 WHERE e.extname = 'amcheck' AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e' \\gexec
"""


def add_reader() -> None:
    """Create the account of the role that reads."""
    known = subprocess.run(["/usr/bin/id", "upkeep_read"], capture_output=True, check=False)
    if known.returncode:
        shell = "/usr/sbin/nologin"
        run("useradd", "--system", "-M", "-d", "/nonexistent", "-s", shell, "upkeep_read")


def database_sql(host: BootHost) -> str:
    """Return the statements that make role and database anew and fill them.

    What an aborted boot left is dropped.
    """
    user, database = host.settings["user"], host.settings["database"]
    files = [SHARE / "sql" / f"{host.system}.sql", SHARE / "sql" / f"{host.system}_business.sql"]
    rows = "\n".join(path.read_text(encoding="utf-8") for path in files if path.exists())
    test = host.settings.get("test_database")

    return (
        READER_SQL
        + f'DROP DATABASE IF EXISTS "{database}";\n'
        + (f'DROP DATABASE IF EXISTS "{test}";\n' if test else "")
        + f'DROP ROLE IF EXISTS "{user}";\n'
        f"CREATE ROLE \"{user}\" LOGIN PASSWORD '{host.database_password}';\n"
        + (f'CREATE DATABASE "{test}" OWNER "{user}";\n' if test else "")
        + f'CREATE DATABASE "{database}" OWNER "{user}";\n'
        f'\\connect "{database}"\n'
        "CREATE EXTENSION amcheck;\nCREATE EXTENSION pg_stat_statements;\n"
        + AMCHECK_SQL
        + f'SET ROLE "{user}";\nSET synchronous_commit = off;\nBEGIN;\n{rows}\nCOMMIT;\n'
    )


def set_up_postgresql(host: BootHost) -> list[str]:
    """Configure, start and fill the cluster; return its units."""
    (folder,) = Path("/etc/postgresql").glob("*/main")
    user, database = host.settings["user"], host.settings["database"]
    listen = "localhost" if "app" in host.components else "*"
    # Freshly filled tables call autovacuum in the first minutes, which then holds the locks that
    # maintenance wants.
    lines = (
        f"listen_addresses = '{listen}'",
        "shared_buffers = '32MB'",
        "max_connections = 50",
        "autovacuum_naptime = '1h'",
        "shared_preload_libraries = 'pg_stat_statements'",
        "log_min_duration_statement = '1s'",
    )
    settings = "".join(f"{line}\n" for line in lines)
    write(folder / "conf.d" / "demo.conf", settings, 0o644, "postgres", "postgres")
    rule = f"host {database} {user} samenet scram-sha-256\n"
    access = folder / "pg_hba.conf"
    if rule not in access.read_text(encoding="utf-8"):
        with access.open("a", encoding="utf-8") as file:
            file.write(rule)

    add_reader()
    unit = f"postgresql@{folder.parent.name}-main.service"
    run("systemctl", "restart", unit)
    run(
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "-qX",
        "-v",
        "ON_ERROR_STOP=1",
        stdin=database_sql(host),
    )

    return [POSTGRESQL]


def forget_statements(host: BootHost) -> None:
    """Reset the statement counters: the statements so far are not the application's."""
    reset = f'\\connect "{host.settings["database"]}"\nSELECT pg_stat_statements_reset();\n'
    run("runuser", "-u", "postgres", "--", "psql", "-qX", "-v", "ON_ERROR_STOP=1", stdin=reset)


def set_up_redis(host: BootHost) -> list[str]:
    """Append the demo's settings to the configuration file, which CONFIG REWRITE may change later.

    A host without the application serves the container network.
    """
    lines = [
        "# Demo",
        "maxmemory 64mb",
        "maxmemory-policy allkeys-lru" if "celery" not in host.components else "",
    ]
    if "app" not in host.components:
        lines += ["bind * -::*", "protected-mode no"]

    main, added = Path("/etc/redis/redis.conf"), "\n".join(filter(None, lines)) + "\n"
    if "# Demo\n" not in main.read_text(encoding="utf-8"):
        with main.open("a", encoding="utf-8") as file:
            file.write(added)

    return ["redis-server.service"]


def set_up_files(host: BootHost) -> list[str]:
    """Give the home what the application finds there: files, folders, models, SQLite.

    No units come of it.
    """
    user, home = host.settings["user"], Path(host.settings["home"])
    if (SHARE / "home" / host.system).is_dir():
        shutil.copytree(SHARE / "home" / host.system, home, dirs_exist_ok=True)

    if "models" in host.components:
        shutil.copytree(
            SHARE / "models" / host.system, home / host.settings["models"], dirs_exist_ok=True
        )

    for folder in host.settings.get("folders", ()):
        (home / folder).mkdir(parents=True, exist_ok=True)

    if "sqlite" in host.components:
        set_up_sqlite(home / host.settings["sqlite"])

    for path in (home, *home.rglob("*")):
        shutil.chown(path, user, user)

    return []


def set_up_sqlite(path: Path) -> None:
    """Make the database in WAL mode with a history of uploads.

    What an aborted boot left is replaced.
    """
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript((SHARE / "sql" / "mvp_data.sql").read_text(encoding="utf-8"))


def set_up_application(host: BootHost) -> list[str]:
    """Install code, environment file, log folder and units; return the units."""
    user, home = host.settings["user"], Path(host.settings["home"])
    shutil.copytree(SHARE / "app", home / "app", dirs_exist_ok=True)
    write(home / ".env.production", template("env.production", values(host)), 0o640, "root", user)
    if "test_database" in host.settings:
        write(home / ".env.test", template("env.test", values(host)), 0o640, "root", user)

    logs = host.settings.get("log_dir", "")
    if logs:
        Path(logs).mkdir(mode=0o750, parents=True, exist_ok=True)
        shutil.chown(logs, user, user)

    wanted = units(host)
    for name, (source, log) in wanted.items():
        text = template(source, {**values(host), "log_file": f"{logs}/{log}" if logs else ""})
        write(Path("/etc/systemd/system") / name, text)

    run("systemctl", "daemon-reload")
    # What only a timer starts is run once here, so that a fresh host has something to show.
    timed = [name.removesuffix(".timer") + ".service" for name in wanted if name.endswith(".timer")]
    if timed:
        run("systemctl", "start", *timed)

    return [name for name in wanted if name not in timed]


def set_up_web(host: BootHost) -> list[str]:
    """Put nginx before the API; return its unit."""
    text = template("nginx.conf", {"system": host.system, **host.settings})
    write(Path("/etc/nginx/sites-enabled/demo.conf"), text)
    run("nginx", "-qt")
    return ["nginx.service"]


#: In the order of start: what others need comes first.
STEPS: t.Final[dict[str, t.Callable[[BootHost], list[str]]]] = {
    "postgresql": set_up_postgresql,
    "redis": set_up_redis,
    "files": set_up_files,
    "app": set_up_application,
    "store": set_up_application,
    "web": set_up_web,
}


def main() -> int:
    """Set the host up and start what it carries."""
    host = BootHost(**json.loads(DESCRIPTION.read_text(encoding="utf-8")))
    open_ssh(host)
    if host.components:  # a host without any stays as the installer left it
        add_user(host)

    wanted = {*host.components, "files"} if host.components else set()
    started = [
        unit for component, step in STEPS.items() if component in wanted for unit in step(host)
    ]
    if started:
        # The compatibility hooks for System V links load all units anew, several times for each of
        # these.
        run("env", "SYSTEMCTL_SKIP_SYSV=1", "systemctl", "enable", "--quiet", *started)

    if host.history:  # before the systems start: their logs go on where it ends
        run("env", f"--chdir={SHARE.parent}", "/usr/bin/python3", "-m", "demo.history")

    if "postgresql" in host.components:
        forget_statements(host)
        # The cluster runs since it was filled, with all its settings.
        run("systemctl", "start", POSTGRESQL)

    others = [unit for unit in started if unit != POSTGRESQL]
    if others:
        run("systemctl", "restart", *others)

    write(DONE, f"{host.name}\n")
    print(f"{host.name} is set up: {', '.join(host.components) or 'bare'}")

    return 0


if __name__ == "__main__":
    sys.exit(main())
