// The flow between the cards: curves as wide as what flows there. They are placed when the layout
// changes; a frame changes their widths only.
import { $, draw } from "./dom.js";
import { F, B, S } from "./store.js";

let lines = [], due = false;

export function buildLines(world, clients, fronts, backs) {
  $('lines').replaceChildren();
  lines = [];
  const ways = world.backends.map((_, b) => world.frontends.filter((f) => f.to.includes(b)).length);
  for (const [i, f] of world.frontends.entries()) {
    add({ from: clients, to: fronts[i].card, width: (x) => x.frontends[i][F.reqs] });
    for (const b of f.to) {
      // Requests are counted where they come in and where they go, not for each pair: where several
      // frontends lead to a backend, the line says that they may.
      add({ from: fronts[i].card, to: backs[b].card, vague: ways[b] > 1, width: (x) => (ways[b] > 1 ? 0 : x.backends[b][B.reqs]), dead: (x) => !x.backends[b][B.up] });
    }
  }
  for (const b of backs) {
    if (b.many) {
      const at = backs.indexOf(b);
      add({ from: b.card, to: b.grid, width: (x) => x.backends[at][B.reqs], dead: (x) => !x.backends[at][B.up] });
      continue;
    }
    for (const t of b.tiles) {
      add({ from: b.card, to: t.button, width: (x) => x.servers[t.at][S.reqs],
        dead: (x, states) => ['down', 'maint'].includes(states[x.servers[t.at][S.state]]) });
    }
  }
  placeLines();
}

function add(line) {
  line.path = $('lines').appendChild(draw('path'));
  lines.push(line);
}

// placeLines finds the ends of all lines anew, at the next time something is drawn.
export function placeLines() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; place(); });
}

function place() {
  const svg = $('lines'), area = svg.parentElement.getBoundingClientRect();
  svg.setAttribute('viewBox', `0 0 ${area.width} ${area.height}`);
  const ends = lines.map((l) => [l.from.getBoundingClientRect(), l.to.getBoundingClientRect()]);
  for (const [i, [from, to]] of ends.entries()) {
    const hidden = to.width === 0;
    const x1 = from.right - area.left, x2 = to.left - area.left;
    const y1 = from.top - area.top + Math.min(from.height / 2, 44), y2 = to.top - area.top + Math.min(to.height / 2, 44);
    const bend = (x2 - x1) / 2;
    lines[i].path.setAttribute('d', hidden || x2 <= x1 ? '' : `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`);
  }
}
new ResizeObserver(placeLines).observe($('picture'));
document.fonts?.ready.then(placeLines);

export function showLines(frame, states) {
  for (const l of lines) {
    const rate = l.width(frame), dead = Boolean(l.dead && l.dead(frame, states));
    const width = dead ? 1.2 : Math.round((1.2 + Math.log2(1 + rate) * 0.75) * 5) / 5;
    const is = (dead ? 'dead' : rate > 0 ? 'flows' : l.vague ? 'vague' : 'still');
    if (l.wide !== width) { l.wide = width; l.path.style.strokeWidth = width + 'px'; }
    if (l.is !== is) { l.is = is; l.path.setAttribute('class', is); }
  }
}
