"""Models on disk: one file a version, never changed but for its stage, and which one is live.

A version is named by the end of its data and the hash of what was learnt. It begins in the shadow: it
predicts, and nothing rests on it. A person promotes it by name; the one before retires and stays readable.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from taktwin.contracts.analyst import VersionDocument
from taktwin.errors import DomainError
from taktwin.instants import rfc3339

SHADOW, LIVE, RETIRED = "shadow", "live", "retired"
HASH_DIGITS = 12
log = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the store."""

    about: VersionDocument
    state: dict[str, Any]
    state_hash: str


class NotPromoted(DomainError):
    """A version that does not go live: in which field what was found, and what would be right."""

    def __init__(self, code: str, place: str, found: str, right: str) -> None:
        """Say it in one line; `code`: unknown, conflict or invalid."""
        super().__init__(f"promote: {place}: found {found}, expected {right}")
        self.code, self.place, self.found, self.right = code, place, found, right


def digest(state: Mapping[str, Any]) -> str:
    """Return the hash of what was learnt."""
    return hashlib.sha256(msgspec.json.encode(state, order="deterministic")).hexdigest()


class ModelStore:
    """The versions of all models in a folder."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, made if absent."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def versions(self, model: str) -> list[Kept]:
        """Return what there is of a model, the oldest first; what was cut or changed by hand is passed
        over."""
        found = []
        for path in sorted((self._folder / model).glob("*.json")):
            try:
                kept = msgspec.json.decode(path.read_bytes(), type=Kept)
            except (OSError, msgspec.DecodeError) as wrong:
                log.warning("%s is passed over: %s", path.name, wrong)
                continue
            if digest(kept.state) != kept.state_hash:
                log.warning("%s is passed over: its content is not what its hash says", path.name)
                continue
            found.append(kept)
        return found

    def live(self, model: str) -> Kept | None:
        """Return the version that a person let go live; None: none was."""
        return next((each for each in reversed(self.versions(model)) if each.about.stage == LIVE), None)

    def newest(self, model: str) -> Kept | None:
        """Return the version that was made last."""
        return next(iter(reversed(self.versions(model))), None)

    def add(self, about: VersionDocument, state: dict[str, Any]) -> Kept:
        """Keep a new version in the shadow, and return it; the same again is the one that is there."""
        found = digest(state)
        end = rfc3339(about.data_to_ns)[:19].replace("-", "").replace(":", "")
        version = f"{end}Z-{found[:HASH_DIGITS]}"
        for each in self.versions(about.model):
            if each.about.version == version:
                return each
        about = msgspec.structs.replace(about, version=version, stage=SHADOW, promoted_by="", promoted_ns=0,
                                        promoted_why="")  # fmt: skip
        kept = Kept(about=about, state=state, state_hash=found)
        self._write(kept)
        return kept

    def promote(
        self, model: str, version: str, *, person: str, now_ns: int, code_version: str,
        instead_of: str | None = None, why: str = "",
    ) -> Kept:  # fmt: skip
        """Let a version go live under a person's name; one that is live already stays as it is.

        Parameters
        ----------
        code_version : of the model as it is built in: what other code learnt cannot be used
        instead_of : the live version that the person saw, "" where none was; None: whichever it is

        Raises
        ------
        NotPromoted
            If nobody says it, there is no such version, other code learnt it, or another one is live.
        """
        if not person.strip():
            raise NotPromoted("invalid", "person", "nobody", "the name of the person who decides")
        known = self.versions(model)
        wanted = next((each for each in known if each.about.version == version), None)
        if wanted is None:
            told = ", ".join(each.about.version for each in known) or "none: the model has not learnt yet"
            raise NotPromoted("unknown", "version", version or "nothing", told)
        if wanted.about.stage == LIVE:
            return wanted
        if wanted.about.code_version != code_version:
            found = f"{version}, learnt by code {wanted.about.code_version}"
            raise NotPromoted("invalid", "version", found, f"one that was learnt by code {code_version}")
        there = next((each.about.version for each in reversed(known) if each.about.stage == LIVE), "")
        if instead_of is not None and instead_of != there:
            found = f"{there or 'none'} is live"
            raise NotPromoted("conflict", "instead_of", found, "the version that is live now")
        live = msgspec.structs.replace(wanted.about, stage=LIVE, promoted_by=person, promoted_ns=now_ns,
                                       promoted_why=why)  # fmt: skip
        new = msgspec.structs.replace(wanted, about=live)
        self._write(new)  # first: two that are live for an instant are better than none
        for each in known:
            if each.about.stage == LIVE and each.about.version != version:
                retired = msgspec.structs.replace(each.about, stage=RETIRED)
                self._write(msgspec.structs.replace(each, about=retired))
        return new

    def _write(self, kept: Kept) -> None:
        path = self._folder / kept.about.model / f"{kept.about.version}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1))
        part.replace(path)
