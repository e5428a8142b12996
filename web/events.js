// The time line: a strip of the last hour with a mark for each event, and the list.
import { $, make, glyph, tone, sized, later } from "./dom.js";
import { emit } from "./store.js";
import { clock } from "./format.js";

const shown = 200, hour = 3600e3;
let list = [], drawn = 0;

// What an event looks like: the glyph of the state that it tells of.
const looks = { 'server-up': 'up', 'server-ready': 'up', 'backend-up': 'up', 'server-down': 'down', 'backend-down': 'down', 'server-felled': 'down',
  'server-maint': 'maint', 'server-drain': 'drain', 'server-drained': 'drain', 'server-stopping': 'drain', 'reload-refused': 'down' };
const look = (e) => looks[e.kind] || (e.level <= 4 ? 'going-down' : 'no-check');

export function showEvents(frame) {
  const known = new Set(list.slice(-shown).map((e) => e.id + e.time));
  for (const e of frame.events || []) {
    if (known.has(e.id + e.time)) continue; // after a reconnection they come again
    e.at = Date.parse(e.time);
    list.push(e);
    $('events').prepend(row(e));
    drawn = 0;
  }
  while ($('events').childElementCount > shown) $('events').lastChild.remove();
  list = list.filter((e) => frame.now - e.at < hour).slice(-1024);
  // The strip moves by a pixel every few seconds; more often is not seen.
  if (frame.now - drawn >= 5000) { drawn = frame.now; later(strip); }
}

function row(e) {
  const mark = glyph();
  mark.set(look(e));
  const item = make('li', { 'data-state': look(e) }, make('time', { datetime: e.time }, clock(e.at)), mark.svg);
  const key = e.server && e.proxy + '/' + e.server;
  if (!key) { item.append(make('span', {}, e.text)); return item; }
  const link = make('button', { type: 'button' }, key);
  link.addEventListener('click', () => emit('select', key));
  item.append(link, make('span', {}, e.text));
  return item;
}

const height = 44;
const size = sized($('strip'), height, () => strip());

function strip() {
  const c = $('strip').getContext('2d'), width = size(), now = drawn;
  if (!width || !now) return;
  c.clearRect(0, 0, width, height);
  const x = (at) => width * (1 - (now - at) / hour);
  c.fillStyle = c.strokeStyle = tone('--line');
  c.fillRect(0, height - 14, width, 1);
  c.fillStyle = tone('--muted');
  c.font = '11px system-ui, sans-serif';
  for (let m = 15; m < 60; m += 15) {
    const at = x(now - m * 60e3);
    c.fillRect(at, height - 14, 1, 4);
    c.textAlign = 'center';
    c.fillText('−' + m + ' min', at, height - 1);
  }
  c.textAlign = 'right';
  c.fillText('now', width, height - 1);
  const tones = { up: '--up', down: '--down', maint: '--muted', drain: '--warn', 'going-down': '--warn', 'no-check': '--muted' };
  for (const e of list) {
    const is = look(e), tall = is === 'down' ? 18 : 10;
    c.fillStyle = tone(tones[is]);
    if (is === 'up') { c.beginPath(); c.arc(x(e.at), height - 20, 3, 0, 7); c.fill(); } else c.fillRect(x(e.at) - 1, height - 14 - tall, 2, tall);
  }
}
addEventListener('themechange', () => later(strip));
