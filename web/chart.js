// A chart of the last seconds of a server on a canvas. A point of the drawing is the largest of the
// seconds that share it, so that nothing short is lost.
import { make, word, tone, sized } from "./dom.js";
import { clock } from "./format.js";

const height = 84, pad = 4;

// chart makes one; series are { of, name, tone, fill, dash }.
export function chart(title, series, write) {
  const canvas = make('canvas', { role: 'img', 'aria-label': title }), now = word(), top = word();
  const legend = make('p', {}, now.node);
  const box = make('figure', {}, make('figcaption', {}, make('b', {}, title), legend), make('span', { class: 'top', 'aria-hidden': 'true' }, top.node), canvas);
  let last = null, under = -1;

  function show(past, range, states) {
    last = [past, range, states];
    const width = size();
    if (!width) return;
    const c = canvas.getContext('2d');
    c.clearRect(0, 0, width, height);
    const n = past.state.length, first = Math.max(0, n - range);
    const x = (i) => width * (1 - (n - 1 - i) / (range - 1));
    let most = 1;
    for (const s of series) for (let i = first; i < n; i++) if (past[s.of][i] > most) most = past[s.of][i];
    const y = (v) => height - pad - (height - 2 * pad - 6) * v / most;
    c.fillStyle = tone('--line');
    for (const part of [0, 0.5, 1]) c.fillRect(0, Math.round(y(most * part)), width, 1);
    shade(c, past, first, n, x, states);
    for (const s of series) line(c, s, past[s.of], first, n, x, y, width);
    top.set(write(most));
    const at = under < 0 ? n - 1 : Math.max(first, Math.min(n - 1, Math.round(n - 1 - (1 - under) * (range - 1))));
    if (under >= 0) { c.fillStyle = tone('--muted'); c.fillRect(x(at), 0, 1, height); }
    const text = series.map((s) => s.name + ' ' + (past[s.of][at] < 0 ? '–' : write(past[s.of][at]))).join('  ');
    now.set(under < 0 ? text : clock((past.from + at) * 1000) + '  ' + text);
    // For readers of the screen, once a minute at most by their own asking: the name has the peak.
    const label = title + ': most ' + write(most) + ' in the time shown';
    if (canvas.getAttribute('aria-label') !== label) canvas.setAttribute('aria-label', label);
  }

  function line(c, s, values, first, n, x, y, width) {
    const step = Math.max(1, Math.floor((n - first) / Math.max(width, 1)));
    c.beginPath();
    let open = false, from = 0, to = 0;
    const close = () => {
      if (open && s.fill) fill(c, s, from, to, y(0));
      open = false;
    };
    // Steps begin at multiples of their length, so that peaks do not flicker as time goes on.
    for (let i = first - first % step; i < n; i += step) {
      let v = -1;
      for (let k = Math.max(i, first); k < Math.min(i + step, n); k++) if (values[k] > v) v = values[k];
      if (v < 0) { open = false; continue; }
      const px = x(Math.max(i, first));
      if (open) c.lineTo(px, y(v)); else { c.moveTo(px, y(v)); from = px; }
      open = true; to = px;
    }
    c.strokeStyle = tone(s.tone);
    c.lineWidth = 1.4;
    c.setLineDash(s.dash ? [4, 3] : []);
    c.stroke();
    close();
    c.setLineDash([]);
  }

  function fill(c, s, from, to, base) {
    c.lineTo(to, base); c.lineTo(from, base); c.closePath();
    c.fillStyle = tone(s.tone); c.globalAlpha = 0.12; c.fill(); c.globalAlpha = 1;
  }

  // shade hatches the times in which the server was down or in maintenance.
  function shade(c, past, first, n, x, states) {
    const out = (s) => ['down', 'maint', 'going-up'].includes(states[s]);
    c.strokeStyle = tone('--down'); c.globalAlpha = 0.35; c.lineWidth = 1;
    for (let i = first; i < n; i++) {
      if (!out(past.state[i])) continue;
      let end = i;
      while (end + 1 < n && out(past.state[end + 1])) end++;
      c.save();
      c.beginPath(); c.rect(x(i), 0, Math.max(x(end) - x(i), 1.5), height); c.clip();
      c.beginPath();
      for (let at = Math.floor(x(i) / 6) * 6 - height; at < x(end) + 6; at += 6) { c.moveTo(at, height); c.lineTo(at + height, 0); }
      c.stroke();
      c.restore();
      i = end;
    }
    c.globalAlpha = 1;
  }

  const again = () => { if (last) show(...last); };
  const size = sized(canvas, height, again);
  canvas.addEventListener('pointermove', (e) => { under = e.offsetX / size(); again(); });
  canvas.addEventListener('pointerleave', () => { under = -1; again(); });
  return { box, show, wait() { last = null; now.set(''); canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height); } };
}
