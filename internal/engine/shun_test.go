package engine

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestAServerThatLiesToItsChecksIsShunned: half of the requests would break on
// it, and more than the budget has would have to be sent again.
func TestAServerThatLiesToItsChecksIsShunned(t *testing.T) {
	const requests = 400
	s1, s2, bind := newMoody(t), newMoody(t), freeAddr(t)
	b := run(t, strings.NewReplacer("$BIND", bind, "$S1", s1.addr, "$S2", s2.addr).Replace(detectText+`
    cookie S insert indirect
`))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ask := func(method, cookie string) (status int) {
		r, err := http.NewRequest(method, "http://"+bind+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "S", Value: cookie})
		}
		res, err := client.Do(r)
		if err != nil {
			return 0
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return res.StatusCode
	}
	eventually(t, "both are up", func() bool { return b.of("s1", "status") == "UP" && b.of("s2", "status") == "UP" })
	fails := b.count("s1", "chkfail")
	s1.set(t, "lies")
	eventually(t, "s1 is shunned", func() bool {
		if got := ask("GET", ""); got != 200 {
			t.Errorf("a GET got %d", got)
		}
		return b.count("s1", "shunned") == 1
	})
	lost, replays := 0, b.count("s1", "replayed")
	for range requests {
		for _, method := range []string{"GET", "POST"} {
			if got := ask(method, ""); got != 200 {
				lost++
			}
			if got := ask(method, "s1"); got != 200 { // it may be moved
				lost++
			}
		}
	}
	probes := b.count("s1", "shun_probes")
	if replays = b.count("s1", "replayed") - replays; lost > 0 || probes == 0 || probes > 4*requests/16+1 || replays > probes {
		t.Errorf("%d of %d requests were lost, %d were sent again, %d were probes", lost, 4*requests, replays, probes)
	}
	b.upUnlessChecksFail("s1", fails)
	s1.set(t, "")
	served := b.count("s1", "hrsp_2xx")
	eventually(t, "s1 has its part again", func() bool {
		ask("GET", "")
		return b.count("s1", "hrsp_2xx") > served+10
	})
	if got := b.count("s1", "shunned"); got != 1 {
		t.Errorf("shunned %d times", got)
	}
}
