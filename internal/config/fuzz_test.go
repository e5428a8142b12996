package config

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bascule/internal/lang"
)

// sealed is an Env that knows nothing of this machine and does no I/O.
func sealed() Env {
	return Env{
		Getenv:   func(name string) (string, bool) { return "value", strings.HasPrefix(name, "S") },
		ReadFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist },
		Hostname: "lab",
		LookupHost: func(_ context.Context, name string) ([]netip.Addr, error) {
			if strings.HasSuffix(name, ".lxd") {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
			return nil, errors.New("no such name")
		},
		LookupUser:  func(string) (int, int, error) { return 100, 100, nil },
		LookupGroup: func(string) (int, error) { return 100, nil },
	}
}

func FuzzCondition(f *testing.F) {
	for _, cond := range conditions {
		f.Add(cond)
	}
	f.Add(strings.Repeat("!", maxDepth-1) + "1")
	f.Add(strings.Repeat("!", maxDepth-2) + "1")
	f.Fuzz(func(t *testing.T, cond string) {
		value, err := EvalCondition(cond, sealed())
		if err != nil && value {
			t.Fatalf("%q is true and an error: %v", cond, err)
		}
		words, splitErr := lang.Split(cond, lang.Pos{}, sealed().Getenv)
		if err != nil || splitErr != nil || len(words) != 1 || strings.ContainsAny(cond, "\\'\"$#\r\n") || len(cond)+len("!(") > maxDepth {
			return
		}
		// What can be read can be negated and put in parentheses, where that is not too deep.
		if opposite, err := EvalCondition("!("+cond+")", sealed()); strings.TrimSpace(cond) != "" && (err != nil || opposite == value) {
			t.Fatalf("%q is %v, !(…) is %v, %v", cond, value, opposite, err)
		}
	})
}

func FuzzLoad(f *testing.F) {
	for _, dir := range []string{"accepted", "refused"} {
		paths, err := filepath.Glob("../../test/config/" + dir + "/*.cfg")
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds in %s: %v", dir, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(data))
		}
	}
	f.Add("global\n foo\\x1b\n.notice \"\\x1b[31m\"\nfrontend a\\x1bb\n default_backend a\\x1bc\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, p := loadText(t, text, sealed())
		if (cfg == nil) != (p.Alerts() > 0) {
			t.Fatalf("config %v with %d alerts", cfg, p.Alerts())
		}
		lines := strings.Count(text, "\n") + 1
		for _, q := range p.List {
			if q.Pos.File != "" && (q.Pos.Line < 1 || q.Pos.Line > lines || q.Pos.Col < 0 || q.Text == "") {
				t.Fatalf("problem without a place: %+v", q)
			}
		}
		if out := printed(p); strings.ContainsFunc(out, isControl) {
			t.Fatalf("control bytes in %q", out)
		}
		if cfg == nil {
			return
		}
		for _, px := range cfg.Proxies {
			if px.ID < 1 || px.Name == "" {
				t.Fatalf("proxy without id or name: %+v", px)
			}
			for _, s := range px.Servers {
				if s.ID < 1 || s.Weight < 0 || s.Rise < 1 || s.Fall < 1 || s.Inter <= 0 || s.Addr.Kind == AddrTCP && !s.Addr.IP.IsValid() && !s.Unresolved {
					t.Fatalf("server %+v", s)
				}
			}
			for _, sw := range px.UseBackend {
				if sw.Name == nil && (sw.Backend == nil || !sw.Backend.Backend) {
					t.Fatalf("use_backend without a backend in %s", px.Name)
				}
			}
		}
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }
