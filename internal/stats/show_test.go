package stats

import (
	"errors"
	"strings"
	"testing"

	"bascule/internal/config"
)

func TestShowStatUnderstandsItsArguments(t *testing.T) {
	proxies := []*config.Proxy{{Name: "web", ID: 2}, {Name: "app", ID: 7}}
	for _, tt := range []struct {
		args string
		want Show
		err  error
	}{
		{"", Show{}, nil},
		{"typed", Show{Format: Typed}, nil},
		{"json", Show{Format: JSON}, nil},
		{"typed desc up", Show{Format: Typed, Desc: true, Filter: Filter{Up: true}}, nil},
		{"no-maint", Show{Filter: Filter{NoMaint: true}}, nil},
		{"-1 4 -1", Show{Filter: Filter{Kinds: 1 << Server}}, nil},
		{"7 -1 -1 typed", Show{Filter: Filter{Proxy: 7}, Format: Typed}, nil},
		{"app 3 -1", Show{Filter: Filter{Proxy: 7, Kinds: onFB}}, nil},
		{"app 4 2", Show{Filter: Filter{Proxy: 7, Kinds: onS, Server: 2}}, nil},
		{"app 0 -1", Show{Filter: Filter{Proxy: 7, Kinds: 1 << numKinds}}, nil},
		{"nobody 4 2", Show{}, ErrNoProxy},
		{"web", Show{}, nil},
		{"domain proxy typed", Show{Format: Typed}, nil},
	} {
		got, err := ParseShow(strings.Fields(tt.args), proxies)
		if !errors.Is(err, tt.err) || err == nil && got != tt.want {
			t.Errorf("show stat %s: %+v %v, want %+v %v", tt.args, got, err, tt.want, tt.err)
		}
	}
}

func TestAgesAndSizesAreShort(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{age(0), "0s"}, {age(59), "59s"}, {age(61), "1m01s"}, {age(3700), "1h01m"}, {age(90000), "1d01h"},
		{binary(1023), "1023"}, {binary(1024), "1 KiB"}, {binary(1536 << 10), "1.5 MiB"}, {binary(1<<40 - 1), "1 TiB"}, {binary(1 << 62), "4 EiB"},
		{grouped(0), "0"}, {grouped(-12), "-12"}, {grouped(1234567), "1\u202f234\u202f567"},
		{uptime(90061e9), "1d 1h01m01s"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func FuzzViewsAndSelectionsTakeAnything(f *testing.F) {
	f.Add("/;csv;norefresh;scope=a%20b")
	f.Add("?scope=*&scope=&metrics=-a,b&no-maint")
	f.Add("Basic b3BzOnNlY3JldA==")
	f.Add("Basic b3Bz\nOnNlY3JldA==")
	f.Fuzz(func(t *testing.T, s string) {
		v := parseView(&config.Stats{URI: "/"}, s)
		if len(v.scope) > maxScope || v.html && v.format != CSV {
			t.Errorf("view %+v of %q", v, s)
		}
		if sel := ParseSelection(s); sel.named("a") && !sel.named("a") {
			t.Error("a selection changes its mind")
		}
		given := strings.NewReplacer("\r", "", "\n", "").Replace(s) // base64 skips line ends; no field has them
		if authorized([]string{"ops:secret"}, s) && !strings.Contains(given, "b3BzOnNlY3JldA") {
			t.Errorf("%q is let in", s)
		}
	})
}
