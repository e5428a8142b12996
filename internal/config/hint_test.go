package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestOnlySoManyUnknownNamesGetASuggestion(t *testing.T) {
	var text strings.Builder
	text.WriteString("defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\nfrontend fe\n    bind 127.0.0.1:80\n")
	for i := range 3 * maxHints {
		fmt.Fprintf(&text, "    use_backend aip_%d if TRUE\n", i)
	}
	for i := range 3 * maxHints {
		fmt.Fprintf(&text, "backend api_%d\n    use-server s if TRUE\n", i)
	}
	_, problems := loadText(t, text.String(), Env{})
	unknown, near := 0, 0
	for i := range problems.List {
		q := &problems.List[i]
		if !strings.Contains(q.Text, "unable to find") {
			continue
		}
		if unknown++; q.Near != "" {
			if near++; !strings.HasSuffix(q.Text, "'aip_"+q.Near[len("api_"):]+"'.") || len(q.Allowed) != 3*maxHints {
				t.Errorf("%s: did you mean %s, of %d", q.Text, q.Near, len(q.Allowed))
			}
		}
	}
	if unknown != 6*maxHints || near != maxHints {
		t.Errorf("got %d unknown names and %d suggestions, want %d and %d", unknown, near, 6*maxHints, maxHints)
	}
}
