"""The structures of OPC UA for ISA-95 Job Control V2, and how they go over the wire.

Names, fields, their order and their node ids are those of the companion specification's NodeSet
(2.0.0, 2024-01-31). A structure is packed with the namespace index of the server that it goes to:
the index differs from server to server, so nothing is registered for the whole process.
"""

from __future__ import annotations

import dataclasses
import struct
import types
import typing
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

NAMESPACE = "http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"
_NOTHING = ua.String("")
_ZERO = ua.UInt32(0)
DECIMAL_STRING = ua.NodeId(ua.Int32(12878))


class DecimalString(str):
    """A number as text (OPC 10000-5): what is counted keeps its digits."""


class Structure:
    """One structure: `data_type` and `encoding` are its node ids in the namespace."""

    data_type: ClassVar[int]
    encoding: ClassVar[int]


@dataclass
class ISA95PropertyDataType(Structure):
    """A property of a resource."""

    data_type: ClassVar[int] = 3002
    encoding: ClassVar[int] = 5002
    Encoding: ua.UInt32 = dataclasses.field(default=_ZERO, repr=False, compare=False)
    ID: ua.String = _NOTHING
    Value: ua.Variant = dataclasses.field(default_factory=ua.Variant)
    Description: list[ua.LocalizedText] | None = None
    EngineeringUnits: ua.EUInformation | None = None
    Subproperties: list[ISA95PropertyDataType] | None = None


@dataclass
class ISA95ParameterDataType(Structure):
    """A value that belongs to a job and to no resource."""

    data_type: ClassVar[int] = 3003
    encoding: ClassVar[int] = 5005
    Encoding: ua.UInt32 = dataclasses.field(default=_ZERO, repr=False, compare=False)
    ID: ua.String = _NOTHING
    Value: ua.Variant = dataclasses.field(default_factory=ua.Variant)
    Description: list[ua.LocalizedText] | None = None
    EngineeringUnits: ua.EUInformation | None = None
    Subparameters: list[ISA95ParameterDataType] | None = None


@dataclass
class ISA95EquipmentDataType(Structure):
    """An equipment that a job needs or used."""

    data_type: ClassVar[int] = 3005
    encoding: ClassVar[int] = 5008
    Encoding: ua.UInt32 = dataclasses.field(default=_ZERO, repr=False, compare=False)
    ID: ua.String = _NOTHING
    Description: list[ua.LocalizedText] | None = None
    EquipmentUse: ua.String | None = None
    Quantity: ua.String | None = dataclasses.field(default=None, metadata={"as": DecimalString})
    EngineeringUnits: ua.EUInformation | None = None
    Properties: list[ISA95PropertyDataType] | None = None


@dataclass
class ISA95PersonnelDataType(Structure):
    """A person whom a job needs or who worked on it."""

    data_type: ClassVar[int] = 3011
    encoding: ClassVar[int] = 5020
    Encoding: ua.UInt32 = dataclasses.field(default=_ZERO, repr=False, compare=False)
    ID: ua.String = _NOTHING
    Description: list[ua.LocalizedText] | None = None
    PersonnelUse: ua.String | None = None
    Quantity: ua.String | None = dataclasses.field(default=None, metadata={"as": DecimalString})
    EngineeringUnits: ua.EUInformation | None = None
    Properties: list[ISA95PropertyDataType] | None = None


@dataclass
class ISA95PhysicalAssetDataType(Structure):
    """A thing with a serial number that a job needs or used."""

    data_type: ClassVar[int] = 3012
    encoding: ClassVar[int] = 5023
    Encoding: ua.UInt32 = dataclasses.field(default=_ZERO, repr=False, compare=False)
    ID: ua.String = _NOTHING
    Description: list[ua.LocalizedText] | None = None
    PhysicalAssetUse: ua.String | None = None
    Quantity: ua.String | None = dataclasses.field(default=None, metadata={"as": DecimalString})
    EngineeringUnits: ua.EUInformation | None = None
    Properties: list[ISA95PropertyDataType] | None = None


@dataclass
class ISA95MaterialDataType(Structure):
    """Material that goes into a job or comes out of it."""

    data_type: ClassVar[int] = 3010
    encoding: ClassVar[int] = 5017
    Encoding: ua.UInt32 = dataclasses.field(default=_ZERO, repr=False, compare=False)
    MaterialClassID: ua.String | None = None
    MaterialDefinitionID: ua.String | None = None
    MaterialLotID: ua.String | None = None
    MaterialSublotID: ua.String | None = None
    Description: list[ua.LocalizedText] | None = None
    MaterialUse: ua.String | None = None
    Quantity: ua.String | None = dataclasses.field(default=None, metadata={"as": DecimalString})
    EngineeringUnits: ua.EUInformation | None = None
    Properties: list[ISA95PropertyDataType] | None = None


@dataclass
class ISA95StateDataType(Structure):
    """A state, or with a path the state within it."""

    data_type: ClassVar[int] = 3006
    encoding: ClassVar[int] = 5029
    BrowsePath: ua.RelativePath = dataclasses.field(default_factory=ua.RelativePath)
    StateText: ua.LocalizedText = dataclasses.field(default_factory=ua.LocalizedText)
    StateNumber: ua.UInt32 = _ZERO


@dataclass
class ISA95WorkMasterDataType(Structure):
    """A template of work, and its parameters."""

    data_type: ClassVar[int] = 3007
    encoding: ClassVar[int] = 5011
    Encoding: ua.UInt32 = dataclasses.field(default=_ZERO, repr=False, compare=False)
    ID: ua.String = _NOTHING
    Description: ua.LocalizedText | None = None
    Parameters: list[ISA95ParameterDataType] | None = None


@dataclass
class ISA95JobOrderDataType(Structure):
    """A job order as a machine gets it."""

    data_type: ClassVar[int] = 3008
    encoding: ClassVar[int] = 5014
    Encoding: ua.UInt32 = dataclasses.field(default=_ZERO, repr=False, compare=False)
    JobOrderID: ua.String = _NOTHING
    Description: list[ua.LocalizedText] | None = None
    WorkMasterID: list[ISA95WorkMasterDataType] | None = None
    StartTime: ua.DateTime | None = None
    EndTime: ua.DateTime | None = None
    Priority: ua.Int16 | None = None
    JobOrderParameters: list[ISA95ParameterDataType] | None = None
    PersonnelRequirements: list[ISA95PersonnelDataType] | None = None
    EquipmentRequirements: list[ISA95EquipmentDataType] | None = None
    PhysicalAssetRequirements: list[ISA95PhysicalAssetDataType] | None = None
    MaterialRequirements: list[ISA95MaterialDataType] | None = None


@dataclass
class ISA95JobResponseDataType(Structure):
    """What became of a job order."""

    data_type: ClassVar[int] = 3013
    encoding: ClassVar[int] = 5026
    Encoding: ua.UInt32 = dataclasses.field(default=_ZERO, repr=False, compare=False)
    JobResponseID: ua.String = _NOTHING
    Description: ua.LocalizedText | None = None
    JobOrderID: ua.String = _NOTHING
    StartTime: ua.DateTime | None = None
    EndTime: ua.DateTime | None = None
    JobState: list[ISA95StateDataType] = dataclasses.field(default_factory=list)
    JobResponseData: list[ISA95ParameterDataType] | None = None
    PersonnelActuals: list[ISA95PersonnelDataType] | None = None
    EquipmentActuals: list[ISA95EquipmentDataType] | None = None
    PhysicalAssetActuals: list[ISA95PhysicalAssetDataType] | None = None
    MaterialActuals: list[ISA95MaterialDataType] | None = None


@dataclass
class ISA95JobOrderAndStateDataType(Structure):
    """A job order of the list, with its state."""

    data_type: ClassVar[int] = 3015
    encoding: ClassVar[int] = 5032
    JobOrder: ISA95JobOrderDataType = dataclasses.field(default_factory=ISA95JobOrderDataType)
    State: list[ISA95StateDataType] = dataclasses.field(default_factory=list)


# Each after those that it is made of.
STRUCTURES: tuple[type[Structure], ...] = (
    ISA95PropertyDataType, ISA95ParameterDataType, ISA95EquipmentDataType, ISA95PersonnelDataType,
    ISA95PhysicalAssetDataType, ISA95MaterialDataType, ISA95StateDataType, ISA95WorkMasterDataType,
    ISA95JobOrderDataType, ISA95JobResponseDataType, ISA95JobOrderAndStateDataType,
)  # fmt: skip
_BUILT_IN = {
    ua.String: ua.NodeId(ua.Int32(ua.ObjectIds.String)),
    ua.Int16: ua.NodeId(ua.Int32(ua.ObjectIds.Int16)),
    ua.UInt32: ua.NodeId(ua.Int32(ua.ObjectIds.UInt32)),
    ua.DateTime: ua.NodeId(ua.Int32(ua.ObjectIds.DateTime)),
    ua.LocalizedText: ua.NodeId(ua.Int32(ua.ObjectIds.LocalizedText)),
    ua.Variant: ua.NodeId(ua.Int32(ua.ObjectIds.BaseDataType)),
    ua.EUInformation: ua.NodeId(ua.Int32(ua.ObjectIds.EUInformation)),
    ua.RelativePath: ua.NodeId(ua.Int32(ua.ObjectIds.RelativePath)),
}
S = TypeVar("S", bound=Structure)


class NotThat(ValueError):
    """What came over the wire is no structure of the kind that was expected."""


def packed(value: Structure, namespace: int) -> ua.ExtensionObject:
    """Return a structure as a server of this namespace index takes and says it."""
    return ua.ExtensionObject(
        TypeId=ua.NodeId(ua.Int32(value.encoding), ua.Int16(namespace)),
        Body=ua.ByteString(struct_to_binary(value)),
    )


def unpacked(kind: type[S], found: Any, namespace: int) -> S:
    """Return the structure that came.

    Raises
    ------
    NotThat
        If it is another one, or its bytes are not those of its kind.
    """
    try:
        if isinstance(found, ua.ExtensionObject):
            if found.Body is None or found.TypeId != ua.NodeId(ua.Int32(kind.encoding), ua.Int16(namespace)):
                raise NotThat(f"{found.TypeId.to_string()} is no {kind.__name__}")
            body = found.Body
        elif type(found).__name__ == kind.__name__ and dataclasses.is_dataclass(found):
            body = ua.ByteString(
                struct_to_binary(found)
            )  # a class that this process made of a server's definition
        else:
            raise NotThat(f"{type(found).__name__} is no {kind.__name__}")
        made = struct_from_binary(kind, Buffer(body))
    except NotThat:
        raise
    except (
        ua.UaError,
        struct.error,
        ValueError,
        TypeError,
        IndexError,
        OverflowError,
        RecursionError,
    ) as bad:
        raise NotThat(f"no {kind.__name__}: {bad}") from bad
    return made


def definition(kind: type[Structure], namespace: int) -> ua.StructureDefinition:
    """Return the definition by which a foreign client knows a structure."""
    made = ua.StructureDefinition()
    made.BaseDataType = ua.NodeId(ua.Int32(ua.ObjectIds.Structure))
    made.DefaultEncodingId = ua.NodeId(ua.Int32(kind.encoding), ua.Int16(namespace))
    hints = typing.get_type_hints(kind)
    optional = False
    made.Fields = []
    for each in dataclasses.fields(kind):  # type: ignore[arg-type]
        if each.name == "Encoding":
            continue
        field = ua.StructureField()
        field.Name = each.name
        field.IsOptional = False
        hint = hints[each.name]
        if typing.get_origin(hint) in (typing.Union, types.UnionType):
            hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
            field.IsOptional = optional = True
        field.ValueRank = ua.Int32(-1)
        if typing.get_origin(hint) is list:
            hint = typing.get_args(hint)[0]
            field.ValueRank = ua.Int32(1)
            field.ArrayDimensions = [ua.UInt32(0)]
        if each.metadata.get("as") is DecimalString:
            field.DataType = DECIMAL_STRING
        elif hint in _BUILT_IN:
            field.DataType = _BUILT_IN[hint]
        else:
            field.DataType = ua.NodeId(ua.Int32(hint.data_type), ua.Int16(namespace))
        made.Fields.append(field)
    made.StructureType = (
        ua.StructureType.StructureWithOptionalFields if optional else ua.StructureType.Structure
    )
    return made
