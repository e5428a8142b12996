package config

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"bascule/internal/rule"
)

const timeouts = "    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n"

// mustLoad loads a text that has no problem.
func mustLoad(t *testing.T, text string) *Config {
	t.Helper()
	cfg, p := loadText(t, text, Env{LookupHost: loopback})
	if cfg == nil || len(p.List) > 0 {
		t.Fatalf("problems:\n%s", printed(p))
	}
	return cfg
}

func TestASectionBeginsWithWhatItsDefaultsSay(t *testing.T) {
	cfg := mustLoad(t, "defaults a\n"+timeouts+`    retries 5
    option redispatch 2
    option httpchk GET /a
    http-check send hdr Host a
    http-check expect status 200
    default-server weight 7 check
    cookie C insert
    errorloc 503 /sorry
defaults b from a
    retries 6
    no option redispatch
    default-server weight 8
backend one from a
    http-check expect status 204
    server s 127.0.0.1:1
backend two from b
    retries 1
    option httpchk
    server s 127.0.0.1:1
backend three from b
    server s 127.0.0.1:1 weight 9 no-check
`)
	px := byName(cfg)
	one, two, three := px["one"], px["two"], px["three"]
	if one.Retries != 5 || two.Retries != 1 || three.Retries != 6 || one.Redispatch != 2 || two.Redispatch != 0 {
		t.Errorf("retries %d %d %d, redispatch %d %d", one.Retries, two.Retries, three.Retries, one.Redispatch, two.Redispatch)
	}
	if got, want := sequenceOf(one), "connect; GET /a; status [[204 204]]"; got != want {
		t.Errorf("its own http-check lines replace those of defaults, the option stays: got %s, want %s", got, want)
	}
	if got, want := sequenceOf(two), "connect; OPTIONS / Host: a; status [[200 200]]"; got != want {
		t.Errorf("its own option replaces that of defaults, http-check lines stay: got %s, want %s", got, want)
	}
	for px, want := range map[*Proxy]string{one: "7 true", two: "8 true", three: "9 false"} {
		if s := px.Servers[0]; fmt.Sprint(s.Weight, s.Check) != want {
			t.Errorf("server of %s: weight %d, check %v; want %s", px.Name, s.Weight, s.Check, want)
		}
		if a := px.Errors[503]; a == nil || a.Status != 302 || !strings.Contains(string(a.Fields), "Location: /sorry") {
			t.Errorf("error 503 of %s: %+v", px.Name, a)
		}
		if px.Cookie == nil || px.Cookie.Name != "C" {
			t.Errorf("cookie of %s: %+v", px.Name, px.Cookie)
		}
	}
}

func TestWhatOneSectionAddsAnotherDoesNotSee(t *testing.T) {
	cfg := mustLoad(t, "defaults\n"+timeouts+`    log 127.0.0.1:514 local0
    errorloc 503 /sorry
    stats enable
frontend f
    bind :18080
    log 127.0.0.1:515 local1
    errorloc 502 /f
    stats uri /f
    stats auth a:b
    capture request header A len 1
    default_backend b
frontend g
    bind :18081
    log 127.0.0.1:516 local2
    capture request header B len 2
    stats auth c:d
    default_backend b
backend b
    default-server inter 9s
    server s 127.0.0.1:1
backend c
    server s 127.0.0.1:1
`)
	px := byName(cfg)
	f, g := px["f"], px["g"]
	if len(f.Logs) != 2 || len(g.Logs) != 2 || f.Logs[1].Addr == g.Logs[1].Addr {
		t.Errorf("logs: %v, %v", f.Logs, g.Logs)
	}
	if len(f.Errors) != 2 || len(g.Errors) != 1 || f.Stats.URI != "/f" || g.Stats.URI != "/haproxy?stats" || f.Stats.Auth[0] != "a:b" || g.Stats.Auth[0] != "c:d" {
		t.Errorf("f: %v %+v; g: %v %+v", f.Errors, f.Stats, g.Errors, g.Stats)
	}
	if len(f.Captures) != 1 || len(g.Captures) != 1 || f.Captures[0].Name != "A" || g.Captures[0].Name != "B" {
		t.Errorf("captures: %v, %v", f.Captures, g.Captures)
	}
	if a, b := px["b"].Servers[0].Inter, px["c"].Servers[0].Inter; a != 9*time.Second || b != 2*time.Second {
		t.Errorf("inter: %v, %v", a, b)
	}
}

func TestFilesAndDirectoriesAreReadInOrder(t *testing.T) {
	env := inMemory(Env{LookupHost: loopback}, map[string]string{
		"base.cfg":        "global\n    maxconn 10\ndefaults\n" + timeouts,
		"conf.d/20-b.cfg": "backend b\n    server s 127.0.0.1:1\n",
		"conf.d/10-f.cfg": "global\n    nbthread 2\nfrontend f\n    bind :18080\n    default_backend b\n",
		"conf.d/notes":    "not a configuration\n",
		"conf.d/.x.cfg":   "hidden\n",
	})
	cfg, p := Load([]string{"base.cfg", "conf.d"}, env)
	if cfg == nil || len(p.List) > 0 {
		t.Fatalf("problems:\n%s", printed(p))
	}
	if cfg.Global.MaxConn != 10 || cfg.Global.NbThread != 2 || len(cfg.Files) != 3 || cfg.Proxies[0].Name != "f" || cfg.Proxies[0].DefaultBackend != cfg.Proxies[1] {
		t.Errorf("%+v", cfg)
	}
	if _, p := Load([]string{"base.cfg", "nowhere.cfg"}, env); !strings.Contains(printed(p), "Cannot open configuration file/directory nowhere.cfg : file does not exist") {
		t.Errorf("a file that is not there:\n%s", printed(p))
	}
	// A section ends with its file.
	env = inMemory(Env{}, map[string]string{"a.cfg": "global\n", "b.cfg": "maxconn 5\n"})
	if _, p := Load([]string{"a.cfg", "b.cfg"}, env); !strings.Contains(printed(p), "[b.cfg:1] : unknown keyword 'maxconn' out of section.") {
		t.Errorf("a line without a section:\n%s", printed(p))
	}
}

func TestOneRunShowsAllProblems(t *testing.T) {
	_, p := loadText(t, "global\n    maxcon 5\n    nbthread 0\ndefaults\n    mode htp\nbackend b\n    balance x\n    server s 127.0.0.1:1 foo\n    server s2 127.0.0.1:1 sigalgs x client-sigalgs y send-proxy-v2-ssl\n", Env{})
	for _, want := range []string{"'maxcon'", "'nbthread' value", "unknown proxy mode", "balance only supports", "unknown keyword 'foo'",
		"keyword 'sigalgs' is known but not supported yet: TLS chooses among the signatures that both know by itself.", "keyword 'send-proxy-v2-ssl' is known"} {
		if !strings.Contains(printed(p), want) {
			t.Errorf("no problem has %q", want)
		}
	}
	// `sigalgs client-sigalgs` have one reason and make one alert.
	if n := strings.Count(printed(p), "TLS chooses among the signatures"); n != 1 {
		t.Errorf("%d alerts about TLS in one line", n)
	}
}

func TestDefaultPathIsWhereNamesOfFilesBegin(t *testing.T) {
	page := "HTTP/1.0 503 Sorry\r\nContent-Type: text/plain\r\n\r\nfrom %s\n"
	env := inMemory(Env{}, map[string]string{"503.http": fmt.Sprintf(page, "current"), "etc/503.http": fmt.Sprintf(page, "config"), "other/503.http": fmt.Sprintf(page, "origin"),
		"other/list": "/a\n"})
	for mode, want := range map[string]string{"": "current", "current": "current", "config": "config", "parent": "current", "origin other": "origin"} {
		text := "defaults\n" + timeouts + "    errorfile 503 503.http\nbackend b\n"
		if mode != "" {
			text = "global\n    default-path " + mode + "\n" + text
		}
		if want == "origin" {
			text += "    acl a path -f list\n"
		}
		env := inMemory(env, map[string]string{"etc/t.cfg": text})
		cfg, p := Load([]string{"etc/t.cfg"}, env)
		if cfg == nil {
			t.Errorf("%s:\n%s", mode, printed(p))
		} else if body := string(cfg.Proxies[0].Errors[503].Body); body != "from "+want+"\n" {
			t.Errorf("%s: %q, want that of %s", mode, body, want)
		}
	}
}

func TestVariablesOfTheProcessAreSeen(t *testing.T) {
	env := Env{LocalPeer: "front", Master: true, Getenv: func(string) (string, bool) { return "", false }}
	text := "global\n    node \"${HAPROXY_LOCALPEER}-${HAPROXY_BRANCH}-${HAPROXY_MWORKER}-${HAPROXY_CFGFILES}-${.FILE}:${.LINE}-${.SECTION}\"\n"
	cfg, p := loadText(t, text, env)
	if want := "front-3.2-1-t.cfg-t.cfg:2-global"; cfg == nil || cfg.Global.Node != want {
		t.Errorf("%+v, want %s\n%s", cfg, want, printed(p))
	}
}

// sequenceOf writes down the steps of a backend's checks.
func sequenceOf(p *Proxy) string {
	var list []string
	for _, s := range p.Check.Steps {
		switch {
		case s.Connect != nil:
			list = append(list, "connect")
		case s.Request != nil:
			text := cmp.Or(s.Request.Method, "OPTIONS") + " " + cmp.Or(s.Request.URI, "/")
			for _, h := range s.Request.Headers {
				text += " " + h.Name + ": " + string(h.Value.Append(nil, &rule.Ctx{}))
			}
			if s.Request.Version == "HTTP/1.1" {
				text += " in 1.1"
			}
			list = append(list, text)
		case s.Expect != nil:
			list = append(list, fmt.Sprint(s.Expect.Kind, " ", s.Expect.Ranges))
		}
	}
	return strings.Join(list, "; ")
}

func TestAServerTemplateMakesServers(t *testing.T) {
	cfg, p := loadText(t, `
defaults
    timeout client 1s
    timeout server 1s
    timeout connect 1s
listen b
    bind 127.0.0.1:8080
    default-server weight 7 disabled
    server a 127.0.0.1:1
    server-template w 2 127.0.0.1:80 id 9 enabled cookie c
    server-template x 10-12 127.0.0.1:81 weight 3
`, Env{})
	if cfg == nil {
		t.Fatal(printed(p))
	}
	got := ""
	for _, s := range cfg.Proxies[0].Servers {
		got += fmt.Sprintf("%s %d %d %d %t %s\n", s.Name, s.ID, s.Addr.Port, s.Weight, s.Disabled, s.Cookie)
	}
	want := "a 1 1 7 true \nw1 9 80 7 false c\nw2 3 80 7 false c\nx10 4 81 3 true \nx11 5 81 3 true \nx12 6 81 3 true \n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
