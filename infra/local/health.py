"""Asks services on this machine for their health and status, over HTTP."""

import http.client
import json
from typing import Any

ANSWER_S = 2.0
ANSWER_BYTES_MAX = 1024 * 1024


def is_healthy(address: str, path: str) -> bool:
    """Whether GET `path` at HOST:PORT answers 200."""
    return _get(address, path) is not None


def get_status(address: str, path: str, token: str | None = None) -> dict[str, Any] | None:
    """The JSON object at `path`, None if there is no such answer."""
    body = _get(address, path, token)
    try:
        answer = json.loads(body or b"")
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _get(address: str, path: str, token: str | None = None) -> bytes | None:
    connection = http.client.HTTPConnection(address, timeout=ANSWER_S)
    try:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read(ANSWER_BYTES_MAX)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if response.status == 200 else None
