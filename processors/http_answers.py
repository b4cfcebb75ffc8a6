"""Contents of answers of other servers, of bounded size. Shell."""

import httpx2


class AnswerTooLarge(Exception):
    """The message says how much is read at the most."""


async def read_bounded(response: httpx2.Response, bytes_max: int) -> bytes:
    """Of an answer that is streamed. Raises `AnswerTooLarge`, and as the client does."""
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > bytes_max:
            raise AnswerTooLarge(f"more than {bytes_max} bytes")
    return bytes(content)
