// Alarm shapes: square 1, triangle 2, diamond 3. Never colour alone: the form and the number say it too.

const r = 9;

export function shapePath(priority: number, scale = 1): string {
  const s = r * scale;
  if (priority === 1) return `M${-s} ${-s}H${s}V${s}H${-s}Z`;
  if (priority === 2) return `M0 ${-s * 1.15}L${s * 1.18} ${s * 0.95}H${-s * 1.18}Z`;
  return `M0 ${-s * 1.18}L${s * 1.18} 0L0 ${s * 1.18}L${-s * 1.18} 0Z`;
}

/** Where the number's baseline is. */
export function shapeBaseline(priority: number, scale = 1): number {
  return r * scale * (priority === 2 ? 0.6 : 0.42);
}
