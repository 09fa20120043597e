"""What every venue client shares: the error tree and the account it acts for.

A *definitive* error is the venue's word. An *unknown* one means that nobody knows whether the venue acted: whoever
sent a write must probe by its own id and may not send again on a guess (design, sections 1 and 5).
"""

from dataclasses import dataclass, field


class VenueError(Exception):
    """A call to a venue went wrong. ``venue`` names it, the message says what failed and what to do."""

    def __init__(self, venue: str, message: str) -> None:
        super().__init__(f"{venue}: {message}")
        self.venue = venue
        self.message = message


class Definitive(VenueError):
    """The venue answered, and the answer is no."""


class Rejected(Definitive):
    """The request was understood and refused (validation, state, funds)."""


class NotFound(Definitive):
    """The venue does not know what was asked for."""


class Unauthorised(Definitive):
    """Credentials, signature, clock or permission were refused."""


class NotSent(Definitive):
    """Nothing left this machine (refused, name not resolved, no free connection): the write did not happen."""


class RateLimited(Definitive):
    """The venue refused for volume. ``retry_after`` is seconds, None when it did not say."""

    def __init__(self, venue: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(venue, message)
        self.retry_after = retry_after


class Unknown(VenueError):
    """Nobody knows whether the venue acted."""


class TimedOut(Unknown):
    """No answer within the deadline."""


class Disconnected(Unknown):
    """The connection broke before the answer was complete."""


class Unreadable(Unknown):
    """An answer came and could not be understood (bad shape, gateway page, 5xx)."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account at one venue. ``secrets`` never leaves the process that uses it and never appears in a repr."""

    account_id: str
    venue: str
    client: str
    endpoints: dict[str, str]
    secrets: dict[str, str] = field(repr=False)
    options: dict[str, str] = field(default_factory=dict)
