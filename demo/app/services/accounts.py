# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who uploads: a visitor without an account, or the account that maintenance tests with."""

from __future__ import annotations

import base64
import hmac
import typing as t

import fastapi  # type: ignore[import-not-found]

from . import settings


def is_visitor(request: t.Any, config: settings.ServiceSettings) -> bool:
    """Return whether an upload is recorded: a visitor's is, the test account's leaves no record.

    Raises HTTPException 401 for any other account.
    """
    given = request.headers.get("authorization")
    if given is None:
        return True

    wanted = "Basic " + base64.b64encode(config.test_account.encode()).decode()
    if config.test_account and hmac.compare_digest(given.encode(), wanted.encode()):
        return False

    raise fastapi.HTTPException(status_code=401, detail="this account is not known here")
