// The colours that were chosen, before anything is drawn: auto follows the system.
'use strict';
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem('bascule-theme'); } catch { /* storage is forbidden: auto */ }
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
})();
