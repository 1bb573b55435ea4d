# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of a whole rotation share."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_rotation.host import LogrotateHost

from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE, Sandbox


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    (tmp_path / "logs").mkdir()
    main = tmp_path / "logrotate.conf"
    main.write_text(f"include {tmp_path}/upkeep-demo\n")
    main.chmod(0o644)

    return Sandbox(tmp_path, LogrotateHost(LOGROTATE, str(main)))
