# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The application as gunicorn wants it: ``gunicorn services.asgi:app``."""

from __future__ import annotations

import typing as t

from . import api, logs, settings

CONFIG: t.Final = settings.load()
logs.configure(CONFIG)
app: t.Final = api.make_app(CONFIG)
