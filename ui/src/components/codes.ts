// What a scanned code is, by its beginning: T- is a tool (T-<kind>-<anything>), LOC- a storage place,
// everything else a lot.

const TOOL = 'T-';
const PLACE = 'LOC-';

export const isTool = (code: string): boolean => code.startsWith(TOOL);
export const isPlace = (code: string): boolean => code.startsWith(PLACE);
export const placeOf = (code: string): string => code.slice(PLACE.length);
