package fleet

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// API is an API server: stateless but for copies of what Redis holds, so that any
// server can answer any request.
type API struct {
	name     string
	log      *slog.Logger
	mux      *http.ServeMux
	store    *store
	sessions *sessions
	rooms    *rooms
	since    time.Time
	counts   counts
	hears    atomic.Bool // what other servers publish: it is subscribed

	ctx    context.Context // ends with the server: WebSockets and goroutines follow
	cancel context.CancelFunc
	mu     sync.Mutex     // orders hold before or after the end of ctx
	done   sync.WaitGroup // goroutines and WebSockets
}

// counts are numbers since the start; sockets is of now.
type counts struct {
	requests, logins, upgradesLocal, upgradesRedis, restLocal, restRedis, refused atomic.Int64
	sockets, stored, again, gaps, delivered                                       atomic.Int64
}

// APIStats is the reply of /api/v1/stats: numbers since the start of this server, but
// for WebSockets and LocalSessions, which are of now.
type APIStats struct {
	Server   string  `json:"server"`
	Seconds  float64 `json:"seconds"`
	Requests int64   `json:"requests"`
	Logins   int64   `json:"logins"`
	// Upgrades of users who logged in on this server needed no Redis round trip, the
	// others one; so with REST requests.
	UpgradesLocal int64 `json:"upgrades_local"`
	UpgradesRedis int64 `json:"upgrades_redis"`
	RESTLocal     int64 `json:"rest_local"`
	RESTRedis     int64 `json:"rest_redis"`
	Refused       int64 `json:"refused"` // without a valid session
	WebSockets    int64 `json:"websockets"`
	Stored        int64 `json:"stored"`    // messages
	Again         int64 `json:"again"`     // messages that came again and were stored before
	Gaps          int64 `json:"gaps"`      // messages refused because numbers were skipped
	Delivered     int64 `json:"delivered"` // message frames to members
	LocalSessions int   `json:"local_sessions"`
	RedisTrips    int64 `json:"redis_trips"`
}

//go:embed site.html
var site []byte

// NewAPI makes an API server that keeps its state in the Redis at redisAddr. It works
// without Redis as far as that goes: /api/v1/health answers, logins get 503.
func NewAPI(name, redisAddr string, log *slog.Logger) *API {
	a := &API{name: name, log: log, mux: http.NewServeMux(), store: newStore(redisAddr), since: time.Now()}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.sessions = newSessions(name, a.store)
	a.rooms = newRooms(a.ctx, a.store, log)
	a.routes()
	a.done.Add(1)
	// Ends with a.ctx.
	go func() { defer a.done.Done(); a.listen() }()
	return a
}

func (a *API) routes() {
	a.mux.HandleFunc("GET /health", a.health)
	a.mux.HandleFunc("GET /api/v1/health", a.health)
	a.mux.HandleFunc("GET /api/v1/stats", a.stats)
	a.mux.HandleFunc("POST /api/v1/login", a.login)
	a.mux.HandleFunc("POST /api/v1/logout", a.logout)
	a.mux.HandleFunc("GET /api/v1/tracks", tracks)
	a.mux.HandleFunc("GET /api/v1/me", a.rest(a.me))
	a.mux.HandleFunc("POST /api/v1/plays", a.rest(a.play))
	a.mux.HandleFunc("GET /api/v1/plays", a.rest(a.plays))
	a.mux.HandleFunc("PUT /api/v1/playlists/{name}", a.rest(a.putPlaylist))
	a.mux.HandleFunc("GET /api/v1/playlists/{name}", a.rest(a.playlist))
	a.mux.HandleFunc("GET /api/v1/content", content)
	a.mux.HandleFunc("GET /api/v1/ops/{run}", a.executions)
	a.mux.HandleFunc("POST /api/v1/ops/{run}/{id}", a.postOp)
	a.mux.HandleFunc("PUT /api/v1/ops/{run}/{id}", a.putOp)
	a.mux.HandleFunc("DELETE /api/v1/ops/{run}/{id}", a.deleteOp)
	a.mux.HandleFunc("GET /api/v1/rooms/{room}/messages", a.rest(a.messages))
	a.mux.HandleFunc("GET /api/v1/rooms/{room}/presence", a.rest(a.presence))
	a.mux.HandleFunc("GET /api/v1/rooms/{room}/chat", a.chat)
	a.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(site)
	})
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.counts.requests.Add(1)
	a.mux.ServeHTTP(w, r)
}

// hold makes Close wait for the caller's a.done.Done, or says that the server ends.
func (a *API) hold() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx.Err() != nil {
		return false
	}
	a.done.Add(1)
	return true
}

// Close ends the WebSockets with a Close frame and everything that runs in the
// background, and waits for both. A WebSocket that is asked for afterwards gets 503.
func (a *API) Close() {
	a.mu.Lock()
	a.cancel()
	a.mu.Unlock()
	a.done.Wait()
	a.rooms.done.Wait()
	a.store.close()
}

// listen hears what other servers publish, until the server ends.
func (a *API) listen() {
	sub := a.store.rdb.Subscribe(a.ctx, channelChat, channelLogout)
	// Receive does not end with its context, but with its connection.
	defer context.AfterFunc(a.ctx, func() { sub.Close() })()
	missed := true // words, while there was no subscription
	for a.ctx.Err() == nil {
		word, err := sub.Receive(a.ctx)
		switch word := word.(type) {
		case *redis.Subscription:
			if missed { // look everywhere, and believe no copy
				a.sessions.forgetAll()
				a.rooms.look("")
			}
			missed = missed && word.Channel != channelLogout // the later of the two
			a.hears.Store(!missed)
		case *redis.Message:
			a.hear(word)
		}
		if err != nil {
			missed = true
			a.hears.Store(false)
			select {
			case <-a.ctx.Done():
			case <-time.After(lookAgain):
			}
		}
	}
}

// hear acts on a word of another server.
func (a *API) hear(word *redis.Message) {
	switch word.Channel {
	case channelChat:
		a.rooms.look(word.Payload)
	case channelLogout:
		a.sessions.forget(word.Payload)
	}
}

// health says that the process answers. It does not ask Redis: a Redis that is away
// must not take all servers down at once.
func (a *API) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "server": a.name})
}

// rest lets only users in, and counts how they were found.
func (a *API) rest(next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, how, ok := a.authenticate(w, r)
		if !ok {
			return
		}
		count(how, &a.counts.restLocal, &a.counts.restRedis)
		next(w, r, found)
	}
}

// authenticate finds the session of a request or answers 401 or 503 itself.
func (a *API) authenticate(w http.ResponseWriter, r *http.Request) (session, string, bool) {
	found, how, err := a.sessions.find(r)
	switch {
	case errors.Is(err, errNoSession):
		a.counts.refused.Add(1)
		refuse(w, http.StatusUnauthorized, "%v", err)
	case err != nil:
		a.unavailable(w, err)
	}
	return found, how, err == nil
}

// unavailable answers for a Redis that does not.
func (a *API) unavailable(w http.ResponseWriter, err error) {
	a.log.Warn("Redis does not answer", "error", err)
	refuse(w, http.StatusServiceUnavailable, "%v", err)
}

func count(how string, local, redis *atomic.Int64) {
	if how == authLocal {
		local.Add(1)
	} else {
		redis.Add(1)
	}
}

func (a *API) stats(w http.ResponseWriter, _ *http.Request) {
	c := &a.counts
	writeJSON(w, http.StatusOK, APIStats{
		Server: a.name, Seconds: time.Since(a.since).Seconds(), Requests: c.requests.Load(),
		Logins: c.logins.Load(), UpgradesLocal: c.upgradesLocal.Load(), UpgradesRedis: c.upgradesRedis.Load(),
		RESTLocal: c.restLocal.Load(), RESTRedis: c.restRedis.Load(), Refused: c.refused.Load(),
		WebSockets: c.sockets.Load(), Stored: c.stored.Load(), Again: c.again.Load(), Gaps: c.gaps.Load(),
		Delivered: c.delivered.Load(), LocalSessions: a.sessions.localCount(), RedisTrips: a.store.trips.Load(),
	})
}
