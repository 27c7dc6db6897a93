// Reads `application/vnd.taktwin.columns`: uint32 LE header length, JSON header, padding to 8, then
// each column raw and little-endian, padded to 8.

export interface Columns {
  header: {
    columns: { name: string; type: 'f64' | 'u8'; length: number }[];
    gaps?: [number, number][];
    [key: string]: unknown;
  };
  f64: Record<string, Float64Array>;
  u8: Record<string, Uint8Array>;
}

const up8 = (n: number) => (n + 7) & ~7;

/** Return the columns as views on the buffer. Throws RangeError where the bytes are too few. */
export function readColumns(buffer: ArrayBuffer): Columns {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(buffer, 4, length));
  const header = JSON.parse(text) as Columns['header'];
  const f64: Columns['f64'] = {};
  const u8: Columns['u8'] = {};
  let at = up8(4 + length);
  for (const column of header.columns) {
    if (column.type === 'f64') {
      f64[column.name] = new Float64Array(buffer, at, column.length);
      at += column.length * 8;
    } else {
      u8[column.name] = new Uint8Array(buffer, at, column.length);
      at += up8(column.length);
    }
  }
  return { header, f64, u8 };
}

interface Part {
  signal: string;
  first: number;
  rows: number;
  gaps: [number, number][];
}

/** Return the curves that an answer holds one after the other, by their signals, as views on it. */
export function partsOf(all: Columns): Map<string, Columns> {
  const parts = (all.header['curves'] ?? []) as Part[];
  return new Map(
    parts.map((part) => {
      const cut = ([name, values]: [string, Float64Array]) => [name, values.subarray(part.first, part.first + part.rows)] as const;
      const f64 = Object.fromEntries(Object.entries(all.f64).map(cut));
      return [part.signal, { header: { columns: all.header.columns, gaps: part.gaps }, f64, u8: {} }];
    }),
  );
}
