package cli

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"bascule/internal/config"
)

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		name string
		args string
		want func(f *flags)
	}{
		{"files", "-f a -f b", func(f *flags) { f.files = []string{"a", "b"} }},
		{"files after two dashes", "-c -- a -b c", func(f *flags) { f.check, f.files = true, []string{"a", "-b", "c"} }},
		{"a test driver's", "-d -dM -dI -dW -f c -L me", func(f *flags) { f.foreground, f.zeroWarn, f.files, f.peer = true, true, []string{"c"}, "me" }},
		{"a test driver's master", "-d -Ws -S fd@7 -f c -p p", func(f *flags) {
			f.foreground, f.master, f.systemd, f.socket, f.files, f.pidfile = true, true, true, "fd@7", []string{"c"}, "p"
		}},
		{"old processes", "-f c -sf 1 2 -st 3 -D", func(f *flags) {
			f.files, f.finish, f.terminate, f.daemon = []string{"c"}, []int{1, 2}, []int{3}, true
		}},
		{"old processes at the end, none", "-f c -sf", func(f *flags) { f.files = []string{"c"} }},
		{"tuning", "-n 5 -N 6 -m 7 -dMx -dKall -dS -de -f c", func(f *flags) {
			f.maxconn, f.files = 5, []string{"c"}
			f.disabled["SPLICE"], f.disabled["EPOLL"] = true, true
		}},
		{"quiet, then not", "-q -V", func(f *flags) { f.verbose = true }},
		{"versions", "-v -vv", func(f *flags) { f.version = 2 }},
		{"a condition", "-cc 1", func(f *flags) { v := "1"; f.condition = &v }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := &flags{disabled: map[string]bool{}}
			c.want(want)
			got, err := parseFlags(strings.Fields(c.args))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s\n got %+v, %v\nwant %+v", c.args, got, err, want)
			}
		})
	}
}

func TestFlagsThatAreRefused(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-z", "unknown flag '-z'"},
		{"-dQ", "unknown flag '-dQ'"},
		{"--help", "unknown flag '--help'"},
		{"file.cfg", "neither a flag nor a command"},
		{"-f", "-f expects an argument"},
		{"-n many", "-n expects a number"},
		{"-n -1", "-n expects a number"},
	} {
		t.Run(c.args, func(t *testing.T) {
			if f, err := parseFlags(strings.Fields(c.args)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it gives %+v, %v", f, err)
			}
		})
	}
}

func TestEnabledFollowsTheFlags(t *testing.T) {
	f, err := parseFlags([]string{"-dS"})
	if err != nil {
		t.Fatal(err)
	}
	if f.enabled("SPLICE") || !f.enabled("EPOLL") || f.enabled("KQUEUE") {
		t.Errorf("SPLICE %t, EPOLL %t, KQUEUE %t", f.enabled("SPLICE"), f.enabled("EPOLL"), f.enabled("KQUEUE"))
	}
}

func TestMasterSocket(t *testing.T) {
	for _, c := range []struct {
		text, wrong string
		kind        config.AddrKind
		path        string
		port, fd    int
		level       string
	}{
		{text: "/run/m.sock", kind: config.AddrUnix, path: "/run/m.sock", level: "admin"},
		{text: "unix@/m,mode,660,level,user", kind: config.AddrUnix, path: "/m", level: "user"},
		{text: "fd@12", kind: config.AddrFD, fd: 12, level: "admin"},
		{text: "abns@name", kind: config.AddrAbns, path: "name", level: "admin"},
		{text: "127.0.0.1:81", port: 81, level: "admin"},
		{text: "[::1]:81", port: 81, level: "admin"},
		{text: ":82", port: 82, level: "admin"},
		{text: "fd@x", wrong: "not a descriptor"},
		{text: "name", wrong: "expects a path"},
		{text: "host:80", wrong: "not an address"},
		{text: "/m,mode,9", wrong: "mode"},
		{text: "/m,nice,1", wrong: "unknown option"},
	} {
		t.Run(c.text, func(t *testing.T) {
			s, err := parseSocket(c.text)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Errorf("it gives %+v, %v", s, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a := s.Addr; a.Kind != c.kind || a.Path != c.path || a.Port != c.port || a.FD != c.fd || s.Level != c.level {
				t.Errorf("it gives %+v", s)
			}
		})
	}
	if s, err := parseSocket(""); s != nil || err != nil {
		t.Errorf("nothing gives %+v, %v", s, err)
	}
}

func TestCommandsThatNeedNoProcess(t *testing.T) {
	for _, c := range []struct {
		name, args, out string
		code            int
	}{
		{"version", "version", "HAProxy version 3.2.", 0},
		{"doc of a keyword", "doc balance", "balance", 0},
		{"doc of nothing", "doc", "", 1},
		{"doc of a stranger", "doc nonsense", "", 1},
		{"the manual", "doc --reference", "# ", 0},
		{"the status of all", "doc --status", "planned", 0},
		{"a reload of nobody", "reload", "", 1},
		{"a reload of a dead one", "reload -s /nonexistent/sock", "", 1},
		{"no file to check", "check", "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := Main(append([]string{"bascule"}, strings.Fields(c.args)...), strings.NewReader(""), &stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String(), c.out) {
				t.Errorf("exit %d, want %d; output %.200q, errors %.200q", code, c.code, stdout.String(), stderr.String())
			}
			if code != 0 && stdout.Len()+stderr.Len() == 0 {
				t.Error("it fails without a word")
			}
		})
	}
}
