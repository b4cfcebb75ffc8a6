"""Large contents in a bucket of an S3 server: addresses that hold for minutes, checks, copies.

Users send and fetch by presigned addresses. A presigned PUT is good for exactly one length, type
and checksum, but more than once; so what was checked is a copy under a name that nobody was given.
"""

import asyncio
import base64
from collections.abc import Callable
from hashlib import sha256
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from gateways.api.problems import DOCUMENTS_UNAVAILABLE
from gateways.http.problems import Problem
from schemas.settings import BucketSettings

Result = TypeVar("Result")
ADDRESS_SECONDS = 300
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 30.0
CONNECTIONS = 16
PIECE_BYTES = 256 * 1024
ABSENT = ("NoSuchKey", "404", "NotFound")


class Documents:
    """`public_url`: where users reach the server. Raises Problem while it is away."""

    def __init__(self, settings: BucketSettings, public_url: str | None) -> None:
        self._bucket = settings.bucket
        self._client = _make_client(settings, settings.url)
        self._signer = _make_client(settings, public_url or settings.url)

    def close(self) -> None:
        self._client.close()
        self._signer.close()

    def get_headers(self, media_type: str, digest: bytes) -> dict[str, str]:
        """What a sender must say besides the length."""
        return {"content-type": media_type, "x-amz-checksum-sha256": _encode(digest)}

    def presign_put(self, key: str, length: int, media_type: str, digest: bytes) -> str:
        """Good for exactly this length, and the headers of `get_headers`."""
        parameters = {
            "Bucket": self._bucket,
            "Key": key,
            "ContentLength": length,
            "ContentType": media_type,
            "ChecksumSHA256": _encode(digest),
        }
        url: str = self._signer.generate_presigned_url("put_object", parameters, ADDRESS_SECONDS)
        return url

    def presign_get(self, key: str) -> str:
        """The answer is for saving, whatever its type: nothing runs in a browser."""
        parameters = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentDisposition": "attachment",
        }
        url: str = self._signer.generate_presigned_url("get_object", parameters, ADDRESS_SECONDS)
        return url

    async def copy(self, source: str, target: str) -> bool:
        """Whether there was a source."""

        def copy() -> bool:
            origin = {"Bucket": self._bucket, "Key": source}
            self._client.copy_object(Bucket=self._bucket, Key=target, CopySource=origin)
            return True

        return await self._call(copy, False)

    async def compute_digest(self, key: str, length: int) -> bytes:
        """SHA-256 of the object; empty if it is not there or has another length."""

        def compute() -> bytes:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
            body = found["Body"]
            try:
                if found["ContentLength"] != length:
                    return b""
                digest = sha256()
                for piece in body.iter_chunks(PIECE_BYTES):
                    digest.update(piece)
                return digest.digest()
            finally:
                body.close()

        return await self._call(compute, b"")

    async def delete(self, *keys: str) -> None:
        """Those that are there."""

        def delete() -> None:
            for key in keys:
                self._client.delete_object(Bucket=self._bucket, Key=key)

        await self._call(delete, None)

    async def _call(self, call: Callable[[], Result], absent: Result) -> Result:
        """In a thread. `absent`: the answer where there is no such object."""
        try:
            return await asyncio.to_thread(call)
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return absent
            code = error.response["Error"]["Code"]
            raise Problem(DOCUMENTS_UNAVAILABLE, f"the S3 server answers {code}") from error
        except BotoCoreError as error:
            raise Problem(DOCUMENTS_UNAVAILABLE, type(error).__name__) from error


def _encode(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _make_client(settings: BucketSettings, url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key.reveal(),
        config=Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=CONNECTIONS,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            proxies={},
        ),
    )
