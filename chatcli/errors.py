"""What can go wrong, in the user's words.

    ChatError                 two lines: what happened (message), what to do (hint)
    ├── NotFound              a session or message that is not there             exit 1
    ├── UsageError            a flag, an argument or a prompt is wrong           exit 2
    │   └── ConfigError       the config file is wrong                           exit 2
    ├── StoreError            the store failed                                   exit 3
    │   ├── StoreUnavailable  it takes nothing now, or does not let us in
    │   │   └── StoreAway     it does not answer, or somebody keeps it locked
    │   └── Conflict          another writer changed the session meanwhile
    └── ModelError            the model failed                                   exit 4
        ├── BadKey            the key is missing, wrong or not allowed
        ├── UnknownModel      the endpoint does not know the model
        ├── ContextTooLong    more tokens than the model takes
        ├── RateLimited       too many requests, or the quota is used up
        ├── ServerError       the endpoint failed (5xx)
        ├── Unreachable       refused connection, DNS, network
        ├── TimedOut          no answer within the timeout
        ├── BadRequest        the endpoint refused the request for another reason
        │   └── NoImages      the model takes no images
        └── BrokenStream      the reply stopped half-way or was no reply

An error is translated once, where it is born, and shown in two places: the command line and the chat's
turn. Its text holds no secret; text of servers in it is neutralised where it is shown.
"""


class ChatError(Exception):
    """Anything the user is told about: `message` says what happened, `hint` what to do."""

    exit_code = 1

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotFound(ChatError):
    """A session, turn or message that is not there."""


class UsageError(ChatError):
    """A flag, an argument, a variable or a prompt is wrong; nothing was done."""

    exit_code = 2


class ConfigError(UsageError):
    """The config file is wrong; the message names the file and the key."""


class StoreError(ChatError):
    """The store failed."""

    exit_code = 3


class StoreUnavailable(StoreError):
    """The store takes nothing: it cannot be reached, its disk is full, or it does not let us in."""


class StoreAway(StoreUnavailable):
    """The store does not answer, or somebody keeps it locked: it may be there again in a moment."""


class Conflict(StoreError):
    """Another writer changed the session between our look and our write; nothing was written."""


class ModelError(ChatError):
    """The model failed to answer."""

    exit_code = 4


class BadKey(ModelError):
    """The endpoint's key is missing, wrong, or not allowed to do this."""


class UnknownModel(ModelError):
    """The endpoint does not know this model."""


class ContextTooLong(ModelError):
    """The request holds more tokens than the model takes; `limit` is how many it does, if the endpoint said so."""

    limit: int | None = None


class RateLimited(ModelError):
    """Too many requests, or the quota is used up."""


class ServerError(ModelError):
    """The endpoint failed on its side."""


class Unreachable(ModelError):
    """There is no connection to the endpoint."""


class TimedOut(ModelError):
    """The endpoint did not answer within the timeout."""


class BadRequest(ModelError):
    """The endpoint refused the request."""


class NoImages(BadRequest):
    """The model takes no images, and the request has some."""

    HINT = "choose one that does: --model NAME, in a chat /model NAME"


class BrokenStream(ModelError):
    """The reply was cut half-way, or was not a reply at all."""
