// A faint drawing for each kind of machine, so that a plan can be read without its names.

type Draw = (x: number, y: number, w: number, h: number) => string;

const circle = (cx: number, cy: number, r: number) => `M${cx - r} ${cy}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

const turning: Draw = (x, y, w, h) => `M${x + w * 0.3} ${y + 6}h${w * 0.4}v${h * 0.34}h${-w * 0.4}z`;
const gear: Draw = (x, y, w, h) => circle(x + w / 2, y + h * 0.3, h * 0.2) + circle(x + w / 2, y + h * 0.3, h * 0.08);
const chambers: Draw = (x, y, w, h) =>
  Array.from({ length: Math.max(1, Math.floor((w - 8) / 22)) }, (_, k) => `M${x + 14 + k * 22} ${y + 7}v${Math.max(3, h * 0.5 - 8)}`).join('');
const robot: Draw = (x, y, w, h) =>
  `M${x + w * 0.28} ${y + h * 0.52}l${w * 0.18} ${-h * 0.28}l${w * 0.24} ${h * 0.12}` + circle(x + w * 0.28, y + h * 0.52, 3);
const press: Draw = (x, y, w, h) => `M${x + w / 2} ${y + 5}v${h * 0.2}m${-w * 0.16} 0h${w * 0.32}m${-w * 0.24} ${h * 0.16}h${w * 0.16}`;
const screw: Draw = (x, y, w, h) =>
  `M${x + w / 2} ${y + 5}v${h * 0.36}m-5 ${-h * 0.26}h10m-10 ${h * 0.12}h10m-10 ${h * 0.12}h10`;
const scope: Draw = (x, y, w, h) =>
  `M${x + 8} ${y + 6}h${w - 16}v${h * 0.36}h${16 - w}zM${x + 12} ${y + h * 0.3}l${w * 0.12} ${-h * 0.09} ${w * 0.12} ${h * 0.12} ${w * 0.12} ${-h * 0.16} ${w * 0.12} ${h * 0.12}`;
const eye: Draw = (x, y, w, h) =>
  `M${x + w * 0.28} ${y + h * 0.3}q${w * 0.22} ${-h * 0.34} ${w * 0.44} 0q${-w * 0.22} ${h * 0.34} ${-w * 0.44} 0` + circle(x + w / 2, y + h * 0.3, 3);
const drum: Draw = (x, y, w, h) => circle(x + w * 0.5, y + h * 0.3, h * 0.19) + `M${x + w * 0.5} ${y + h * 0.13}v${h * 0.34}M${x + w * 0.5 - h * 0.17} ${y + h * 0.3}h${h * 0.34}`;
const box: Draw = (x, y, w, h) => `M${x + w * 0.34} ${y + 7}h${w * 0.32}v${h * 0.34}h${-w * 0.32}zM${x + w * 0.34} ${y + 7 + h * 0.11}h${w * 0.32}M${x + w / 2} ${y + 7}v${h * 0.11}`;
const waves: Draw = (x, y, w, h) =>
  [0.2, 0.34].map((f) => `M${x + w * 0.28} ${y + h * f}q${w * 0.055} ${-h * 0.1} ${w * 0.11} 0t${w * 0.11} 0t${w * 0.11} 0t${w * 0.11} 0`).join('');

const BY_WORD: [RegExp, Draw][] = [
  [/lathe|turn|mill|cnc/, turning],
  [/hob|gear|grind|deburr/, gear],
  [/furnace|oven|heat/, chambers],
  [/adhesive|glue|dispens|load|robot/, robot],
  [/press/, press],
  [/tight|screw/, screw],
  [/leak|eol|test|end_of_line/, scope],
  [/vision|camera/, eye],
  [/compress|pump|hvac|fan|chill/, drum],
  [/pack/, box],
  [/wash/, waves],
  [/meter/, scope],
];

export function glyphOf(classId: string, x: number, y: number, w: number, h: number): string {
  return BY_WORD.find(([pattern]) => pattern.test(classId))?.[1](x, y, w, h) ?? '';
}
