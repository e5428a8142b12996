package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// login makes a session for any user who gives a name: the demo has no passwords.
func (a *API) login(w http.ResponseWriter, r *http.Request) {
	var who struct {
		User string `json:"user"`
	}
	if !readJSON(w, r, &who) {
		return
	}
	if !validName(who.User) {
		refuse(w, http.StatusBadRequest, "user: want 1 to %d letters, digits, '-' or '_'", maxName)
		return
	}
	made, err := a.sessions.login(r.Context(), who.User)
	if err != nil {
		a.unavailable(w, err)
		return
	}
	a.counts.logins.Add(1)
	http.SetCookie(w, &http.Cookie{
		Name: SessionCookie, Value: made.ID, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	writeJSON(w, http.StatusOK, map[string]string{"token": made.ID, "user": made.User, "server": a.name})
}

func (a *API) logout(w http.ResponseWriter, r *http.Request) {
	if id := sessionID(r); id != "" {
		if err := a.sessions.logout(r.Context(), id); err != nil {
			a.unavailable(w, err)
			return
		}
	}
	http.SetCookie(w, &http.Cookie{Name: SessionCookie, Path: "/", MaxAge: -1, HttpOnly: true})
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) me(w http.ResponseWriter, _ *http.Request, s session) {
	writeJSON(w, http.StatusOK, map[string]any{"user": s.User, "since": s.Since, "login": s.Server, "server": a.name})
}

// trackCount is how many tracks the catalogue lists; the stream servers know any name.
const trackCount = 40

// Track is the id of the n-th track of the catalogue, from 1. Like the ids of a real
// one it has no order, so that a hash spreads it well.
func Track(n int) string { return fmt.Sprintf("t%08x", uint32(n)*0x9e3779b1) }

// tracks lists the catalogue, the same on every server.
func tracks(w http.ResponseWriter, _ *http.Request) {
	list := make([]map[string]string, trackCount)
	for i := range list {
		id := Track(i + 1)
		list[i] = map[string]string{"id": id, "playlist": "/hls/" + id + "/playlist.m3u8"}
	}
	writeJSON(w, http.StatusOK, list)
}

// play counts one execution of the request: {"track":…, "number":…} with a number that
// the user gives to one request only. It is deliberately not idempotent, so that a
// request that was executed twice shows.
func (a *API) play(w http.ResponseWriter, r *http.Request, s session) {
	var played struct {
		Track  string `json:"track"`
		Number int64  `json:"number"`
	}
	if !readJSON(w, r, &played) {
		return
	}
	if !validTrack(played.Track) {
		refuse(w, http.StatusBadRequest, "track: no such track")
		return
	}
	pipe := a.store.rdb.Pipeline()
	times := pipe.HIncrBy(r.Context(), "plays:"+s.User, strconv.FormatInt(played.Number, 10), 1)
	pipe.Expire(r.Context(), "plays:"+s.User, keptFor)
	if _, err := pipe.Exec(r.Context()); err != nil {
		a.unavailable(w, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{"number": played.Number, "times": times.Val(), "server": a.name})
}

// plays answers which of the user's plays were executed, and which more than once.
func (a *API) plays(w http.ResponseWriter, r *http.Request, s session) {
	all, err := a.store.rdb.HGetAll(r.Context(), "plays:"+s.User).Result()
	if err != nil {
		a.unavailable(w, err)
		return
	}
	reply := struct {
		Executed []int64 `json:"executed"`
		Doubled  []int64 `json:"doubled"`
	}{[]int64{}, []int64{}}
	for text, times := range all {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue // not written by play
		}
		reply.Executed = append(reply.Executed, number)
		if times != "1" {
			reply.Doubled = append(reply.Doubled, number)
		}
	}
	sort.Slice(reply.Executed, func(i, j int) bool { return reply.Executed[i] < reply.Executed[j] })
	sort.Slice(reply.Doubled, func(i, j int) bool { return reply.Doubled[i] < reply.Doubled[j] })
	writeJSON(w, http.StatusOK, reply)
}

// putPlaylist replaces a list of tracks; sent twice it has the same effect.
func (a *API) putPlaylist(w http.ResponseWriter, r *http.Request, s session) {
	var list []string
	if !readJSON(w, r, &list) {
		return
	}
	text, err := json.Marshal(list)
	if err != nil {
		refuse(w, http.StatusBadRequest, "body: %v", err)
		return
	}
	if !validName(r.PathValue("name")) {
		refuse(w, http.StatusNotFound, "no such playlist")
		return
	}
	if err := a.store.rdb.Set(r.Context(), playlistKey(s, r), text, keptFor).Err(); err != nil {
		a.unavailable(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) playlist(w http.ResponseWriter, r *http.Request, s session) {
	text, err := a.store.rdb.Get(r.Context(), playlistKey(s, r)).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		refuse(w, http.StatusNotFound, "no such playlist")
	case err != nil:
		a.unavailable(w, err)
	default:
		writeJSON(w, http.StatusOK, json.RawMessage(text))
	}
}

func playlistKey(s session, r *http.Request) string {
	return "playlist:" + s.User + ":" + r.PathValue("name")
}

// messages reads a room by position: ?after=N gives up to fetchLimit messages behind N.
func (a *API) messages(w http.ResponseWriter, r *http.Request, _ session) {
	after, ok := position(w, r)
	if !ok {
		return
	}
	messages, err := a.store.since(r.Context(), r.PathValue("room"), after)
	if err != nil {
		a.unavailable(w, err)
		return
	}
	writeJSON(w, http.StatusOK, messages)
}

// presence answers who is in a room, on any server.
func (a *API) presence(w http.ResponseWriter, r *http.Request, _ session) {
	members, err := a.store.members(r.Context(), r.PathValue("room"), time.Now())
	if err != nil {
		a.unavailable(w, err)
		return
	}
	seen := map[string]bool{}
	users := []string{}
	for _, member := range members {
		user, _, _ := strings.Cut(member, "|")
		if !seen[user] {
			seen[user] = true
			users = append(users, user)
		}
	}
	sort.Strings(users)
	writeJSON(w, http.StatusOK, map[string]any{"online": len(members), "users": users})
}

// position reads ?after=, 0 when it is missing, or answers 400 itself.
func position(w http.ResponseWriter, r *http.Request) (int64, bool) {
	text := r.URL.Query().Get("after")
	if text == "" {
		return 0, true
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		refuse(w, http.StatusBadRequest, "after: want a position, 0 or more")
		return 0, false
	}
	return after, true
}
