"""Who may ask."""

from __future__ import annotations

import hmac

_SCHEME = "bearer"


def is_allowed(authorization: str | None, api_key: str | None) -> bool:
    """Whether an `Authorization` header has the key, compared in a time that tells nothing of the key.

    Args:
        api_key: None lets everybody in.

    Example:
        >>> is_allowed("Bearer secret", "secret"), is_allowed(None, "secret"), is_allowed(None, None)
        (True, False, True)
    """
    if api_key is None:
        return True
    scheme, _, given = (authorization or "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), api_key.encode())
    return same and scheme.lower() == _SCHEME
