// One server: its facts, its last hour, and for those who may, its actions.
import { $, make, glyph, word, later } from "./dom.js";
import { store, on, uri, servers, S } from "./store.js";
import { age, count, share, time } from "./format.js";
import { chart } from "./chart.js";

let key = '', from = null, past = null, range = 300;

const mark = glyph(), status = word();
$('detail-state').append(mark.svg, make('span', {}, status.node));

const facts = ['Requests', 'p50 / p99', 'Sessions', 'WebSockets', 'Queued', 'Errors', 'Weight', 'Share', 'In this state for', 'Last check', 'Address'];
const values = {};
for (const name of facts) {
  values[name] = word();
  $('facts').append(make('div', {}, make('dt', {}, name), make('dd', {}, values[name].node)));
}

const charts = [
  chart('Requests per second', [{ of: 'reqs', name: 'requests', tone: '--accent', fill: true }], count),
  chart('Response time', [{ of: 'p50', name: 'p50', tone: '--accent' }, { of: 'p99', name: 'p99', tone: '--text', dash: true }], time),
  chart('Sessions', [{ of: 'cur', name: 'all', tone: '--accent', fill: true }, { of: 'sockets', name: 'WebSockets', tone: '--text', dash: true }], count),
  chart('Errors per second', [{ of: 'errs', name: 'errors', tone: '--down', fill: true }], count),
  chart('Queued', [{ of: 'queue', name: 'requests', tone: '--warn', fill: true }], count),
];
$('charts').append(...charts.map((c) => c.box));

// find gives the server that is selected, and where its figures are.
function selected() {
  for (const s of servers(store.world)) if (s.backend.name + '/' + s.server.name === key) return s;
  return null;
}
export function current() { return key && { key, figures: store.frame.servers[selected()?.at] }; }

export function open(to) {
  if (!$('detail').hidden && key === to) { close(); return; }
  if ($('detail').hidden) from = document.activeElement;
  key = to;
  past = null;
  $('detail').hidden = false;
  $('detail-title').textContent = key;
  document.body.classList.add('detailed');
  show();
  for (const c of charts) c.wait();
  $('detail').focus();
  fetch(uri + ';history=' + encodeURIComponent(to), { credentials: 'same-origin' }).then((r) => (r.ok ? r.json() : null)).then((p) => {
    if (key !== to || !p || !p.state) return;
    past = p;
    plot();
  }).catch(() => { /* the stream says that the process is gone */ });
}

export function close() {
  if ($('detail').hidden) return;
  key = '';
  $('detail').hidden = true;
  document.body.classList.remove('detailed');
  if (from?.isConnected) from.focus();
}

function show() {
  const s = selected(), f = s && store.frame.servers[s.at];
  if (!f) { status.set('not in the configuration any more'); mark.set('no-check'); return; }
  mark.set(store.world.states[f[S.state]]);
  $('detail-state').dataset.state = store.world.states[f[S.state]];
  status.set(f[S.status] + (f[S.left] ? ', ' + age(Math.ceil(f[S.left] / 1000)) + ' left' : ''));
  values.Requests.set(count(f[S.reqs]) + '/s');
  values['p50 / p99'].set(time(f[S.p50]) + ' / ' + time(f[S.p99]));
  values.Sessions.set(count(f[S.cur]));
  values.WebSockets.set(count(f[S.ws]));
  values.Queued.set(count(f[S.queue]));
  values.Errors.set(count(f[S.errs]) + '/s');
  values.Weight.set(String(f[S.weight]));
  values.Share.set(share(f[S.share]) + (s.backend.hash ? ' of the keys' : ' by weight'));
  values['In this state for'].set(age(f[S.since]));
  values['Last check'].set(f[S.check] || 'none');
  values.Address.set(s.server.addr || 'not shown');
}

// append adds the second of a frame to what was fetched.
function append(frame) {
  const s = selected(), f = s && frame.servers[s.at];
  if (!past || !f) return;
  const second = Math.floor(frame.now / 1000);
  while (past.from + past.state.length <= second) {
    past.state.push(f[S.state]);
    for (const [name, at] of [['reqs', S.reqs], ['errs', S.errs], ['cur', S.cur], ['queue', S.queue], ['sockets', S.ws], ['p50', S.p50], ['p99', S.p99]]) past[name].push(f[at]);
  }
  const old = past.state.length - 3600;
  if (old > 0) {
    for (const name of ['state', 'reqs', 'errs', 'cur', 'queue', 'sockets', 'p50', 'p99']) past[name].splice(0, old);
    past.from += old;
  }
}

function plot() {
  if (past) for (const c of charts) c.show(past, range, store.world.states);
}

on('select', open);
on('frame', (frame) => { if (key) { append(frame); show(); later(plot); } });
on('world', () => { if (key) show(); });
$('detail-close').addEventListener('click', close);
$('range').addEventListener('click', (e) => {
  if (!e.target.dataset.range) return;
  range = Number(e.target.dataset.range);
  $('axis-from').textContent = e.target.textContent + ' ago';
  for (const b of $('range').children) b.setAttribute('aria-pressed', String(b === e.target));
  plot();
});
addEventListener('themechange', () => later(plot));
