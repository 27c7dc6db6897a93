// Which questions the plan can answer with the signals that this plant has.

import type { Plant, SignalInfo } from '../../api/types.ts';

export const LAYERS = ['temperature', 'vibration', 'energy', 'people'] as const;
export type Layer = (typeof LAYERS)[number];

const VIBRATION_UNITS = new Set(['mm/s', 'g']);

/** True where a signal belongs on a layer. */
export function isOn(layer: Layer, signal: SignalInfo): boolean {
  switch (layer) {
    case 'temperature':
      return signal.role === 'ambient' && signal.unit === 'Cel';
    case 'vibration':
      return VIBRATION_UNITS.has(signal.unit) && /^float/.test(signal.type);
    case 'energy':
      return signal.role === 'power';
    case 'people':
      return signal.role === 'occupancy';
  }
}

export function layersIn(plant: Plant): Layer[] {
  return LAYERS.filter((layer) => plant.signals.some((signal) => isOn(layer, signal)));
}
