"""How untrusted text is shown in errors, logs and on a terminal."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 200
"""The most characters of one value in a line."""

_UP_TO_AUTHORITY: Final = re.compile(r"[\x00-\x20]*(?:[A-Za-z\t\n\r][A-Za-z0-9+.\-\t\n\r]*:)?[/\\\t\n\r]*")
_AUTHORITY: Final = re.compile(r"[^/\\?#]*")
_HOST_AND_PORT: Final = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::[0-9\t\n\r]*)?")
_HIDDEN: Final = "****"


def printable(text: str, limit: int | None = _LONGEST) -> str:
    r"""Return `text` with control and other unprintable characters escaped, as in `\x1b`.

    Use it for untrusted text that a person will read: header values, paths, close reasons. A control character could
    move the cursor of a terminal, or begin a new line in a log file. Format characters, such as those that reverse the
    direction of writing, and lone surrogates are escaped as well. A text with more than `limit` characters is cut, and
    ends with "…"; None sets no limit.
    """
    if limit is not None and len(text) > limit:
        text = text[:limit] + "…"
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def without_password(url: str) -> str:
    """Return `url` with "****" in place of its password, for errors, logs and `repr()`.

    A user name without a password is replaced as well, because it may be a token. `url` need not be valid: if the end
    of the password is unclear, everything up to the last "@" counts as the password.
    """
    found = _UP_TO_AUTHORITY.match(url)
    start = found.end() if found is not None else 0
    if "@" not in url[start:]:
        return url
    authority = _AUTHORITY.match(url, start)
    end = authority.end() if authority is not None else len(url)
    at = url.rfind("@", start, end)
    if at < 0:
        if _HOST_AND_PORT.fullmatch(url, start, end):
            return url  # the "@" is in the path or in the query
        at = url.rfind("@")  # a password with an unencoded "/", "?" or "#"
    user, colon, _ = url[start:at].partition(":")
    return f"{url[:start]}{user if colon else ''}{colon}{_HIDDEN}{url[at:]}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
