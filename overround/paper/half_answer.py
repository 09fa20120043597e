"""An answer that is lost on its way: the work behind it was done, and the client never learns."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class HalfAnswer(Response):
    """Promises more bytes than it sends and stops: the server then closes the connection in the middle of the body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"ord', "more_body": True})
