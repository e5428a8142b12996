// Keys: / finds, Escape closes or clears.
import { $ } from "./dom.js";
import { find } from "./fleet.js";
import { close } from "./detail.js";

addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]')) return;
  const typing = e.target instanceof HTMLInputElement;
  if (e.key === '/' && !typing) { e.preventDefault(); $('find').focus(); $('find').select(); }
  if (e.key !== 'Escape') return;
  if (!$('detail').hidden) close(); else if ($('find').value) { find(''); $('picture').focus(); }
});
