package fleet

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// SessionCookie carries the session's id; "Authorization: Bearer <id>" does as well.
const SessionCookie = "session"

// maxLocalSessions bounds the local copies; a session without one is looked up in Redis.
const maxLocalSessions = 100_000

// session is a login. Its id is known to its user and to Redis only.
type session struct {
	ID     string    `json:"-"`
	User   string    `json:"user"`
	Server string    `json:"server"` // where the user logged in
	Since  time.Time `json:"since"`
}

// errNoSession is the answer to a request without a valid session.
var errNoSession = errors.New("not logged in")

// How a session was found.
const (
	authLocal = "local" // in this server's own copy, without Redis
	authRedis = "redis"
)

// sessions are the logins: all of them in Redis, and a copy of those that were made on
// this server. A login made elsewhere is never copied: the local copy says "logged in
// here", which is what the balancer's sticky cookie is for.
type sessions struct {
	server string
	store  *store

	mu    sync.RWMutex
	local map[string]session // guarded by mu
}

func newSessions(server string, st *store) *sessions {
	return &sessions{server: server, store: st, local: map[string]session{}}
}

func sessionKey(id string) string { return "session:" + id }

// login makes a session, in Redis first: a session that only this server knew would be
// lost with it.
func (s *sessions) login(ctx context.Context, user string) (session, error) {
	made := session{ID: rand.Text(), User: user, Server: s.server, Since: time.Now().UTC()}
	text, err := json.Marshal(made)
	if err != nil {
		return session{}, err
	}
	if err := s.store.rdb.Set(ctx, sessionKey(made.ID), text, keptFor).Err(); err != nil {
		return session{}, fmt.Errorf("storing a session: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.local) < maxLocalSessions {
		s.local[made.ID] = made
	}
	return made, nil
}

// find returns the session of a request and how it was found; errNoSession when the
// request has none that is valid, another error when Redis does not answer.
func (s *sessions) find(r *http.Request) (session, string, error) {
	id := sessionID(r)
	if id == "" {
		return session{}, "", errNoSession
	}
	s.mu.RLock()
	found, ok := s.local[id]
	s.mu.RUnlock()
	if ok {
		return found, authLocal, nil
	}
	text, err := s.store.rdb.Get(r.Context(), sessionKey(id)).Bytes()
	if errors.Is(err, redis.Nil) {
		return session{}, authRedis, errNoSession
	}
	if err != nil {
		return session{}, authRedis, fmt.Errorf("reading a session: %w", err)
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return session{}, authRedis, fmt.Errorf("reading a session: %w", err)
	}
	found.ID = id
	return found, authRedis, nil
}

// logout ends a session in Redis and, by the published word, on the server that has
// the copy.
func (s *sessions) logout(ctx context.Context, id string) error {
	s.forget(id)
	pipe := s.store.rdb.Pipeline()
	pipe.Del(ctx, sessionKey(id))
	pipe.Publish(ctx, channelLogout, id)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

// forget drops the local copy.
func (s *sessions) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.local, id)
}

// forgetAll drops every local copy: needed when words about logouts may have been missed.
func (s *sessions) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.local)
}

func (s *sessions) localCount() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.local)
}

// sessionID reads the id from the Authorization header or else from the cookie.
func sessionID(r *http.Request) string {
	if id, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return id
	}
	if cookie, err := r.Cookie(SessionCookie); err == nil {
		return cookie.Value
	}
	return ""
}
