# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ops: takes mails and web hooks for inspection and files of other hosts; sends nothing on.

``GET /mails`` and ``GET /hooks`` return what came in, the oldest first, ``DELETE`` on either
forgets it, ``POST /hooks/NAME`` takes a hook. These are kept in memory: a restart forgets them.

``PUT /store/NAME`` takes a file, of the sha256 in the header ``X-SHA256`` if there is one; ``GET``
gives it back with that header, ``DELETE`` forgets it, ``GET /store`` lists all. These lie on the
disk (object_store.py).
"""

from __future__ import annotations

import collections
import datetime as dt
import email
import email.policy
import os
import typing as t
from pathlib import Path

import fastapi  # type: ignore[import-not-found]
import fastapi.responses  # type: ignore[import-not-found]
import uvicorn  # type: ignore[import-not-found]
from aiosmtpd.controller import Controller  # type: ignore[import-not-found]

from . import logs, settings
from .object_store import Draft, ObjectStore, ObjectStoreError

KEPT: t.Final = 1000  # of each
MAX_BYTES: t.Final = 1024 * 1024  # of one mail or hook

Mails: t.TypeAlias = "collections.deque[dict[str, t.Any]]"


class MailHandler:
    """Keeps each mail with its envelope."""

    def __init__(self, mails: Mails) -> None:
        self.mails = mails

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: t.Any, _session: t.Any, envelope: t.Any
    ) -> str:
        """Take one mail."""
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = message.get_body(("plain", "html"))
        self.mails.append(
            {
                "received": _now(),
                "from": envelope.mail_from,
                "to": list(envelope.rcpt_tos),
                "subject": str(message["subject"] or ""),
                "body": body.get_content() if body else "",
            }
        )

        return "250 kept"


def make_app(mails: Mails, hooks: Mails, store: ObjectStore) -> t.Any:
    """Return the web side."""
    app = fastapi.FastAPI(title="ops", version=settings.VERSION, docs_url=None, redoc_url=None)

    def healthy() -> dict[str, t.Any]:
        return {"status": "healthy", "mails": len(mails), "hooks": len(hooks)}

    async def take(name: str, request: fastapi.Request) -> dict[str, t.Any]:
        body = await request.body()
        if len(body) > MAX_BYTES:
            raise fastapi.HTTPException(status_code=413, detail="larger than a web hook may be")

        try:
            content = await request.json()
        except ValueError:
            content = body.decode("utf-8", "replace")

        hooks.append({"received": _now(), "name": name, "content": content})

        return {"kept": True}

    app.add_api_route("/health", healthy, methods=["GET"])
    app.add_api_route("/hooks/{name}", take, methods=["POST"])
    add_kept(app, "/mails", mails)
    add_kept(app, "/hooks", hooks)
    add_store(app, store)

    return app


def add_kept(app: t.Any, path: str, kept: Mails) -> None:
    """Let a path show and forget what came in."""

    def show() -> list[dict[str, t.Any]]:
        return list(kept)

    def forget() -> dict[str, t.Any]:
        kept.clear()
        return {"kept": 0}

    app.add_api_route(path, show, methods=["GET"])
    app.add_api_route(path, forget, methods=["DELETE"])


def add_store(app: t.Any, store: ObjectStore) -> None:
    """Let other hosts keep files here."""

    async def take(name: str, request: fastapi.Request) -> dict[str, t.Any]:
        draft = Draft(store, name)
        try:
            async for chunk in request.stream():
                draft.add(chunk)
            return draft.keep(request.headers.get("x-sha256", ""))._asdict()
        finally:
            draft.close()

    def listed() -> list[dict[str, t.Any]]:
        return store.names()

    def give(name: str) -> t.Any:
        kept = store.look(name)
        return fastapi.responses.FileResponse(
            store.path_of(name), headers={"X-SHA256": kept.sha256}
        )

    def forget(name: str) -> dict[str, t.Any]:
        store.remove(name)
        return {"removed": name}

    def refuse(_request: fastapi.Request, error: ObjectStoreError) -> t.Any:
        return fastapi.responses.JSONResponse({"detail": f"{error}"}, status_code=error.status)

    app.add_exception_handler(ObjectStoreError, refuse)
    app.add_api_route("/store", listed, methods=["GET"])
    for method, answer in (("PUT", take), ("GET", give), ("DELETE", forget)):
        app.add_api_route("/store/{name:path}", answer, methods=[method])


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def main() -> None:
    """Take mails and hooks until stopped."""
    config = settings.load()
    logs.configure(config)
    mails: Mails = collections.deque(maxlen=KEPT)
    hooks: Mails = collections.deque(maxlen=KEPT)
    port = int(os.environ.get("SMTP_PORT", "1025"))
    smtp = Controller(
        MailHandler(mails), hostname=config.bind, port=port, data_size_limit=MAX_BYTES
    )
    app = make_app(mails, hooks, ObjectStore(Path(config.home) / "store"))
    smtp.start()

    try:
        uvicorn.run(app, host=config.bind, port=config.port, log_config=None, access_log=False)
    finally:
        smtp.stop()


if __name__ == "__main__":
    main()
