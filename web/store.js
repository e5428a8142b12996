// What is known of the fleet: the world (names, who leads where) and the frame (figures).

export const uri = location.origin + document.documentElement.dataset.uri;

export const store = { world: null, frame: null };

// The places of figures in a frame's arrays.
export const F = { cur: 0, reqs: 1, conns: 2, errs: 3, total: 4 };
export const B = { up: 0, cur: 1, reqs: 2, errs: 3, p50: 4, p99: 5, queue: 6, ws: 7, usable: 8, servers: 9 };
export const S = { state: 0, status: 1, cur: 2, reqs: 3, errs: 4, p50: 5, p99: 6, queue: 7, ws: 8, weight: 9, share: 10, since: 11, check: 12, left: 13 };

const listeners = { world: [], frame: [], select: [] };

export function on(kind, f) { listeners[kind].push(f); }
export function emit(kind, value) { for (const f of listeners[kind]) f(value); }

// servers gives each server of the world with the place of its figures.
export function* servers(world) {
  let at = 0;
  for (const [b, backend] of world.backends.entries()) {
    for (const server of backend.servers) yield { at: at++, backend, b, server };
  }
}

// follow keeps the stream open: the browser comes again by itself, unless it was refused.
export function follow(said) {
  let source = null;
  const open = () => {
    source = new EventSource(uri + ';events');
    source.addEventListener('world', (e) => { store.world = JSON.parse(e.data); emit('world', store.world); });
    source.addEventListener('frame', (e) => { store.frame = JSON.parse(e.data); said('live'); emit('frame', store.frame); });
    source.addEventListener('bye', (e) => said(JSON.parse(e.data) === 'stop' ? 'stop' : 'again'));
    source.onerror = () => {
      said('again');
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(open, 2000);
    };
  };
  open();
  addEventListener('pagehide', () => source.close());
  addEventListener('pageshow', (e) => { if (e.persisted) open(); });
}
