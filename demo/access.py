# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a fleet keeps in its folder: the ssh key, passwords, host descriptions, known host keys."""

from __future__ import annotations

import json
import secrets
import subprocess
import typing as t

from .errors import DemoError
from .files import write_atomically
from .fleet import Fleet, Host

KEY: t.Final = "id_ed25519"
KNOWN_HOSTS: t.Final = "known_hosts"
#: The private key of backups, as a file of variables for `restore_backup.yml`.
BACKUP_KEY: t.Final = "backup_key.json"
#: The public key that secrets in backups are encrypted to.
BACKUP_RECIPIENT: t.Final = "backup.pub"
_PASSWORDS: t.Final = "passwords.json"


def prepare(fleet: Fleet) -> None:
    """Create the folder, readable by its owner only, with the keys of ssh and of backups."""
    fleet.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fleet.folder.chmod(0o700)
    key = fleet.folder / KEY
    if not (key.exists() and key.with_suffix(".pub").exists()):
        key.unlink(missing_ok=True)
        comment = f"upkeep-{fleet.name}"
        _made(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key)])

    private, public = fleet.folder / BACKUP_KEY, fleet.folder / BACKUP_RECIPIENT
    if not (private.exists() and public.exists()):
        made = _made(["age-keygen"])
        identity = next(line for line in made.splitlines() if not line.startswith("#"))
        recipient = made.partition("public key: ")[2].splitlines()[0]
        content = json.dumps({"restore_age_identity": identity}) + "\n"
        write_atomically(private, content, 0o600)
        write_atomically(public, f"{recipient}\n", 0o600)


def _made(argv: list[str]) -> str:
    """Return what a program that makes a key writes; raises DemoError."""
    result = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode:
        raise DemoError(f"{argv[0]} failed: {result.stderr.strip()}")

    return result.stdout


def describe(fleet: Fleet) -> dict[str, str]:
    """Write what each host is to read at its first boot; return the text by host name."""
    passwords = _passwords(fleet)
    public = (fleet.folder / KEY).with_suffix(".pub").read_text(encoding="utf-8").strip()
    texts = {
        host.name: _description(fleet, host, public, passwords[host.system]) for host in fleet.hosts
    }
    for name, text in texts.items():
        write_atomically(fleet.folder / "hosts" / f"{name}.json", text, 0o600)

    return texts


def _passwords(fleet: Fleet) -> dict[str, str]:
    """Return the database password of each system, made up once per fleet."""
    path = fleet.folder / _PASSWORDS
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for host in fleet.hosts:
        known.setdefault(host.system, secrets.token_hex(16))

    write_atomically(path, json.dumps(known, indent=2) + "\n", 0o600)

    return known


def _description(fleet: Fleet, host: Host, public_key: str, password: str) -> str:
    past = fleet.history if host.has_history and host.components else None
    return json.dumps(
        {
            "name": host.name,
            "system": host.system,
            "components": host.components,
            "settings": host.settings,
            "authorized_key": public_key,
            "database_password": password,
            "history": past._asdict() if past else None,
        },
        indent=2,
    )


def write_known_hosts(fleet: Fleet, keys: t.Mapping[str, tuple[int, str]]) -> None:
    """Write known_hosts.

    ``keys`` maps host name to ssh port on loopback and the content of its public key file.
    """
    lines = [
        f"[127.0.0.1]:{port} {' '.join(key.split()[:2])}\n"
        for _, (port, key) in sorted(keys.items())
    ]
    write_atomically(fleet.folder / KNOWN_HOSTS, "".join(lines), 0o600)
