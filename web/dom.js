// Making elements, and changing only what is different.

export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'class') e.className = value; else e.setAttribute(name, value);
  }
  e.append(...children);
  return e;
}

const SVG = 'http://www.w3.org/2000/svg';

export function draw(tag, attributes = {}) {
  const e = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  return e;
}

// A glyph is the shape of a state; set changes it.
export function glyph() {
  const svg = draw('svg', { class: 'glyph', 'aria-hidden': 'true' });
  const use = svg.appendChild(draw('use'));
  let is = '';
  return { svg, set(state) {
    if (state === is) return;
    is = state;
    use.setAttribute('href', '#s-' + state);
  } };
}

// A word is a text that changes; nothing is touched while it stays the same.
export function word() {
  const node = document.createTextNode('');
  return { node, set(text) { if (node.data !== text) node.data = text; } };
}

// tone is a colour of the style sheet, read once for each choice of colours.
let tones = new Map();
export function tone(name) {
  let value = tones.get(name);
  if (value === undefined) tones.set(name, value = getComputedStyle(document.documentElement).getPropertyValue(name));
  return value;
}
addEventListener('themechange', () => { tones = new Map(); });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => dispatchEvent(new Event('themechange')));

// later runs f in a task of its own, behind what is drawn next, so that no task grows long.
export function later(f) { requestAnimationFrame(() => setTimeout(f)); }

// sized makes a canvas as sharp as the screen, and says how wide it is without asking for a layout:
// its width is looked at when it changes. changed is called then.
export function sized(canvas, height, changed) {
  let width = 0;
  new ResizeObserver(([e]) => {
    const now = Math.round(e.contentRect.width);
    if (now === width) return;
    width = now;
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
    if (width) changed();
  }).observe(canvas);
  return () => width;
}

// set gives an attribute a value if it has another one.
export function set(e, name, value) {
  if (e.getAttribute(name) !== value) e.setAttribute(name, value);
}
