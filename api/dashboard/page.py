"""The dashboard at ``/dashboard``: one page and its files. It talks to the API as any other client does.

No build step, nothing from elsewhere: the headers forbid the browser to load, run or call anything but this origin.
"""

import mimetypes
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}
mimetypes.add_type("text/javascript", ".js")  # machines disagree, and a browser runs no module of another type


class Files(StaticFiles):
    """Static files, each answer with the page's headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


async def _page() -> FileResponse:
    return FileResponse(STATIC / "index.html", headers=HEADERS)


def install(app: FastAPI) -> None:
    """Serve the page at ``/dashboard`` and its files below it."""
    app.add_api_route("/dashboard", _page, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/dashboard/static", Files(directory=STATIC), name="dashboard")
