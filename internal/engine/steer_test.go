package engine

import (
	"net"
	"regexp"
	"strings"
	"testing"
)

const steerConfig = `
global
    stats socket $DIR/sock mode 600 level admin expose-fd listeners
    stats socket $DIR/user mode 600 level user
    stats socket $DIR/oper mode 600 level operator
    stats timeout 5m
    maxconn 100
    nbthread 1
    set-var proc.seven int(7)
    set-var proc.hello str(hello)
defaults
    mode http
    timeout connect 30s
    timeout client 30s
    timeout server 30s
frontend fe
    bind $FE
    default_backend be
listen li
    bind $LI
    server x $REFUSING
backend be
    cookie C insert
    server a $REFUSING check inter 1h cookie a
    server b $REFUSING weight 50 maxconn 3
    server t $REFUSING track a
    server u $REFUSING
    use-server u if { path /u }
backend be2
    id 77
    balance uri
    server c $REFUSING
backend be3
    server a $REFUSING
`

// within fills in what differs between two processes.
func (s steered) text(t *testing.T) string {
	return strings.NewReplacer("$FE", s.fe, "$LI", freeAddr(t), "$REFUSING", s.refusing).Replace(steerConfig)
}

type steered struct{ fe, refusing string }

// estimate is where the two count the connections that a server will need differently.
var estimate = regexp.MustCompile(`(?m)(/\S+ \d+/\d+ \S+ \d+ - \d+) \d+ \d+ \d+ `)

// TestSteeringIsHAProxys is TestAnswersAreHAProxys for commands that add and
// remove servers, and change frontends, limits and variables.
func TestSteeringIsHAProxys(t *testing.T) {
	refusing := freeAddr(t)
	ours, other := steered{freeAddr(t), refusing}, steered{freeAddr(t), refusing}
	theirs := startOracle(t, other.text(t))
	b := run(t, ours.text(t))
	eventually(t, "the check has failed", func() bool { return strings.Contains(ask(t, b.socket, "show stat\n"), ",L4CON,") })
	fields := func(answer string) string { // of "show stat": the names, states and limits of frontends
		var list []string
		for _, line := range strings.Split(answer, "\n") {
			if f := strings.Split(line, ","); len(f) > 20 && f[1] == "FRONTEND" {
				list = append(list, f[0]+" "+f[17]+" "+f[6])
			}
		}
		return strings.Join(list, "\n")
	}
	compare := func(path, line string) {
		t.Helper()
		want, got := agreed(t, line, theirs+path, b.dir+path, func(answer string) string {
			answer = strings.NewReplacer(theirs, "DIR", b.dir, "DIR").Replace(stable(answer))
			switch {
			case line == "show stat":
				answer = fields(answer)
			case strings.HasPrefix(line, "show servers conn"):
				answer = estimate.ReplaceAllString(answer, "$1 ")
			}
			return strings.TrimRight(answer, "\n")
		})
		if got != want && !differs(line, got, want) {
			t.Errorf("%s %q\n got %q\nwant %q", path, line, got, want)
		}
	}
	for _, line := range steering {
		compare("/sock", line)
	}
	for _, line := range []string{
		"add server be/q 127.0.0.1:1", "del server be/b", "disable frontend fe", "set maxconn global 5", "set maxconn frontend fe 5", "set rate-limit sessions global 5",
		"get var proc.seven", "show servers conn", "show schema", "shutdown frontend fe", "set server be2/c addr 127.0.0.2",
	} {
		compare("/user", line)
		compare("/oper", line)
	}
	if !refuses(ours.fe) || !refuses(other.fe) {
		t.Error("a frontend that was shut down takes clients")
	}
}

func refuses(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
	}
	return err != nil
}

var steering = []string{
	"get var", "get var proc.seven", "get var proc.hello", "get var proc.none", "get var req.x",
	"experimental-mode", "expert-mode", "experimental-mode on", "experimental-mode x", "experimental-mode on;experimental-mode;expert-mode",
	"experimental-mode on; set var proc.seven int(5)", "get var proc.seven", "experimental-mode on; set var proc.q expr str(a)", "get var proc.q",
	"experimental-mode on; set var proc.z fmt %[int(3)]x", "get var proc.z", "experimental-mode on; set var proc.b bool(1)", "get var proc.b",
	"experimental-mode on; set var proc.one", "experimental-mode on; set var",
	"show cli sockets",
	"set maxconn global", "set maxconn global 50", "set maxconn global 100000", "set maxconn global 0",
	"set maxconn frontend", "set maxconn frontend x", "set maxconn frontend fe", "set maxconn frontend fe -1", "set maxconn frontend fe 17", "set maxconn frontend be 3", "show stat",
	"set rate-limit sessions global", "set rate-limit sessions global 5", "set rate-limit connections global 9",
	"disable frontend", "disable frontend x", "disable frontend be", "disable frontend fe", "show stat", "disable frontend fe", "enable frontend fe", "enable frontend fe",
	"enable frontend", "disable frontend li", "show stat", "enable frontend li", "show stat", "shutdown frontend", "shutdown frontend x",
	"shutdown frontend fe", "shutdown frontend fe", "enable frontend fe", "disable frontend fe", "set maxconn frontend fe 5", "show stat",
	"add server", "add server be", "add server be/", "add server be/n", "add server zz/n 127.0.0.1:1", "add server be2/n 127.0.0.1:1",
	"add server be/n 127.0.0.1:18299", "add server be/n 127.0.0.1:18299", "show servers state be",
	"add server be/w 127.0.0.1:18299 weight 10 maxconn 7 id 33", "add server be/bad 127.0.0.1:18299 wieght 5", "show servers state be",
	"enable server be/n", "show servers state be", "get weight be/w", "add server be/k 127.0.0.1:18299 check inter 1h", "enable health be/k", "enable health be/n",
	"del server", "del server be", "del server be/zz", "del server be/n", "disable server be/n", "del server be/n",
	"disable server be/a", "del server be/a", "disable server be/u", "del server be/u", "del server be/k", "show servers state be",
	"disable server be/b", "del server be/b", "show servers state be", "enable server be/u", "enable server be/a",
	"set server be2/c addr", "set server be2/c addr x", "set server be2/c addr 127.0.0.9", "set server be2/c addr 127.0.0.9",
	"set server be2/c addr 127.0.0.9 port 99", "set server be2/c addr 127.0.0.9 port 99", "set server be2/c addr 127.0.0.9 port x", "set server be2/c addr 127.0.0.9 port",
	"set server be2/c addr ::1 port 7", "set server be2/c addr 127.0.0.1 foo", "show servers state be2",
	"set server be/a fqdn", "set server be/a fqdn localhost", "set server be/a ssl on", "set server be/a port 5", "set server be/a",
	"del server be/w", "show servers conn", "show servers conn be2", "show servers conn nope",
}
