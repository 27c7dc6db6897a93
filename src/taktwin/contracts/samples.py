"""`_sample_v1`: one scan of one work unit through one connector, as MessagePack columns.

`(connector, work unit, epoch_ns, sequence)` is the idempotency key; the work unit stands in the
subject. Values keep their type bit for bit: integers up to 64 bits, NaN and Inf, text, bytes, lists.

`as_of_ns` is what the connector vouches for: *every* value of this work unit that it has sent was
still true at that instant (the subscription was alive, the poll answered). A scan without columns
is a pure confirmation. A source that cannot vouch (a sensor that just publishes) leaves it out,
and then only the expected period of each signal tells its age.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Value: TypeAlias = bool | int | float | str | bytes | list[Any] | None


class Scan(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One message on the sample road. Field names on the wire are the short ones."""

    registry: str = msgspec.field(name="r")  # first 12 hex digits of the registry's hash
    connector: str = msgspec.field(name="c")  # name of the connection
    epoch_ns: int = msgspec.field(name="e")  # when this connector started; a restart is a new epoch
    sequence: int = msgspec.field(name="n")  # 1, 2, 3, ... per (connector, work unit, epoch)
    t0_ns: int = msgspec.field(name="t0")  # plant time to which dt_ns adds
    signals: list[int] = msgspec.field(name="i", default_factory=list)  # registry index
    dt_ns: list[int] = msgspec.field(
        name="dt", default_factory=list
    )  # source time minus t0_ns, may be negative
    values: list[Any] = msgspec.field(name="v", default_factory=list)
    qualities: list[int] | None = msgspec.field(name="q", default=None)  # absent: all Good
    as_of_ns: int | None = msgspec.field(name="a", default=None)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Scan)


def encode(scan: Scan) -> bytes:
    """Return the wire form of a scan."""
    return _encoder.encode(scan)


def decode(payload: bytes) -> Scan:
    """Return the scan of a payload.

    Raises
    ------
    msgspec.DecodeError
        If the payload is not a scan; the caller sends the bytes to quarantine with the reason.
    ValueError
        If the columns differ in length.
    """
    scan = _decoder.decode(payload)
    n = len(scan.signals)
    if (
        len(scan.dt_ns) != n
        or len(scan.values) != n
        or (scan.qualities is not None and len(scan.qualities) != n)
    ):
        raise ValueError(f"columns of different length: i {n}, dt {len(scan.dt_ns)}, v {len(scan.values)}")
    return scan
