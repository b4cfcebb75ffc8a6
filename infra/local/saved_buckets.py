"""Every bucket in a backup, and back."""

from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from infra.local.rows import Report

CHUNK_BYTES = 1024 * 1024


def download_buckets(client: Any, folder: Path, report: Report) -> None:
    """Each object is a file whose name is its key, escaped."""
    for bucket in client.list_buckets()["Buckets"]:
        home = folder / bucket["Name"]
        home.mkdir(mode=0o700)
        count = 0
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"])
        for page in pages:
            for each in page.get("Contents", ()):
                found = client.get_object(Bucket=bucket["Name"], Key=each["Key"])
                with (home / quote(each["Key"], safe="")).open("wb") as file:
                    for chunk in found["Body"].iter_chunks(CHUNK_BYTES):
                        file.write(chunk)
                count += 1
        report(f"saved bucket {bucket['Name']}: {count} objects")


def upload_buckets(client: Any, folder: Path, report: Report) -> None:
    """Into the buckets of the same names, which are made if need be."""
    known = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for home in sorted(folder.iterdir()):
        if home.name not in known:
            client.create_bucket(Bucket=home.name)
        files = sorted(home.iterdir())
        for file in files:
            with file.open("rb") as body:
                client.put_object(Bucket=home.name, Key=unquote(file.name), Body=body)
        report(f"restored bucket {home.name}: {len(files)} objects")
