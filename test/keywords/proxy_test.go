package keywords

import (
	"net/netip"
	"strings"
	"testing"

	"bascule/test/loopback"
)

// reserved is an address of ::1, of which there is one only.
func reserved(t *testing.T) string {
	t.Helper()
	at, release, err := loopback.Reserve(netip.IPv6Loopback())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return at.String()
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// A running haproxy names its clients to bascule in both versions of the PROXY
// protocol, over IPv4, IPv6 and, without addresses, for a unix socket; its
// checks pass too.
func TestHAProxyNamesItsClients(t *testing.T) {
	to := newWorld(t, "bascule")
	to.start(&row{cfg: "frontend f\n    bind $F1 accept-proxy\n    http-request return status 200 content-type text/plain lf-string \"%[src] to %[dst]:%[dst_port].\"\n"})
	from := newWorld(t, "haproxy")
	from.vars["TO"], from.vars["SIX1"], from.vars["SIX2"] = to.vars["F1"], reserved(t), reserved(t)
	from.start(&row{cfg: "listen v1\n    mode tcp\n    option tcplog\n    bind $F1\n    bind $SIX1\n    bind $DIR/v1.sock\n    server s $TO send-proxy\n" +
		"listen v2\n    mode tcp\n    option tcplog\n    bind $F2\n    bind $SIX2\n    bind $DIR/v2.sock\n    server s $TO send-proxy-v2\n" +
		"backend checks\n    option httpchk GET /\n    server v1 $TO send-proxy check inter 1s\n    server v2 $TO send-proxy-v2 check inter 1s\n"})
	request := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, tt := range []struct{ dial, want string }{
		{"$F1", "\n127.0.0.1 to $F1."}, {"$F2", "\n127.0.0.1 to $F2."},
		{"$SIX1", "\n::1 to ::1:" + portOf(from.vars["SIX1"]) + "."}, {"$SIX2", "\n::1 to ::1:" + portOf(from.vars["SIX2"]) + "."},
		// Nothing is said of a unix socket's client: the connection's own ends count.
		{"$DIR/v1.sock", "\n127.0.0.1 to $TO."}, {"$DIR/v2.sock", "\n127.0.0.1 to $TO."},
	} {
		if err := send(tt.dial, request, from.fill(tt.want))(from); err != nil {
			t.Errorf("%s: %v", tt.dial, err)
		}
	}
	for _, srv := range []string{"checks/v1", "checks/v2"} {
		if err := state(srv, "check_status", "L7OK")(from); err != nil {
			t.Errorf("%s: %v", srv, err)
		}
	}
}
