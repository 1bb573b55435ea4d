# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The uploaded file: the first one of a browser's form, or the plain body of a request."""

from __future__ import annotations

import email.parser
import email.policy

FORM = "multipart/form-data"


def uploaded(content_type: str, body: bytes) -> str:
    """Return the text of the upload.

    Raises ValueError when a form holds no file or the file is not UTF-8.
    """
    if not content_type.lower().startswith(FORM):
        return body.decode("utf-8")

    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)

    for part in form.iter_parts():
        if part.get_filename():
            content = part.get_payload(decode=True)
            return content.decode("utf-8") if isinstance(content, bytes) else ""

    raise ValueError("the form holds no file")
