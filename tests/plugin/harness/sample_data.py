"""Slicer's `SampleData` module, as far as the plugin uses it to download an image.

The rules are those of `Modules/Scripted/SampleData/SampleData.py`: a file of the same name that is in the cache already is used again
unless a checksum is given that differs; a checksum has the form `SHA256:<64 hex digits>`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import urllib.request
from typing import Any

import slicer

DIGEST_LENGTHS = {"SHA256": 64}


def extract_algorithm_and_digest(checksum: str | None) -> tuple[str | None, str | None]:
    """Split `SHA256:<digest>`; ValueError for anything else that is not empty."""
    if not checksum:
        return None, None
    parts = checksum.split(":")
    if len(parts) != 2:
        raise ValueError(f"invalid checksum '{checksum}'. Expected format is '<algo>:<digest>'.")
    algorithm, digest = parts
    if algorithm not in DIGEST_LENGTHS:
        raise ValueError(f"invalid algorithm '{algorithm}'. Expected one of {list(DIGEST_LENGTHS)}")
    if len(digest) != DIGEST_LENGTHS[algorithm]:
        raise ValueError(f"invalid digest length {len(digest)}. Expected {DIGEST_LENGTHS[algorithm]}")
    return algorithm, digest


def sha256(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class SampleDataLogic:
    """Downloads files into Slicer's cache folder and loads them."""

    def downloadFromURL(self, uris: Any = None, fileNames: Any = None, nodeNames: Any = None, checksums: Any = None) -> list[Any]:
        """Download one file and load it as a volume named `nodeNames`; a list, as the real one answers."""
        path = self.downloadFileIntoCache(uris, fileNames, checksums)
        node = slicer.util.loadNodeFromFile(path, "VolumeFile", {"name": nodeNames})
        node.SetName(nodeNames)
        return [node]

    def downloadFileIntoCache(self, uri: str, name: str, checksum: str | None = None) -> str:
        folder = slicer.mrmlScene.GetCacheManager().GetRemoteCacheDirectory()
        os.makedirs(folder, exist_ok=True)
        return self.downloadFile(uri, folder, name, checksum)

    def downloadFile(self, uri: str, folder: str, name: str, checksum: str | None = None) -> str:
        """Download unless a file of that name is there (and has the checksum, when one is given).

        Raises:
            ValueError: the download failed, or what came does not have the checksum.
        """
        path = os.path.join(folder, name)
        algorithm, digest = extract_algorithm_and_digest(checksum)
        if os.path.exists(path) and os.stat(path).st_size > 0:
            if algorithm is None or sha256(path) == digest:
                logging.info("File already exists in cache - reusing it: %s", path)
                return path
            logging.info("File already exists in cache but checksum is different - re-downloading it: %s", path)
            os.remove(path)
        try:
            urllib.request.urlretrieve(uri, path)
        except OSError as error:
            raise ValueError(f"Failed to download {uri} to {path}") from error
        if algorithm is not None and sha256(path) != digest:
            raise ValueError(f"Checksum verification failed. Computed checksum {sha256(path)} different from expected checksum {digest}")
        return path
