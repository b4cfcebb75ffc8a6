"""A bucket of any S3 server: put, get, list. Shell.

It relies on nothing but bytes under names: not on conditional puts, versions or metadata, which
some servers lack.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from schemas.settings import BucketSettings

CONNECT_S, ANSWER_S = 3.0, 30.0
TRIES = 4
CONNECTIONS = 16
ABSENT = ("NoSuchKey", "404", "NotFound")
REFUSED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket")


class ArchiveUnavailable(Exception):
    """The server does not do it now; the message says which and why. It may do so later."""


class ArchiveRefused(ArchiveUnavailable):
    """The server refuses our key or does not know the bucket: the settings need to be looked at."""


class ObjectMissing(Exception):
    """There is no object of that name."""


class Bucket:
    """`settings` say where. Its methods may be called from several threads."""

    def __init__(self, settings: BucketSettings) -> None:
        # A third of a second and 30 MB, which a node that only names its archive can do without.
        import boto3
        from botocore.config import Config

        self.name = settings.name
        self._bucket = settings.bucket
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.url,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key.reveal(),
            config=Config(
                connect_timeout=CONNECT_S,
                read_timeout=ANSWER_S,
                retries={"mode": "standard", "total_max_attempts": TRIES},
                max_pool_connections=CONNECTIONS,
                s3={"addressing_style": "path"},
                # Some servers answer parts of objects with the checksum of the whole.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                proxies={},
            ),
        )

    def close(self) -> None:
        self._client.close()

    def put(self, key: str, data: bytes) -> None:
        """Raises `ArchiveUnavailable`."""
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data)
        except (BotoCoreError, ClientError) as error:
            raise self._explain(error) from None

    def get(self, key: str, size_max: int) -> bytes:
        """Raises `ObjectMissing`, also for one of more than `size_max` bytes, which it does not
        read, and `ArchiveUnavailable`."""
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
            if found["ContentLength"] > size_max:
                found["Body"].close()
                raise ObjectMissing(f"{self.name}/{key} is larger than {size_max} bytes")
            data: bytes = found["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                raise ObjectMissing(f"{self.name}/{key} is not there") from None
            raise self._explain(error) from None
        except BotoCoreError as error:
            raise self._explain(error) from None
        return data

    def has(self, key: str) -> bool:
        """Raises `ArchiveUnavailable`."""
        return self.list(key, count=1) == [key]

    def list(self, prefix: str, after: str = "", count: int = 1000) -> list[str]:
        """Up to `count` (at most 1000) names that begin with `prefix` and come after `after`, in
        ascending order: one call. Raises `ArchiveUnavailable`."""
        try:
            found = self._client.list_objects_v2(
                Bucket=self._bucket, Prefix=prefix, StartAfter=after, MaxKeys=count
            )
        except (BotoCoreError, ClientError) as error:
            raise self._explain(error) from None
        return [each["Key"] for each in found.get("Contents", ())]

    def _explain(self, error: BotoCoreError | ClientError) -> ArchiveUnavailable:
        if isinstance(error, ClientError):
            code = error.response["Error"]["Code"]
            if code in REFUSED:
                return ArchiveRefused(f"{self.name}: {code}: check the bucket and the key")
            return ArchiveUnavailable(f"{self.name}: {code}")
        return ArchiveUnavailable(f"{self.name}: {type(error).__name__}: check that it runs")
