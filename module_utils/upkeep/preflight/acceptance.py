# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mark by which a person accepts a host: until then the first runs only look."""

from __future__ import annotations

import json
import os
import typing as t
from datetime import UTC, datetime
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding, finding

CHECK: t.Final = "host:accepted"


def read(marker: Path) -> dict[str, str] | None:
    """Return who accepted the host and when, none when nobody did.

    Raises ValueError for a damaged mark, OSError.
    """
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None

    if not isinstance(content, dict) or not {"by", "at"} <= set(content):
        raise ValueError("'by' and 'at' are missing")

    return {str(key): str(value) for key, value in content.items()}


def is_accepted(marker: Path) -> bool:
    """Return whether somebody has accepted the host; a mark that cannot be read is none."""
    try:
        return read(marker) is not None
    except (OSError, ValueError):
        return False


def write(marker: Path, by: str, run_id: str) -> str:
    """Write the mark by one rename and return its text; raises OSError."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = json.dumps({"by": by, "at": now, "run_id": run_id}, indent=2) + "\n"
    marker.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = marker.with_name(marker.name + ".new")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o644)
    with draft.open("rb") as stream:
        os.fsync(stream.fileno())

    draft.replace(marker)

    return text


def judge_acceptance(marker: Path, host: str, required: bool) -> Finding:
    """Return ``critical`` for a host that nobody accepted, which keeps the gate shut."""
    try:
        accepted = read(marker)
    except (OSError, ValueError) as error:
        message = f"{marker} cannot be read ({error}): remove it and accept the host again."
        return finding(
            CHECK,
            "critical" if required else "info",
            message,
            observed="damaged",
            expected="accepted",
        )

    if accepted is not None:
        message = f"Accepted by {accepted['by']} on {accepted['at']}."
        return finding(CHECK, "ok", message, observed="accepted", expected="accepted")
    if not required:
        return finding(
            CHECK, "ok", "This inventory asks for no acceptance of its hosts.", observed="not asked"
        )

    message = (
        "Nobody has accepted this host yet, so runs only look at it. Read the findings, then: "
        f"ansible-playbook playbooks/onboard_hosts.yml --limit {host} -e preflight_accept=true"
    )

    return finding(CHECK, "critical", message, observed="not accepted", expected="accepted")
