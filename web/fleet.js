// The picture: clients, frontends, backends, servers. It is built once for a world; a frame
// changes only the words, glyphs and widths that are different.
import { $, make, glyph, word, set } from "./dom.js";
import { store, F, B, S, emit, servers } from "./store.js";
import { count, time, share } from "./format.js";
import { buildLines, showLines, placeLines } from "./lines.js";

// manyServers of a backend are shown as small tiles, so that a wall has room for them.
const manyServers = 24;

// atOnce is how many servers are drawn in one go: each figure that changes costs a layout of its row,
// and a wall of them in one frame would hold the browser for long.
const atOnce = 25;

const columns = [['rate', 'req/s'], ['p50', 'p50'], ['p99', 'p99'], ['cur', 'sessions'], ['ws', 'sockets'], ['errs', 'errors/s'], ['queue', 'queued'], ['part', 'share']];

let states = [];
let clients = null, fronts = [], backs = [], tiles = [];
let asked = '';
let next = 0, left = 0, drawing = false; // the tile that is drawn next, how many have old figures, whether a frame is asked for

export function buildFleet(world) {
  states = world.states;
  const focus = document.activeElement?.dataset?.key;
  for (const box of [$('clients'), $('fronts'), $('backs')]) while (box.children.length > 1) box.lastChild.remove();
  clients = figures('connected', 'of at most', 'new/s');
  clients.card = make('article', { class: 'card', 'aria-label': 'Clients' }, clients.list);
  $('clients').append(clients.card);
  fronts = world.frontends.map(front);
  backs = world.backends.map(back);
  tiles = [];
  left = 0; // figures of this world come with the next frame
  for (const s of servers(world)) {
    const t = tile(s);
    backs[s.b].grid.append(t.button);
    backs[s.b].tiles.push(t);
    tiles.push(t);
  }
  $('fronts').append(...fronts.map((f) => f.card));
  $('backs').append(...backs.map((b) => b.row));
  buildLines(world, clients.card, fronts, backs);
  find(asked);
  if (focus) document.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
}

// figures is a list of small numbers with their names.
function figures(...names) {
  const list = make('dl', { class: 'figures' });
  const values = {};
  for (const name of names) {
    const value = values[name] = word();
    value.box = make('div', {}, make('dt', {}, name), make('dd', {}, value.node));
    list.append(value.box);
  }
  return { list, values };
}

function front(f) {
  const { list, values } = figures('req/s', 'sessions', 'errors/s');
  const card = make('article', { class: 'card', 'aria-label': 'Frontend ' + f.name },
    make('h3', {}, f.name), make('p', { class: 'note' }, [f.mode, ...f.binds].join(' · ')), list);
  return { card, values };
}

function back(b) {
  const { list, values } = figures('req/s', 'p50', 'p99', 'sessions', 'errors/s', 'queued', 'sockets', 'in use');
  const mark = glyph();
  const many = b.servers.length > manyServers;
  const grid = make('div', { class: 'servers ' + (many ? 'many' : 'rows'), role: 'group', 'aria-label': 'Servers of ' + b.name });
  if (!many) grid.append(make('div', { class: 'heads', 'aria-hidden': 'true' }, ...columns.map(([of, name]) => make('span', { class: of }, name))));
  const card = make('article', { class: 'card', 'aria-label': 'Backend ' + b.name },
    make('h3', {}, mark.svg, b.name), make('p', { class: 'note' }, [b.mode, b.balance].join(' · ')), list);
  return { card, grid, values, mark, tiles: [], row: make('div', { class: 'back' }, card, grid), many };
}

function tile({ at, b, backend, server }) {
  const key = backend.name + '/' + server.name;
  const mark = glyph();
  const status = word(), values = {};
  const cells = columns.map(([of]) => make('span', { class: of }, (values[of] = word()).node));
  const bar = make('i', { 'aria-hidden': 'true' });
  cells.at(-1).append(bar);
  const button = make('button', { type: 'button', class: 'server', 'data-key': key, tabindex: at === 0 ? '0' : '-1' },
    mark.svg, make('b', {}, server.name), make('span', { class: 'status' }, status.node), ...cells);
  button.addEventListener('click', () => emit('select', key));
  return { at, b, key, server, button, mark, status, values, bar, errs: cells[5], queue: cells[6], width: -1, label: '', is: -1 };
}

export function showFleet(frame) {
  clients.values.connected.set(count(frame.proc[0]));
  clients.values['of at most'].set(count(frame.proc[1]));
  clients.values['new/s'].set(count(frame.frontends.reduce((n, f) => n + f[F.conns], 0)));
  for (const [i, f] of frame.frontends.entries()) {
    const v = fronts[i].values;
    v['req/s'].set(count(f[F.reqs]));
    v.sessions.set(count(f[F.cur]));
    v['errors/s'].set(count(f[F.errs]));
    v['errors/s'].box.classList.toggle('bad', f[F.errs] > 0);
  }
  for (const [i, b] of frame.backends.entries()) showBack(backs[i], b);
  showLines(frame, states);
  left = tiles.length;
  if (!drawing) showTiles();
}

// showTiles draws the servers, some in each of the browser's frames. They take turns, so that news
// that come fast keep nobody waiting.
function showTiles() {
  for (let n = Math.min(left, atOnce); n > 0; n--, left--, next++) {
    const t = tiles[next % tiles.length];
    showTile(t, store.frame.servers[t.at]);
  }
  drawing = left > 0;
  if (drawing) requestAnimationFrame(showTiles);
}

function showBack(to, b) {
  const v = to.values;
  to.mark.set(b[B.up] ? 'up' : 'down');
  set(to.card, 'data-state', b[B.up] ? 'up' : 'down');
  v['req/s'].set(count(b[B.reqs]));
  v.p50.set(time(b[B.p50]));
  v.p99.set(time(b[B.p99]));
  v.sessions.set(count(b[B.cur]));
  v['errors/s'].set(count(b[B.errs]));
  v['errors/s'].box.classList.toggle('bad', b[B.errs] > 0);
  v.queued.set(count(b[B.queue]));
  v.queued.box.classList.toggle('bad', b[B.queue] > 0);
  v.sockets.set(count(b[B.ws]));
  v['in use'].set(b[B.usable] + ' of ' + b[B.servers]);
}

function showTile(t, s) {
  const state = states[s[S.state]];
  if (t.is !== s[S.state]) {
    t.is = s[S.state];
    t.mark.set(state);
    t.button.dataset.state = state;
    if (asked) match(t);
  }
  t.status.set(t.server.backup ? s[S.status] + ', backup' : s[S.status]);
  const v = t.values;
  v.rate.set(count(s[S.reqs]));
  describe(t, s);
  if (backs[t.b].many) return; // a tile has no more than that
  v.p50.set(time(s[S.p50]));
  v.p99.set(time(s[S.p99]));
  v.cur.set(count(s[S.cur]));
  v.ws.set(count(s[S.ws]));
  v.errs.set(count(s[S.errs]));
  v.queue.set(count(s[S.queue]));
  v.part.set(share(s[S.share]));
  t.errs.classList.toggle('bad', s[S.errs] > 0);
  t.queue.classList.toggle('bad', s[S.queue] > 0);
  if (t.width !== s[S.share]) {
    t.width = s[S.share];
    t.bar.style.transform = 'scaleX(' + s[S.share] / 10000 + ')';
  }
}

// describe says what a reader of the screen is told: it changes with the state, not with every request.
function describe(t, s) {
  const label = t.key + ', ' + s[S.status] + (t.server.backup ? ', backup' : '');
  if (t.label !== label) { t.label = label; t.button.setAttribute('aria-label', label); }
}

function match(t) {
  const hidden = asked === ':' ? t.is === states.indexOf('up') || t.is === states.indexOf('no-check')
    : Boolean(asked) && !(t.key + ' ' + (states[t.is] || '') + ' ' + t.status.node.data).toLowerCase().includes(asked);
  if (t.button.hidden !== hidden) t.button.hidden = hidden;
}

// find shows the servers whose name or state has a text; ":" those that are not up.
export function find(text) {
  asked = text.trim().toLowerCase();
  const field = $('find');
  if (field.value.trim().toLowerCase() !== asked) field.value = asked;
  for (const t of tiles) match(t);
  rove(visible()[0]);
  placeLines();
}
$('find').addEventListener('input', (e) => find(e.target.value));

// Of all servers one is in the order of Tab; arrows lead to the others.
const visible = () => tiles.filter((t) => !t.button.hidden);
function rove(t) {
  if (!t) return;
  for (const other of tiles) if (other !== t && other.button.tabIndex === 0) other.button.tabIndex = -1;
  t.button.tabIndex = 0;
}
$('backs').addEventListener('focusin', (e) => rove(tiles.find((t) => t.button === e.target)));
$('backs').addEventListener('keydown', (e) => {
  const list = visible(), at = list.findIndex((t) => t.button === e.target);
  if (at < 0) return;
  const box = (t) => t.button.getBoundingClientRect();
  const here = box(list[at]);
  const level = (down) => { // the nearest of the next line
    const rows = list.filter((t) => down ? box(t).top > here.bottom - 1 : box(t).bottom < here.top + 1);
    const top = rows.length && (down ? box(rows[0]).top : box(rows.at(-1)).top);
    return rows.filter((t) => box(t).top === top).sort((a, b) => Math.abs(box(a).left - here.left) - Math.abs(box(b).left - here.left))[0];
  };
  const to = { ArrowRight: () => list[at + 1], ArrowLeft: () => list[at - 1], Home: () => list[0], End: () => list.at(-1),
    ArrowDown: () => level(true), ArrowUp: () => level(false) }[e.key];
  if (!to) return;
  e.preventDefault();
  to()?.button.focus();
});
