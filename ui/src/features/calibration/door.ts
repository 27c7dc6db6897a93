// What this page asks of the portal.

import { get, post } from '../../api/client.ts';
import type { CalibrationBegun, CalibrationEntry, Calibrations, CalibrationSet } from '../../api/types.ts';

const PATH = '/whatif/calibration';
export const STANDARD = 'standard-times';

export const sets = (signal?: AbortSignal) => get<Calibrations>(PATH, {}, signal);
export const set = (name: string, beside: string, signal?: AbortSignal) => get<CalibrationSet>(`${PATH}/${encodeURIComponent(name)}`, { beside }, signal);
export const begin = (days: number) => post<CalibrationBegun>(PATH, { days });
export const use = (calibration: string, instead_of: string, why: string) => post<CalibrationEntry>(`${PATH}/use`, { calibration, instead_of, why });
