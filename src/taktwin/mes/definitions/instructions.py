"""Work instructions: the drafts of the plant folder, and the files that released revisions show.

A file is kept under the SHA-256 of its content, so that it can be kept twice and changed never.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Protocol

from taktwin.errors import StoreError
from taktwin.plant.instructions import FOLDER, Draft, Drafts, read_drafts
from taktwin.plant.registry import Registry


class Files(Protocol):
    """Where the files of released documents lie, by name: `<SHA-256>.<suffix>`."""

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file. Raises StoreError where the disk refuses."""
        ...

    def get(self, name: str) -> bytes | None:
        """Return a file, None where there is none. Raises StoreError if it was damaged."""
        ...


class MemoryFiles:
    """Files in memory."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file."""
        self._kept[name] = content

    def get(self, name: str) -> bytes | None:
        """Return a file, None where there is none."""
        return self._kept.get(name)


class FolderFiles:
    """Files in a folder of the MES."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file, whole or not at all."""
        path, new = self._folder / name, self._folder / f".{name}.new"
        if path.is_file():
            return
        try:
            with new.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error}") from error

    def get(self, name: str) -> bytes | None:
        """Return a file, None where there is none. Raises StoreError if it was damaged."""
        path = self._folder / name
        if Path(name).name != name or name.startswith(".") or not path.is_file():
            return None
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != path.stem:
            raise StoreError(f"{path} was damaged: found SHA-256 {found[:12]}, expected {path.stem[:12]}")
        return content


class DocumentFolder:
    """The work instructions of a plant folder as they are now, and the files of those that were released."""

    def __init__(self, registry: Registry, files: Files) -> None:
        self._registry = registry
        self._folder = Path(registry.folder) / FOLDER
        self.files = files
        self._seen: tuple[tuple[str, int, int], ...] | None = None
        self._drafts = Drafts()

    def drafts(self) -> Drafts:
        """Return the drafts; they are read again when a file of theirs has changed."""
        seen = self._look()
        if seen != self._seen:
            self._drafts = read_drafts(
                self._registry.folder, self._registry.products, self._registry.routings
            )
            self._seen = seen
        return self._drafts

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        if not self._folder.is_dir():
            return ()
        with os.scandir(self._folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
        return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in found))

    def file(self, name: str) -> bytes | None:
        """Return a file of a released revision or of a draft, by `<SHA-256>.<suffix>`; None: there is none.

        Raises StoreError if a kept one was damaged.
        """
        kept = self.files.get(name)
        if kept is not None:
            return kept
        digest = name.partition(".")[0]
        for draft in self.drafts().good.values():
            path = draft.files.get(digest)
            if path is not None and path.is_file():
                content = path.read_bytes()
                return content if hashlib.sha256(content).hexdigest() == digest else None
        return None

    def keep(self, draft: Draft) -> bool:
        """Keep the files of a draft; False if one is no longer what the draft was made of.

        Raises StoreError where the disk refuses.
        """
        for digest, path in draft.files.items():
            content = path.read_bytes() if path.is_file() else b""
            if hashlib.sha256(content).hexdigest() != digest:
                return False
            self.files.keep(f"{digest}{path.suffix}", content)
        return True
