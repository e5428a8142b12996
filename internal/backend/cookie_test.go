package backend

import (
	"testing"

	"bascule/internal/config"
)

func TestSetCookieHasHAProxysOrder(t *testing.T) {
	p := proxy(2)
	p.Servers[1].Cookie = ""
	b := New(p, Env{})
	for _, c := range []struct {
		cookie config.Cookie
		srv    string
		want   string
	}{
		{config.Cookie{Name: "SRV"}, "s1", "SRV=c1; path=/"},
		{config.Cookie{Name: "SRV", HTTPOnly: true, Secure: true, Domains: []string{".a.example", ".b.example"}, Attrs: []string{"SameSite=Lax"}}, "s1",
			"SRV=c1; path=/; domain=.a.example; domain=.b.example; HttpOnly; Secure; SameSite=Lax"},
		{config.Cookie{Name: "SRV"}, "s2", "SRV=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/"},
	} {
		if got := string(b.AppendSetCookie([]byte("x"), &c.cookie, b.Server(c.srv))); got != "x"+c.want {
			t.Errorf("got %s, want x%s", got, c.want)
		}
	}
}

func TestTimesAverageTheLastRequests(t *testing.T) {
	x := NewTimes(2)
	if x.Average() != (Average{}) {
		t.Error("no request, no average")
	}
	x.Add(0, 1, 2, 3, 10)
	x.Add(1, 1, -1, 4, 20)
	if got := x.Average(); got != (Average{1, 1, 4, 15}) {
		t.Errorf("of two: %+v", got)
	}
	for range 20000 {
		x.Add(0, 0, 0, 100, 100)
	}
	if got := x.Average(); got.Response < 99 || got.Response > 101 {
		t.Errorf("after many of 100 ms: %+v", got)
	}
	if got := x.Max(); got != (Average{1, 2, 100, 100}) {
		t.Errorf("maxima %+v", got)
	}
	x.ClearMax()
	if x.Max() != (Average{}) {
		t.Error("maxima not cleared")
	}
}
