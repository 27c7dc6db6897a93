// The imported drawing as one pale layer: only its outlines are taken, never its colours or scripts.

import { SCALE } from '../../components/geometry.ts';

export interface PaleDrawing {
  shapes: string[];
  transform: string;
}

const n = (element: Element, name: string) => Number(element.getAttribute(name) ?? 0);

function outline(element: Element): string {
  switch (element.localName) {
    case 'path':
      return element.getAttribute('d') ?? '';
    case 'rect': {
      const [x, y, w, h] = [n(element, 'x'), n(element, 'y'), n(element, 'width'), n(element, 'height')];
      return `M${x} ${y}h${w}v${h}h${-w}z`;
    }
    case 'line':
      return `M${n(element, 'x1')} ${n(element, 'y1')}L${n(element, 'x2')} ${n(element, 'y2')}`;
    case 'polyline':
    case 'polygon': {
      const points = (element.getAttribute('points') ?? '').trim();
      return points ? `M${points}${element.localName === 'polygon' ? 'z' : ''}` : '';
    }
    case 'circle':
    case 'ellipse': {
      const rx = element.localName === 'circle' ? n(element, 'r') : n(element, 'rx');
      const ry = element.localName === 'circle' ? rx : n(element, 'ry');
      const [x, y] = [n(element, 'cx') - rx, n(element, 'cy')];
      return `M${x} ${y}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0`;
    }
    default:
      return '';
  }
}

/** Return the outlines of a drawing, or null where it has none. Its own unit is taken for a metre if it is about as large as the floor. */
export function paleDrawing(svg: string, width_m: number, depth_m: number): PaleDrawing | null {
  const root = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
  if (root.localName !== 'svg') return null;
  const shapes = [...root.querySelectorAll('path,rect,line,polyline,polygon,circle,ellipse')]
    .filter((element) => !element.closest('defs,clipPath,mask,pattern,marker,symbol'))
    .map(outline)
    .filter((d) => /^[MmLlHhVvCcSsQqTtAaZz0-9eE+\-.,\s]+$/.test(d));
  if (!shapes.length) return null;
  const box = (root.getAttribute('viewBox') ?? '').split(/[\s,]+/).map(Number);
  const [x, y, w, h] = box.length === 4 && box.every(Number.isFinite) ? box : [0, 0, width_m, depth_m];
  const metres = Math.abs(w! / width_m - 1) < 0.2 && Math.abs(h! / depth_m - 1) < 0.2;
  const transform = metres
    ? `scale(${SCALE})`
    : `scale(${(width_m * SCALE) / w!} ${(depth_m * SCALE) / h!}) translate(${-x!} ${-y!})`;
  return { shapes, transform };
}
