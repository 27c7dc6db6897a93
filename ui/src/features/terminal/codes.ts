// What a scanned code is, by its beginning: T- is a tool (T-<kind>-<anything>), everything else a lot.

const TOOL = 'T-';

export const isTool = (code: string): boolean => code.startsWith(TOOL);
