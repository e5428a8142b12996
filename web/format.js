// How figures are written. Times are in microseconds, -1 for none.

const whole = new Intl.NumberFormat('en-US');

export function count(n) {
  if (n < 10000) return whole.format(n);
  if (n < 1e6) return (n / 1e3).toFixed(n < 1e5 ? 1 : 0) + ' k';
  if (n < 1e9) return (n / 1e6).toFixed(1) + ' M';
  return (n / 1e9).toFixed(1) + ' G';
}

export function time(us) {
  if (us < 0) return '–';
  const ms = us / 1000;
  if (ms < 1) return ms.toFixed(2) + ' ms';
  if (ms < 10) return ms.toFixed(1) + ' ms';
  if (ms < 1000) return ms.toFixed(0) + ' ms';
  return (ms / 1000).toFixed(1) + ' s';
}

export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
  return n.toFixed(i && n < 100 ? 1 : 0) + ' ' + units[i];
}

export function age(s) {
  if (s < 60) return s + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min';
  if (s < 86400) return Math.floor(s / 3600) + ' h ' + Math.floor(s % 3600 / 60) + ' min';
  return Math.floor(s / 86400) + ' d ' + Math.floor(s % 86400 / 3600) + ' h';
}

export function share(n) { return (n / 100).toFixed(n < 1000 ? 1 : 0) + ' %'; }

export function clock(ms) { return new Date(ms).toTimeString().slice(0, 8); }
