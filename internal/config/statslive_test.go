package config

import (
	"strings"
	"testing"
)

func TestTheLivePageIsChosenForEachProxy(t *testing.T) {
	cfg := mustLoad(t, "defaults a\n"+timeouts+`    stats live off
frontend one from a
    bind 127.0.0.1:1
frontend two from a
    bind 127.0.0.1:2
    stats live on
    stats uri /two
frontend three from a
    bind 127.0.0.1:3
    stats uri /three
`)
	for i, want := range []bool{true, false, true} {
		if s := cfg.Proxies[i].Stats; s == nil || s.Dead != want {
			t.Errorf("%s: %+v", cfg.Proxies[i].Name, s)
		}
	}
	for _, line := range []string{"stats live", "stats live maybe", "stats live off now"} {
		_, problems := loadText(t, "defaults\n"+timeouts+"frontend f\n    bind 127.0.0.1:1\n    "+line+"\n", Env{})
		if text := printed(problems); !strings.Contains(text, "ALERT") || !strings.Contains(text, "stats live") {
			t.Errorf("%q: %s", line, text)
		}
	}
}
