package explain

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bascule/internal/config"
	"bascule/internal/engine"
	"bascule/test/loopback"
)

// example is the deployment that the project ships.
const example = "../../examples/active-active/haproxy.cfg"

func load(t *testing.T, path string, env map[string]string) *config.Config {
	t.Helper()
	t.Chdir("../..") // its error file is named from the root of the repository
	defer t.Chdir("internal/explain")
	cfg, problems := config.Load([]string{strings.TrimPrefix(path, "../../")}, config.Env{Hostname: "lab",
		Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if cfg == nil {
		t.Fatalf("%s does not load: %v", path, problems.List)
	}
	return cfg
}

func TestTheExampleKeepsTracksTogether(t *testing.T) {
	where := map[string]bool{}
	for _, track := range []string{"track-1", "track-2", "track-3", "track-4"} {
		var first string
		for _, segment := range []string{"1.ts", "2.ts", "3.ts"} {
			r, err := Explain(load(t, example, nil), Asked{Line: "GET /hls/" + track + "/" + segment, Minor: 1, Frontend: "fe_main"})
			if err != nil {
				t.Fatal(err)
			}
			if r.Backend == nil || r.Backend.Key != "/hls/"+track || r.Server == nil {
				t.Fatalf("%s: %+v", track, r)
			}
			if first == "" {
				first = r.Server.Name
			}
			if r.Server.Name != first || r.Server.IfDown == first || r.Server.IfDown == "" {
				t.Errorf("%s/%s goes to %s, then %q; its track to %s", track, segment, r.Server.Name, r.Server.IfDown, first)
			}
		}
		where[first] = true
	}
	if len(where) != 2 {
		t.Errorf("all tracks go to %v", where)
	}
}

func TestTheExampleInsertsItsCookieOnce(t *testing.T) {
	r, err := Explain(load(t, example, nil), Asked{Line: "GET /api/v1/tracks", Minor: 1, Frontend: "fe_main"})
	if err != nil || r.Backend == nil || r.Backend.Persist != "none" || !r.Backend.ByTurn {
		t.Fatalf("%+v, %v", r, err)
	}
	want := Line{"+", "Set-Cookie: VEZA_SERVERID=" + r.Server.Name + "; path=/; HttpOnly"}
	found := false
	for _, l := range r.Reply {
		found = found || l == want
	}
	if !found {
		t.Errorf("the reply gets %v, want %v", r.Reply, want)
	}
	r, err = Explain(load(t, example, nil), Asked{Line: "GET /api/v1/tracks", Minor: 1, Frontend: "fe_main", Fields: []string{"Cookie: VEZA_SERVERID=backend-api-2"}})
	if err != nil || r.Server.Name != "backend-api-2" || !r.Backend.ByCookie || len(r.Reply) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// named starts a server that says its name.
func named(t *testing.T, name string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server-Name", name)
		w.Header().Set("Saw", r.URL.RequestURI()+" "+r.Header.Get("X-Rule")+" "+r.Header.Get("X-Forwarded-For"))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// What is explained is what happens: the same file, run by the engine.
func TestWhatIsExplainedHappens(t *testing.T) {
	front := loopback.Address() + ":8000"
	text := `defaults
    mode http
    timeout connect 1m
    timeout client 1m
    timeout server 1m
frontend f
    bind ` + front + `
    option forwardfor
    http-request set-header X-Rule one if { path_beg /a }
    http-request deny deny_status 403 if { path /no }
    use_backend h if { path_beg /h/ }
    default_backend b
backend b
    balance hdr(X-User)
    server b1 ` + named(t, "b1") + `
    server b2 ` + named(t, "b2") + `
backend h
    balance uri depth 2
    hash-type consistent
    http-request set-path /x%[path]
    server h1 ` + named(t, "h1") + ` id 7
    server h2 ` + named(t, "h2") + ` id 9
    server h3 ` + named(t, "h3") + ` id 11
`
	path := filepath.Join(t.TempDir(), "t.cfg")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func() *config.Config {
		cfg, problems := config.Load([]string{path}, config.Env{Hostname: "lab"})
		if cfg == nil {
			t.Fatal(problems.List)
		}
		return cfg
	}
	e, err := engine.New(read(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	defer e.Stop()
	for _, target := range []string{"/a", "/no", "/h/1/a", "/h/2/b", "/h/3/c", "/h/4/d", "/h/5/e?q", "/other"} {
		for _, user := range []string{"u1", "u2", "u3"} {
			r, err := Explain(read(), Asked{Line: "GET " + target, Fields: []string{"X-User: " + user}, Minor: 1})
			if err != nil {
				t.Fatal(err)
			}
			req, _ := http.NewRequest(http.MethodGet, "http://"+front+target, nil)
			req.Header.Set("X-User", user)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if r.Answer != nil {
				if resp.StatusCode != r.Answer.Status {
					t.Errorf("%s: explained as %d, answered with %d", target, r.Answer.Status, resp.StatusCode)
				}
				continue
			}
			if got := resp.Header.Get("Server-Name"); got != r.Server.Name {
				t.Errorf("%s of %s: explained as %s, went to %s", target, user, r.Server.Name, got)
			}
			saw := strings.Fields(resp.Header.Get("Saw"))
			if sent := strings.Fields(r.Sent[0].Text); len(saw) == 0 || sent[1] != saw[0] {
				t.Errorf("%s: explained as %v, the server saw %v", target, sent, saw)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
