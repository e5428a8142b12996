// Actions on the server that is shown. Each asks first, and says what became of it.
import { $ } from "./dom.js";
import { current } from "./detail.js";
import { uri, S } from "./store.js";

const texts = {
  drain: ['Drain', 'New users go to other servers. With a deadline users of a cookie are moved at their pauses, WebSockets are closed in turn, and what is left at its end is cut.'],
  maint: ['Maintenance', 'The server gets no requests and no checks from now on; requests under way may end.'],
  ready: ['Ready', 'The server leaves drain or maintenance, and is used as soon as its checks allow it.'],
  weight: ['Weight', 'Its part of new requests changes at once; where keys are placed by weight, some of them move.'],
};
let order = null, busy = false;
function wait(is) { busy = is; $('ask-yes').setAttribute('aria-busy', String(is)); }

$('orders').addEventListener('click', (e) => {
  const action = e.target.dataset.order, of = current();
  if (!action || !of?.figures || $('ask').open) return;
  order = { action, key: of.key };
  $('ask-title').textContent = texts[action][0] + ': ' + of.key;
  $('ask-text').textContent = texts[action][1];
  $('ask-outcome').textContent = '';
  $('ask-yes').textContent = texts[action][0] + ' ' + of.key;
  $('ask-weight').value = of.figures[S.weight];
  for (const field of document.querySelectorAll('#ask .field')) field.hidden = field.dataset.for !== action;
  $('ask').showModal();
  const field = document.querySelector('#ask .field:not([hidden]) input');
  (field || $('ask-no')).focus();
  field?.select();
});

$('ask-no').addEventListener('click', () => $('ask').close());

$('ask').querySelector('form').addEventListener('submit', (e) => {
  e.preventDefault();
  if (busy) return;
  wait(true);
  const cut = order.key.indexOf('/');
  const body = new URLSearchParams({ action: order.action, backend: order.key.slice(0, cut), server: order.key.slice(cut + 1) });
  if (order.action === 'drain') body.set('deadline', $('ask-deadline').value.trim());
  if (order.action === 'weight') body.set('weight', $('ask-weight').value.trim());
  fetch(uri + ';act', { method: 'POST', body, credentials: 'same-origin' }).then((r) => r.json()).then((a) => {
    if (a.ok) $('ask').close(); else $('ask-outcome').textContent = a.text;
  }).catch(() => { $('ask-outcome').textContent = 'No answer: it is not known whether it was done. See the time line.'; }).finally(() => wait(false));
});
