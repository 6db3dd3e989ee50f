"""Routes of Gradio that the explorer has no use for, closed."""

from typing import Any

_CLOSED = ("upload", "upload_progress")
"""Gradio takes files from everybody, and keeps them, whether or not a page has anything to upload to."""


class UploadsClosed:
    """An ASGI application before Gradio's, which refuses every upload.

    Args:
        app: what answers all other requests.
    """

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "http" and scope["path"].rstrip("/").rpartition("/")[2] in _CLOSED:
            body = b"This page takes no files."
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": [*headers, (b"connection", b"close")]})
            await send({"type": "http.response.body", "body": body})
            return
        await self.app(scope, receive, send)
