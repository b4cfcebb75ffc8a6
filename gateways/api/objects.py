"""Large contents in a bucket of an S3 server: addresses that hold for minutes, checks, copies.

Users send and fetch by presigned addresses. A presigned PUT is good for exactly one length, type
and checksum, but more than once; so what was checked is a copy under a name that nobody was given.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping
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
ABSENT = ("NoSuchKey", "404", "NotFound", "NoSuchUpload")


class Objects:
    """`public_url`: where users reach the server. Raises Problem while it is away."""

    def __init__(self, settings: BucketSettings, public_url: str | None) -> None:
        self._bucket = settings.bucket
        self._client = _make_client(settings, settings.url)
        self._signer = _make_client(settings, public_url or settings.url)

    def close(self) -> None:
        self._client.close()
        self._signer.close()

    def get_headers(
        self, media_type: str, digest: bytes, *, is_once: bool = False
    ) -> dict[str, str]:
        """What a sender must say besides the length."""
        headers = {"content-type": media_type, "x-amz-checksum-sha256": _encode(digest)}
        return {**headers, "if-none-match": "*"} if is_once else headers

    def presign_put(
        self, key: str, length: int, media_type: str, digest: bytes, *, is_once: bool = False
    ) -> str:
        """Good for exactly this length, and the headers of `get_headers`. `is_once`: not where
        there is an object, if the server knows of such conditions."""
        parameters = {
            "Bucket": self._bucket,
            "Key": key,
            "ContentLength": length,
            "ContentType": media_type,
            "ChecksumSHA256": _encode(digest),
            **({"IfNoneMatch": "*"} if is_once else {}),
        }
        url: str = self._signer.generate_presigned_url("put_object", parameters, ADDRESS_SECONDS)
        return url

    def presign_part(
        self, key: str, multipart_id: str, number: int, length: int, digest: bytes
    ) -> tuple[str, dict[str, str]]:
        """The address of one part, and its headers."""
        parameters = {
            "Bucket": self._bucket,
            "Key": key,
            "UploadId": multipart_id,
            "PartNumber": number,
            "ContentLength": length,
            "ChecksumSHA256": _encode(digest),
        }
        url = self._signer.generate_presigned_url("upload_part", parameters, ADDRESS_SECONDS)
        return url, {"x-amz-checksum-sha256": _encode(digest)}

    async def begin_parts(self, key: str, media_type: str) -> str:
        """The server's name of an upload in parts."""

        def begin() -> str:
            made = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=key, ContentType=media_type
            )
            return str(made["UploadId"])

        return await self._call(begin, "")

    async def list_parts(self, key: str, multipart_id: str) -> dict[int, str]:
        """What the server has: its tags by the numbers of parts."""

        def read() -> dict[int, str]:
            pages = self._client.get_paginator("list_parts").paginate(
                Bucket=self._bucket, Key=key, UploadId=multipart_id
            )
            found = (each for page in pages for each in page.get("Parts", ()))
            return {int(each["PartNumber"]): str(each["ETag"]) for each in found}

        return await self._call(read, {})

    async def join_parts(self, key: str, multipart_id: str, tags: Mapping[int, str]) -> bool:
        """Whether they are one object now. False: the upload is over, one way or the other."""
        parts = [{"PartNumber": number, "ETag": tags[number]} for number in sorted(tags)]

        def join() -> bool:
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=multipart_id,
                MultipartUpload={"Parts": parts},
            )
            return True

        return await self._call(join, False)

    async def drop_parts(self, key: str, multipart_id: str) -> None:
        """Whatever of it is there."""

        def drop() -> None:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=multipart_id)

        await self._call(drop, None)

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
