package config

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// loopback resolves every name ending in .lxd to an address on loopback.
func loopback(_ context.Context, name string) ([]netip.Addr, error) {
	if !strings.HasSuffix(name, ".lxd") {
		return nil, fmt.Errorf("lookup %s: no such name", name)
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}

func TestLoadOfTheDeployment(t *testing.T) {
	env := Env{LookupHost: loopback}
	cfg, p := Load([]string{"../../examples/active-active/deployment.cfg"}, env)
	if cfg == nil || len(p.List) > 0 {
		t.Fatalf("problems:\n%s", printed(p))
	}
	g := cfg.Global
	if g.MaxConn != 8000 || g.User != "haproxy" || g.StatsTimeout != 30*time.Second || len(g.Logs) != 2 || len(g.StatsSockets) != 1 {
		t.Errorf("global = %+v", g)
	}
	if s := g.StatsSockets[0]; s.Addr.Path != "/run/haproxy/admin.sock" || s.Mode != 0o660 || s.Level != "admin" || !s.ExposeFDs {
		t.Errorf("stats socket = %+v", s)
	}
	px := byName(cfg)
	fe, api, stream, stats := px["fe_main"], px["api_pool"], px["stream_pool"], px["stats"]
	if fe.DefaultBackend != api || len(fe.UseBackend) != 1 || fe.UseBackend[0].Backend != stream || fe.UseBackend[0].Cond == nil {
		t.Errorf("switching of fe_main: default %v, rules %+v", fe.DefaultBackend, fe.UseBackend)
	}
	if len(fe.Binds) != 1 || fe.Binds[0].Addr.Port != 80 || len(fe.HTTPRequest) != 1 || fe.ForwardFor == nil || len(fe.Logs) != 2 {
		t.Errorf("fe_main = %+v", fe)
	}
	want := Timeouts{Connect: 5 * time.Second, Client: time.Minute, Server: time.Minute, Tunnel: time.Hour,
		HTTPRequest: 10 * time.Second, HTTPKeepAlive: 10 * time.Second, Queue: 30 * time.Second, Check: 3 * time.Second}
	if fe.Timeouts != want || api.Redispatch != -1 || api.Retries != 3 || api.Errors[503] == nil {
		t.Errorf("defaults: timeouts %+v, redispatch %d, retries %d, errors %v", fe.Timeouts, api.Redispatch, api.Retries, api.Errors)
	}
	if c := api.Cookie; c == nil || c.Name != "VEZA_SERVERID" || !c.Insert || !c.Indirect || !c.NoCache || !c.HTTPOnly || c.Secure {
		t.Errorf("cookie = %+v", c)
	}
	if got, want := sequenceOf(api), "connect; GET /api/v1/health Host: balancer in 1.1; status [[200 200]]"; got != want {
		t.Errorf("check of api_pool: got %s, want %s", got, want)
	}
	if got := sequenceOf(stream); !strings.Contains(got, " /health;") {
		t.Errorf("check of stream_pool: got %s", got)
	}
	s := api.Servers[1]
	if s.Name != "backend-api-2" || s.ID != 2 || s.Addr.IP.String() != "127.0.0.1" || s.Addr.Port != 8080 || s.Cookie != "backend-api-2" ||
		!s.Check || s.Inter != 5*time.Second || s.Fall != 3 || s.Rise != 2 || s.SlowStart != 30*time.Second || !s.ShutdownOnDown || s.Weight != 1 {
		t.Errorf("backend-api-2 = %+v", s)
	}
	if b := stream.Balance; b.Algorithm != URI || !b.URI.Whole || !b.Consistent || !b.Avalanche {
		t.Errorf("balance of stream_pool = %+v", b)
	}
	if !stats.Frontend || !stats.Backend || stats.Stats == nil || stats.Stats.URI != "/stats" || stats.Stats.Refresh != 5*time.Second || len(stats.HTTPRequest) != 1 {
		t.Errorf("stats = %+v", stats)
	}
}

func byName(cfg *Config) map[string]*Proxy {
	m := map[string]*Proxy{}
	for _, px := range cfg.Proxies {
		m[px.Name] = px
	}
	return m
}

// TestDocFindsKeywordsInTheirPlace: a keyword may be asked for as it stands on
// its line.
func TestDocFindsKeywordsInTheirPlace(t *testing.T) {
	for word, want := range map[string]string{
		"http-request set-header": "Actions of http-request", "http-response  set-header": "Actions of http-response",
		"http-request set-var": "Actions of http-request", "server weight": partServer, "bind accept-proxy": partBind, "bind": "Proxies", "option forwardfor": "Proxies",
	} {
		var b strings.Builder
		if !Doc(&b, word) || !strings.Contains(b.String(), want) {
			t.Errorf("%q gives\n%s", word, b.String())
		}
	}
}
