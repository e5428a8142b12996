package stats

import (
	"strings"
	"testing"

	"bascule/internal/loop"
)

func TestHandshakesInTheMetrics(t *testing.T) {
	p := Facts{Process: Process{FrontTLS: loop.HandshakeFacts{Waiting: 3, Begun: 2}, BackTLS: loop.HandshakeFacts{Begun: 1}}}
	for end := range loop.HandshakeEnds {
		p.FrontTLS.Ended[end] = 10 + int64(end)
	}
	p.BackTLS.Ended[loop.HandshakeResumed] = 7
	p.TLSLimited[TLSConns] = true
	const want = `bascule_tls_handshakes_total{side="frontend",result="given-up"} 10
bascule_tls_handshakes_total{side="frontend",result="full"} 11
bascule_tls_handshakes_total{side="frontend",result="resumed"} 12
bascule_tls_handshakes_total{side="frontend",result="closed"} 13
bascule_tls_handshakes_total{side="frontend",result="timeout"} 14
bascule_tls_handshakes_total{side="frontend",result="crowded"} 15
bascule_tls_handshakes_total{side="frontend",result="not-tls"} 16
bascule_tls_handshakes_total{side="frontend",result="unshared"} 17
bascule_tls_handshakes_total{side="frontend",result="certificate"} 18
bascule_tls_handshakes_total{side="frontend",result="other"} 19
bascule_tls_handshakes_total{side="backend",result="given-up"} 0
bascule_tls_handshakes_total{side="backend",result="full"} 0
bascule_tls_handshakes_total{side="backend",result="resumed"} 7
bascule_tls_handshakes_total{side="backend",result="closed"} 0
bascule_tls_handshakes_total{side="backend",result="timeout"} 0
bascule_tls_handshakes_total{side="backend",result="crowded"} 0
bascule_tls_handshakes_total{side="backend",result="not-tls"} 0
bascule_tls_handshakes_total{side="backend",result="unshared"} 0
bascule_tls_handshakes_total{side="backend",result="certificate"} 0
bascule_tls_handshakes_total{side="backend",result="other"} 0
bascule_tls_handshakes{side="frontend",stage="waiting"} 3
bascule_tls_handshakes{side="frontend",stage="begun"} 2
bascule_tls_handshakes{side="backend",stage="waiting"} 0
bascule_tls_handshakes{side="backend",stage="begun"} 1
bascule_tls_limit_reached{limit="crowd"} 0
bascule_tls_limit_reached{limit="maxsslconn"} 1
bascule_tls_limit_reached{limit="maxsslrate"} 0
`
	sel := ParseSelection("")
	var got strings.Builder
	for line := range strings.Lines(string(appendHandshakes(nil, &p, &sel))) {
		if !strings.HasPrefix(line, "#") {
			got.WriteString(line)
		}
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestKeysOfTLSInShowInfo(t *testing.T) {
	for _, c := range []struct {
		name             string
		all, front, back int64
		want             string
	}{
		{"nobody came", 0, 0, 0, "0 0 0 0 0"},
		{"nobody resumed", 5, 5, 1, "5 9 0 1 9"},
		{"some resumed, rounded down", 13, 9, 2, "9 9 30 2 9"}, // as HAProxy 2.6 does
		{"all resumed", 4, 0, 0, "0 9 100 0 9"},
		{"some had begun before", 2, 3, 0, "3 9 0 0 9"},
	} {
		p := Facts{Rates: ProcessRates{SSL: Rate{c.all, 99}, FrontKeys: Rate{c.front, 9}, BackKeys: Rate{c.back, 9}}}
		if c.all == 0 {
			p.Rates = ProcessRates{}
		}
		var b strings.Builder
		if err := WriteInfo(&b, &p, CSV, false); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(b.String()) {
			if name, value, _ := strings.Cut(strings.TrimSpace(line), ": "); strings.HasPrefix(name, "SslFrontend") || strings.HasPrefix(name, "SslBackend") {
				got = append(got, value)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}
