package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAProxysLogTagIsItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tag.cfg")
	text := "global\n  log 127.0.0.1:514 local0\n  log-tag all\ndefaults\n  mode http\n  log global\n  timeout client 1s\n  timeout server 1s\n  timeout connect 1s\n" +
		"listen a\n  bind 127.0.0.1:1\n  log-tag mine\nlisten b\n  bind 127.0.0.1:2\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, p := Load([]string{path}, System())
	if cfg == nil {
		t.Fatal(p.List)
	}
	for i, want := range []string{"mine", ""} {
		if got := cfg.Proxies[i].Logs[0].Tag; got != want {
			t.Errorf("%s: the target's tag is %q, want %q", cfg.Proxies[i].Name, got, want)
		}
	}
	if cfg.Global.Logs[0].Tag != "" {
		t.Error("the global target has a proxy's tag")
	}
}
