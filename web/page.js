import { $, make, set, word } from "./dom.js";
import { store, follow, on, F, B, S } from "./store.js";
import { count, bytes, time, age } from "./format.js";
import { buildFleet, showFleet, find } from "./fleet.js";
import { showEvents } from "./events.js";
import "./detail.js";
import "./keys.js";

// The line at the top: whether what is seen is true now.
const words = { wait: 'connecting', live: 'live', again: 'reconnecting', stop: 'the process has stopped' };
let fresh = 0;
function said(is) {
  if (is === 'live') fresh = performance.now();
  set($('link'), 'data-is', is);
  if ($('link-word').textContent !== words[is]) $('link-word').textContent = words[is];
  document.body.classList.toggle('stale', is === 'again' || is === 'stop');
}
// A stream that says nothing for three frames is not live, whatever the browser thinks.
setInterval(() => { if ($('link').dataset.is === 'live' && performance.now() - fresh > 3500) said('again'); }, 1000);

const sums = [
  ['Requests/s', (f) => count(total(f.frontends, F.reqs))],
  ['Errors/s', (f) => count(total(f.frontends, F.errs)), (f) => total(f.frontends, F.errs) > 0],
  ['p50, slowest backend', (f) => time(worst(f.backends, B.p50))],
  ['p99, slowest backend', (f) => time(worst(f.backends, B.p99))],
  ['Queued', (f) => count(total(f.backends, B.queue)), (f) => total(f.backends, B.queue) > 0],
  ['WebSockets', (f) => count(total(f.backends, B.ws))],
  ['Sent/s', (f) => bytes(f.proc[2])],
  ['Loops busy', (f) => (100 - f.proc[3]) + ' %'],
];
const total = (rows, at) => rows.reduce((n, r) => n + r[at], 0);
const worst = (rows, at) => rows.reduce((n, r) => Math.max(n, r[at]), -1);

for (const s of sums) {
  s.value = word();
  s.box = make('div', {}, make('dt', {}, s[0]), make('dd', {}, s.value.node));
  $('sum').append(s.box);
}

function showSums(f) {
  for (const s of sums) {
    s.value.set(s[1](f));
    if (s[2]) s.box.classList.toggle('bad', s[2](f));
  }
}

// How many servers are not as they should be; the button shows those alone.
const attention = make('button', { type: 'button' });
$('attention').append(attention);
attention.addEventListener('click', () => find(':'));
function showAttention(f) {
  const quiet = new Set([store.world.states.indexOf('up'), store.world.states.indexOf('no-check')]);
  const n = f.servers.reduce((n, s) => n + (quiet.has(s[S.state]) ? 0 : 1), 0);
  const text = n === 1 ? '1 server is not up' : n + ' of ' + f.servers.length + ' servers are not up';
  if (attention.textContent !== text) attention.textContent = text;
  $('attention').hidden = n === 0;
  const title = (n ? '(' + n + ') ' : '') + document.title.replace(/^\(\d+\) /, '');
  if (document.title !== title) document.title = title;
}

// What the page shows, and to whom.
const where = word();
$('where').append(where.node);
function showWhere(f) {
  const w = store.world;
  where.set([w.node, w.desc, w.version, 'up ' + age(Math.max(0, Math.floor(f.now / 1000) - w.start)), w.user && 'as ' + w.user, w.admin ? '' : 'read only'].filter(Boolean).join(' · '));
}

on('world', buildFleet);
on('frame', (f) => {
  showWhere(f);
  showSums(f);
  showAttention(f);
  showFleet(f);
  showEvents(f);
});

// Light, dark, or as the system has it.
const themes = ['auto', 'light', 'dark'];
const themeNow = () => document.documentElement.dataset.theme || 'auto';
function showTheme() {
  const is = themeNow();
  $('theme').querySelector('use').setAttribute('href', '#i-' + is);
  $('theme-word').textContent = is[0].toUpperCase() + is.slice(1);
  $('theme').setAttribute('aria-label', 'Colours: ' + is);
}
$('theme').addEventListener('click', () => {
  const next = themes[(themes.indexOf(themeNow()) + 1) % themes.length];
  if (next === 'auto') delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = next;
  try { localStorage.setItem('bascule-theme', next); } catch { /* storage is forbidden: until the page is closed */ }
  showTheme();
  dispatchEvent(new Event('themechange'));
});
showTheme();

follow(said);
