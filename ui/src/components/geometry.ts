// Metres of the plant to units of the drawing, and what lies where on it.

import type { EquipmentInfo, Plant, SignalInfo } from '../api/types.ts';

/** Units of the drawing per metre: at 1:1 a letter of 13 is a letter of 13 px. */
export const SCALE = 12;

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}
export interface Machine extends Box {
  info: EquipmentInfo;
}
export interface Point {
  x: number;
  y: number;
}

export function machinesOf(plant: Plant): Machine[] {
  const placed = plant.equipment.filter((e) => e.level === 'WorkUnit' && e.x_m !== null && e.y_m !== null);
  return placed.map((info) => ({
    info,
    w: info.width_m * SCALE,
    h: info.depth_m * SCALE,
    x: info.x_m! * SCALE - (info.width_m * SCALE) / 2,
    y: info.y_m! * SCALE - (info.depth_m * SCALE) / 2,
  }));
}

export function polygonPath(polygon: [number, number][]): string {
  return polygon.map(([x, y], k) => `${k ? 'L' : 'M'}${x * SCALE} ${y * SCALE}`).join('') + 'Z';
}

/** Where a signal is measured: its own place, or its side of its zone, or its equipment. */
export function placeOf(plant: Plant, signal: SignalInfo): Point | null {
  if (signal.x_m !== null && signal.x_m !== undefined && signal.y_m !== null && signal.y_m !== undefined) {
    return { x: signal.x_m * SCALE, y: signal.y_m * SCALE };
  }
  const owner = plant.equipment.find((e) => e.id === signal.equipment);
  const zone = plant.zones.find((z) => z.id === signal.equipment || z.id === owner?.zone);
  if (zone && owner?.level !== 'WorkUnit') {
    const xs = zone.polygon.map((p) => p[0]);
    const ys = zone.polygon.map((p) => p[1]);
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const words = signal.path.toLowerCase();
    const x = /west/.test(words) ? x0 + 2 : /east/.test(words) ? x1 - 2 : (x0 + x1) / 2;
    const y = /north/.test(words) ? y0 + 3 : /south/.test(words) ? y1 - 2 : (y0 + y1) / 2;
    return { x: x * SCALE, y: y * SCALE };
  }
  if (owner && owner.x_m !== null && owner.y_m !== null) return { x: owner.x_m * SCALE, y: owner.y_m * SCALE };
  return null;
}

/**
 * A field between sensors by inverse distance weighting: what lies between them, not a claim beyond.
 * The weights depend on the places alone, so that a new picture costs one sum a sensor and cell.
 */
export class FieldGrid {
  private readonly nx: number;
  private readonly ny: number;
  private readonly weights: Float32Array[];

  constructor(
    sensors: Point[],
    private readonly width: number,
    private readonly depth: number,
    private readonly step = 12,
  ) {
    this.nx = Math.ceil(width / step) + 1;
    this.ny = Math.ceil(depth / step) + 1;
    this.weights = sensors.map((sensor) => {
      const weights = new Float32Array(this.nx * this.ny);
      for (let j = 0; j < this.ny; j += 1) {
        for (let i = 0; i < this.nx; i += 1) {
          const dx = Math.min(i * step, width) - sensor.x;
          const dy = Math.min(j * step, depth) - sensor.y;
          weights[j * this.nx + i] = 1 / (dx * dx + dy * dy + 900) ** 1.6;
        }
      }
      return weights;
    });
  }

  /** The field of the sensors that have a value; null leaves one out. */
  values(readings: (number | null)[]): Float32Array {
    const sum = new Float32Array(this.nx * this.ny);
    const total = new Float32Array(this.nx * this.ny);
    readings.forEach((value, s) => {
      if (value === null) return;
      const weights = this.weights[s]!;
      for (let k = 0; k < sum.length; k += 1) {
        sum[k]! += weights[k]! * value;
        total[k]! += weights[k]!;
      }
    });
    for (let k = 0; k < sum.length; k += 1) sum[k]! /= total[k]!;
    return sum;
  }

  /** Marching squares: the area at or above a threshold, and its border. */
  contour(field: Float32Array, threshold: number): { area: string; line: string } {
    const { nx, ny, step, width, depth } = this;
    let area = '';
    let line = '';
    for (let j = 0; j < ny - 1; j += 1) {
      for (let i = 0; i < nx - 1; i += 1) {
        const a = j * nx + i;
        const v = [field[a]! - threshold, field[a + 1]! - threshold, field[a + nx + 1]! - threshold, field[a + nx]! - threshold];
        const above = Number(v[0]! >= 0) + Number(v[1]! >= 0) + Number(v[2]! >= 0) + Number(v[3]! >= 0);
        if (above === 0) continue;
        const [x0, y0] = [i * step, j * step];
        const [x1, y1] = [Math.min(x0 + step, width), Math.min(y0 + step, depth)];
        if (above === 4) {
          area += `M${x0} ${y0}H${x1}V${y1}H${x0}Z`;
          continue;
        }
        const p: [number, number][] = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
        const inside: string[] = [];
        const cut: string[] = [];
        for (let k = 0; k < 4; k += 1) {
          const n = (k + 1) % 4;
          if (v[k]! >= 0) inside.push(`${p[k]![0]} ${p[k]![1]}`);
          if (v[k]! >= 0 !== v[n]! >= 0) {
            const f = v[k]! / (v[k]! - v[n]!);
            const q = `${(p[k]![0] + f * (p[n]![0] - p[k]![0])).toFixed(1)} ${(p[k]![1] + f * (p[n]![1] - p[k]![1])).toFixed(1)}`;
            inside.push(q);
            cut.push(q);
          }
        }
        if (inside.length > 2) area += `M${inside.join('L')}Z`;
        if (cut.length >= 2) line += `M${cut[0]}L${cut[1]}`;
        if (cut.length === 4) line += `M${cut[2]}L${cut[3]}`;
      }
    }
    return { area, line };
  }
}

function overlap(a: Box, b: Box): number {
  const w = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const h = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  return w > 0 && h > 0 ? w * h : 0;
}

/** The place for a callout that covers least of what is there already. */
export function roomFor(target: Point, w: number, h: number, taken: Box[], bounds: Box): Box {
  let best: Box = { x: target.x + 40, y: target.y - h - 30, w, h };
  let least = Infinity;
  for (const distance of [46, 84, 130]) {
    for (let k = 0; k < 16; k += 1) {
      const angle = (k / 16) * 2 * Math.PI;
      const cx = target.x + Math.cos(angle) * (distance + w / 2);
      const cy = target.y + Math.sin(angle) * (distance + h / 2);
      const box = { x: cx - w / 2, y: cy - h / 2, w, h };
      const outside = w * h - overlap(box, bounds);
      const cost = taken.reduce((sum, other) => sum + overlap(box, other), 0) + outside * 3 + distance * 6;
      if (cost < least) {
        least = cost;
        best = box;
      }
    }
  }
  return best;
}

/** The nearest machine in a direction: arrows walk the floor. */
export function neighbour(machines: Machine[], from: Machine, key: string): Machine | null {
  const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key] ?? [0, 0];
  let best: Machine | null = null;
  let least = Infinity;
  for (const other of machines) {
    if (other === from) continue;
    const x = other.x + other.w / 2 - from.x - from.w / 2;
    const y = other.y + other.h / 2 - from.y - from.h / 2;
    const ahead = x * dx! + y * dy!;
    if (ahead <= 1) continue;
    const aside = Math.abs(x * dy!) + Math.abs(y * dx!);
    const cost = ahead + aside * 2.2;
    if (cost < least) {
      least = cost;
      best = other;
    }
  }
  return best;
}
