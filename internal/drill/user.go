package drill

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"bascule/internal/fleet"
)

// user is one user of the site, with a connection of its own.
type user struct {
	load   *Load
	client *Client
	rand   *rand.Rand
	name   string
	logged bool
	number int64  // of the last POST
	server string // that answered last
	track  string
	next   int // segment
}

func (u *user) run(act func(*user), pace time.Duration) {
	defer u.client.Close()
	planned := time.Now().Add(time.Duration(u.rand.Int64N(int64(pace))))
	next := time.NewTimer(time.Until(planned))
	defer next.Stop()
	for {
		select {
		case <-u.load.ctx.Done():
			return
		case <-next.C:
		}
		act(u)
		planned = planned.Add(pace)
		if now := time.Now(); planned.Before(now) {
			planned = now // a late one is not made up for
		}
		next.Reset(time.Until(planned))
	}
}

// do sends a request, counts it, and says whether the reply is right. The end of the
// load does not interrupt it.
func (u *user) do(kind, backend, method, path, body string, right func(Reply) string) (Reply, bool) {
	reply, err := u.client.Do(context.Background(), method, path, body)
	var what string
	if err != nil {
		what = err.Error()
	} else {
		what = right(reply)
	}
	u.load.Done(kind, backend, reply, what)
	return reply, what == ""
}

func status(want int) func(Reply) string {
	return func(r Reply) string {
		if r.Status != want {
			return fmt.Sprintf("%d instead of %d: %.80s", r.Status, want, bytes.TrimSpace(r.Body))
		}
		return ""
	}
}

// get is anybody's request, without the sticky cookie: it follows the balancing, so that
// a server that came back is seen to get its share.
func (u *user) get() {
	clear(u.client.cookies)
	path := "/api/v1/tracks"
	if u.rand.IntN(2) == 0 {
		path = "/api/v1/health"
	}
	u.do(KindGet, APIPool, http.MethodGet, path, "", status(http.StatusOK))
}

// login logs in once, as a POST that is counted like any other.
func (u *user) login(kind string) bool {
	if !u.logged {
		_, u.logged = u.do(kind, APIPool, http.MethodPost, "/api/v1/login", fmt.Sprintf(`{"user":%q}`, u.name), status(http.StatusOK))
	}
	return u.logged
}

func (u *user) post() {
	if !u.login(KindPost) {
		return
	}
	u.number++
	_, ok := u.do(KindPost, APIPool, http.MethodPost, "/api/v1/plays",
		fmt.Sprintf(`{"track":"track-1","number":%d}`, u.number), status(http.StatusCreated))
	u.load.mu.Lock()
	defer u.load.mu.Unlock()
	if u.load.plays[u.name] == nil {
		u.load.plays[u.name] = map[int64]bool{}
	}
	u.load.plays[u.name][u.number] = ok
}

func (u *user) visit() {
	if !u.login(KindUser) {
		return
	}
	reply, ok := u.do(KindUser, APIPool, http.MethodGet, "/api/v1/me", "", status(http.StatusOK))
	if ok && u.server != "" && reply.Server != u.server {
		u.load.moved.Add(1)
	}
	if ok {
		u.server = reply.Server
	}
}

func (u *user) listen() {
	if u.track == "" || u.next == fleet.TrackSegments {
		u.track, u.next = fleet.Track(1+u.rand.IntN(max(1, u.load.opt.Tracks))), 0
		u.do(KindTrack, StreamPool, http.MethodGet, "/hls/"+u.track+"/playlist.m3u8", "", status(http.StatusOK))
		return
	}
	want := u.next
	u.do(KindTrack, StreamPool, http.MethodGet, fmt.Sprintf("/hls/%s/%d.ts", u.track, want), "", func(r Reply) string {
		if r.Status == http.StatusOK && !bytes.Equal(r.Body, fleet.SegmentBytes(u.track, want)) {
			return fmt.Sprintf("segment %s/%d is damaged (%d bytes)", u.track, want, len(r.Body))
		}
		return status(http.StatusOK)(r)
	})
	u.next++
}
