// What travels on the WebSocket /api/v1/live; the shapes are generated from the portal's models.

import type {
  LiveFrame, LiveHeartbeat, LiveHops, LiveProblem, LiveSnapshot, LiveTwin,
} from '../api/types.ts';

export type { BufferState, ConnectionState, Freshness } from '../api/types.ts';
/** Live and replay come from the server; ahead is one run of a simulation, which the page plays by itself. */
export type Mode = LiveSnapshot['mode'] | 'ahead';
export type Value = LiveSnapshot['v'][number];
export type Snapshot = LiveSnapshot;
/** The lists of documents come only with what changed. */
export type Frame = LiveFrame;
export type Heartbeat = LiveHeartbeat;
export type TwinState = LiveTwin;
export type ServerMessage = LiveSnapshot | LiveFrame | LiveHeartbeat | LiveTwin | LiveProblem | LiveHops;
