"""People: what proves who they are, what they may do, where they work."""

from __future__ import annotations

from typing import ClassVar

from taktwin.contracts.commands.envelope import CommandData
from taktwin.contracts.commands.proving import Proving


class SetCredentials(Proving, frozen=True, kw_only=True):
    """Give a person a PIN, a badge, a printed name; what is left empty stays as it is."""

    command_name: ClassVar[str] = "person.credentials"
    printed_name: str = ""
    withdraw: bool = False  # nobody can prove any more to be this person


class GrantCertificate(CommandData, frozen=True, kw_only=True):
    """Grant a certificate of a skill, or renew it. `version` is the one that was seen; 0 = none."""

    command_name: ClassVar[str] = "certificate.grant"
    person: str
    skill: str
    valid_until_ns: int
    version: int = 0


class RevokeCertificate(CommandData, frozen=True, kw_only=True):
    """Take a certificate away before its end."""

    command_name: ClassVar[str] = "certificate.revoke"
    person: str
    skill: str
    cause: str
    version: int


class LogOn(Proving, frozen=True, kw_only=True):
    """Log a person on at a work unit, by badge or by number and PIN."""

    command_name: ClassVar[str] = "labour.log_on"
    work_unit: str


class LogOff(CommandData, frozen=True, kw_only=True):
    """Log a person off: at a work unit, or wherever they are."""

    command_name: ClassVar[str] = "labour.log_off"
    person: str
    work_unit: str = ""


class StartIndirect(CommandData, frozen=True, kw_only=True):
    """Let a person who is logged on do something that is no work on an order."""

    command_name: ClassVar[str] = "labour.indirect"
    person: str
    activity: str
    work_unit: str = ""
