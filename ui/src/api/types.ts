// The portal's shapes by the names that the page uses. They are generated: `npm run types` reads
// openapi.json, which `python -m taktwin.portal.openapi` writes.

import type { components } from './schema.d.ts';

type Schemas = components['schemas'];

export type Plant = Schemas['PlantModel'];
export type Floor = Schemas['Floor'];
export type Zone = Schemas['ZoneModel'];
export type EquipmentInfo = Schemas['EquipmentModel'];
export type SignalInfo = Schemas['SignalModel'];
export type LimitInfo = Schemas['LimitModel'];
export type ConnectionInfo = Schemas['ConnectionModel'];
export type BufferInfo = Schemas['BufferModel'];
export type SupplyInfo = Schemas['SupplyModel'];
export type AssetInfo = Schemas['AssetModel'];
export type ShiftInfo = Schemas['ShiftModel'];
export type Me = Schemas['MeModel'];
export type HopStatistics = Schemas['HopModel'];
export type ConnectionHops = Schemas['ConnectionHops'];
export type ConnectorHealth = Schemas['ConnectionHealthModel'];
export type ProcessInfo = Schemas['ProcessModel'];
export type QuarantineEntry = Schemas['RefusedModel'];
export type SystemDocument = Schemas['SystemModel'];
export type UnitDocument = Schemas['UnitModel'];
export type UnitPage = Schemas['UnitPage'];
export type TimelineInterval = Schemas['IntervalModel'];
export type Timeline = Schemas['Timeline'];
export type StoredValue = Schemas['StoredValue'];
export type Origin = Schemas['Origin'];
export type SignalHops = Schemas['SignalHops'];
export type AlarmDocument = Schemas['AlarmModel'];
export type JournalEntry = Schemas['JournalEntry'];
export type AlarmHealth = Schemas['AlarmHealth'];
export type Bar = Schemas['Bar'];
export type SearchResult = Schemas['Found'];
export type Board = Schemas['BoardModel'];
export type BoardLine = Schemas['LineModel'];
export type Job = Schemas['JobModel'];
export type TerminalDocument = Schemas['TerminalModel'];
export type LotHere = Schemas['LotHere'];
export type SerialPage = Schemas['SerialPage'];
export type Eaten = Schemas['EatenModel'];
export type Granted = Schemas['Granted'];
export type Injections = Schemas['Injections'];
export type InjectionKind = Schemas['InjectionKind'];
export type ActiveInjection = Schemas['ActiveInjection'];
export type LiveSnapshot = Schemas['LiveSnapshot'];
export type LiveFrame = Schemas['LiveFrame'];
export type LiveHeartbeat = Schemas['LiveHeartbeat'];
export type LiveTwin = Schemas['LiveTwin'];
export type LiveProblem = Schemas['LiveProblem'];
export type LiveHops = Schemas['LiveHops'];
export type ConnectionState = Schemas['ConnectionState'];
export type BufferState = Schemas['BufferState'];
export type Freshness = Schemas['Fresh'];
