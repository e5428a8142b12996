package engine

import (
	"fmt"
	"strings"
	"testing"
)

// persistModes are what a section says about persistence.
var persistModes = []string{
	"", "option redispatch", "option persist", "option persist\n    option redispatch",
	"force-persist if METH_GET", "force-persist if METH_GET\n    option redispatch", "ignore-persist if METH_GET", "ignore-persist if METH_GET\n    option persist",
	"ignore-persist if METH_GET\n    force-persist if TRUE", "use-server s1 if METH_GET", "use-server s1 if METH_GET\n    option persist",
	"use-server s1 if METH_GET\n    force-persist if TRUE", "use-server s1 if METH_GET\n    option redispatch",
}

// persistStates are what the runtime socket says to s1 before the requests.
var persistStates = []string{
	"set server %[1]s/s1 state ready", "set server %[1]s/s1 state drain", "set server %[1]s/s1 state maint",
	"set server %[1]s/s1 state ready; set server %[1]s/s1 weight 0", "set server %[1]s/s1 weight 100%%; set server %[1]s/s1 health stopping",
	"set server %[1]s/s1 health down", "set server %[1]s/s1 state drain",
	"set server %[1]s/s1 state ready; set server %[1]s/s1 health up; set server %[1]s/s2 state drain", // nobody else is usable
	"set server %[1]s/s1 state drain",
	"set server %[1]s/s2 state maint; set server %[1]s/s1 state maint",
	"set server %[1]s/s2 state ready; set server %[1]s/s1 state ready",
}

// TestPersistenceInEveryStateIsHAProxys puts a server into every state and asks
// for it by its cookie, in every mode of persistence: who answers, which cookie
// comes back and what is logged are HAProxy's. Nobody listens where s3 is; it is
// reached by its cookie alone.
func TestPersistenceInEveryStateIsHAProxys(t *testing.T) {
	w := &witness{}
	a, b, nowhere := serving(t, w), serving(t, w), freeAddr(t)
	var text strings.Builder
	// balance first: where round robin goes on depends on what was.
	text.WriteString(strings.Replace(cookieConfig, "timeout connect 5s", "timeout connect 50ms\n    retries 1\n    balance first\n    cookie SRV insert", 1))
	for i, mode := range persistModes {
		fmt.Fprintf(&text, "listen m%d\n    bind unix@$DIR/m%d\n    %s\n    server s1 %s cookie one\n    server s2 %s cookie two\n    server s3 %s cookie three weight 0\n", i, i, mode, a, b, nowhere)
	}
	theirs, ours := twoSides(t, text.String())
	for i, mode := range persistModes {
		section := fmt.Sprintf("m%d", i)
		type pair struct{ about, got, want string }
		var pairs []pair
		for _, state := range persistStates {
			order := fmt.Sprintf(state, section) + "\n"
			ask(t, theirs.dir+"/sock", order)
			ask(t, ours.dir+"/sock", order)
			for _, cookie := range []string{"", "SRV=one", "SRV=two", "SRV=three", "SRV=nobody"} {
				req := "GET / HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n"
				if cookie == "SRV=three" && !strings.HasSuffix(state, "ready") {
					continue // a redispatch that finds nobody keeps its server's name in our log, and each takes a while
				}
				if cookie != "" {
					req += "Cookie: " + cookie + "\r\n"
				}
				of := func(s *side) string {
					w.mu.Lock()
					w.seen = "nothing"
					w.mu.Unlock()
					reply := s.send(t, section, req+"\r\n")
					if status, _, _ := strings.Cut(reply, "\n"); strings.Contains(status, " 503 ") {
						reply = status // each has a page of its own
					}
					return reply + "\nthe server saw " + w.take()
				}
				pairs = append(pairs, pair{fmt.Sprintf("%q after %q, cookie %q", mode, order, cookie), of(ours), of(theirs)})
			}
		}
		for _, p := range pairs { // all at once: our log is written in batches
			p.got, p.want = p.got+"\nlogged "+ours.logged(t), p.want+"\nlogged "+theirs.logged(t)
			if p.got != p.want {
				t.Errorf("%s:\n got %q\nwant %q", p.about, p.got, p.want)
			}
		}
	}
}
