package lang

import "testing"

func TestNearestFindsSlipsOfThePen(t *testing.T) {
	words := []string{"balance", "backlog", "bind", "timeout", "default_backend", "mode", "log"}
	for text, want := range map[string]string{
		"balence": "balance", "blaance": "balance", "bnid": "bind", "tiemout": "timeout", "default-backend": "default_backend",
		"defaultbackend": "default_backend", "mod": "mode", "lgo": "log", "foo": "", "x": "", "": "", "something": "", "frobnicate": "",
	} {
		if got := Nearest(text, words); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
