package config

import (
	"bytes"
	"strings"
	"testing"

	"bascule/internal/cert/certtest"
)

// around puts lines of a keyword into a section where they are legal.
func around(kw *Keyword, lines string) string {
	const defaults = "defaults base\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n    log 127.0.0.1:514 local0\n"
	const web = "backend web from base\n    server s1 127.0.0.1:1\n"
	lines = "    " + strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
	switch {
	case kw.In&InGlobal != 0, kw.In&OnBind != 0 && strings.Contains(lines, "stats socket"):
		return "global\n" + lines
	case kw.In&OnBind != 0, kw.In&InFrontend != 0:
		defaults := "http-errors site\n" + defaults
		return defaults + "frontend web from base\n    bind 127.0.0.1:18080\n" + lines + web
	}
	return defaults + web + "backend b from base\n" + lines
}

func TestEveryDoneKeywordHasATextAndAnExampleThatLoads(t *testing.T) {
	files := map[string]string{
		"503.http":      "HTTP/1.0 503 Sorry\r\nContent-Type: text/plain\r\n\r\nsorry\n",
		"web.pem":       string(certtest.New(t).Both("web.test")),
		"chains/ca.pem": string(certtest.New(t).Authority()),
		"tickets":       strings.Repeat(strings.Repeat("A", 64)+"\n", 3),
		"web.list":      "web.pem [ssl-min-ver TLSv1.3] *.web.test !api.web.test\n",
	}
	for _, kw := range table().all {
		if kw.Status != Done {
			continue
		}
		if kw.Text == "" || kw.Example == "" || !strings.Contains(kw.Example, kw.Name) {
			t.Errorf("%s: text %q, example %q", kw.Name, kw.Text, kw.Example)
			continue
		}
		files["t.cfg"] = around(kw, kw.Example)
		if _, p := Load([]string{"t.cfg"}, inMemory(Env{LookupHost: loopback}, files)); len(p.List) > 0 {
			t.Errorf("example of %s:\n%s", kw.Name, printed(p))
		}
	}
}

func TestEveryOtherKeywordHasAReasonAndItsVerdict(t *testing.T) {
	for _, kw := range table().all {
		if kw.Status == Done {
			continue
		}
		if kw.Why == "" || kw.parse != nil || kw.option != nil && kw.Status != Without {
			t.Errorf("%s: reason %q", kw.Name, kw.Why)
		}
		text := kw.Name
		if kw.In&OnBind != 0 {
			text = "bind 127.0.0.1:18081 " + kw.Name + strings.Repeat(" 1", kw.Values)
		} else if kw.In&OnServer != 0 {
			text = "server s1 127.0.0.1:1 " + kw.Name + strings.Repeat(" 1", kw.Values)
		}
		cfg, p := loadText(t, around(kw, text), Env{LookupHost: loopback})
		if kw.Status != Without {
			want := "keyword '" + kw.Name + "' is known but not supported yet: " + kw.Why
			if kw.Status == Removed {
				want = strings.TrimPrefix(kw.Name, "option ") + "' is not supported anymore since HAProxy " + kw.Why
			}
			if cfg != nil || !strings.Contains(printed(p), want) {
				t.Errorf("%s: want %q, got\n%s", kw.Name, want, printed(p))
			}
		} else if cfg == nil || len(p.List) > 0 || len(cfg.Ignored) != 1 || cfg.Ignored[0].Keyword != kw.Name {
			t.Errorf("%s is not accepted as without meaning:\n%s", kw.Name, printed(p))
		}
	}
}

func TestNoKeywordStandsTwiceInOnePlace(t *testing.T) {
	for _, kw := range table().all {
		for _, other := range table().byName[kw.Name] {
			if other != kw && other.In&kw.In != 0 {
				t.Errorf("%s stands twice in %v", kw.Name, (other.In & kw.In).names())
			}
		}
	}
}

func TestDocShowsAKeywordByItsNameOrLastWord(t *testing.T) {
	for keyword, want := range map[string]string{
		"balance":     "example:\n        balance uri depth 2",
		"forwardfor":  "option forwardfor [except <network>]",
		"set-header":  "http-request set-header <name> <format>",
		"path_beg":    "ACL keywords: done",
		"stick-table": "Proxies: planned",
		"cpu-map":     "The global section: without meaning here",
		"lower":       "Converters: done",
		"peers":       "Sections: planned",
	} {
		var b bytes.Buffer
		if !Doc(&b, keyword) || !strings.Contains(b.String(), want) {
			t.Errorf("doc %s lacks %q:\n%s", keyword, want, b.String())
		}
	}
	var b bytes.Buffer
	if Doc(&b, "balence") || !strings.Contains(b.String(), "did you mean 'balance'") {
		t.Errorf("doc balence: %s", b.String())
	}
}
