package logs

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"bascule/internal/lang"
)

// logLines have haproxy -c's verdict unless differs is set.
var logLines = []struct {
	line    string
	want    Target
	problem string
	differs bool
}{
	{"", Target{}, "log : expects <address> and <facility> or global as arguments", false},
	{"foo", Target{}, "log : expects <address> and <facility> or global as arguments", false},
	{"127.0.0.1", Target{}, "log : expects <address> and <facility> or global as arguments", false},
	{"127.0.0.1 local0", Target{Addr: "127.0.0.1:514", Len: 1024, Facility: 16, MinLevel: 7}, "", false},
	{"127.0.0.1:5140 daemon err", Target{Addr: "127.0.0.1:5140", Len: 1024, Facility: 3, MinLevel: 3}, "", false},
	{"127.0.0.1 local7 debug emerg", Target{Addr: "127.0.0.1:514", Len: 1024, Facility: 23, MinLevel: 7}, "", false},
	{"127.0.0.1 local0 info notice", Target{Addr: "127.0.0.1:514", Len: 1024, Facility: 16, MinLevel: 6, MaxLevel: 5}, "", false},
	{"[::1]:514 local0", Target{Addr: "[::1]:514", Len: 1024, Facility: 16, MinLevel: 7}, "", false},
	{"udp@127.0.0.1:514 local0", Target{Addr: "127.0.0.1:514", Len: 1024, Facility: 16, MinLevel: 7}, "", false},
	{"/dev/log local1 notice", Target{Addr: "/dev/log", Len: 1024, Facility: 17, MinLevel: 5}, "", false},
	{"unix@/dev/log local0", Target{Addr: "/dev/log", Len: 1024, Facility: 16, MinLevel: 7}, "", false},
	{"stdout len 100 format raw local0 info", Target{Addr: "stdout", Format: "raw", Len: 100, Facility: 16, MinLevel: 6}, "", false},
	{"stderr local0", Target{Addr: "stderr", Len: 1024, Facility: 16, MinLevel: 7}, "", false},
	{"fd@2 format rfc5424 local0", Target{Addr: "fd@2", Format: "rfc5424", Len: 1024, Facility: 16, MinLevel: 7}, "", false},
	{"localhost local0", Target{Addr: "127.0.0.1:514", Len: 1024, Facility: 16, MinLevel: 7}, "", false},
	{"127.0.0.1 foo", Target{}, "log : unknown log facility 'foo'", false},
	{"127.0.0.1 local0 foo", Target{}, "log : unknown optional log level 'foo'", false},
	{"127.0.0.1 local0 5", Target{}, "log : unknown optional log level '5'", false},
	{"127.0.0.1 local0 info foo", Target{}, "log : unknown optional minimum log level 'foo'", false},
	{"127.0.0.1 local0 info err x", Target{}, "log : cannot handle unexpected argument 'x'", false},
	{"127.0.0.1:abc local0", Target{}, "log : invalid character 'a' in port number 'abc' in '127.0.0.1:abc'", false},
	{"127.0.0.1 len local0", Target{}, "log : invalid log length 'local0', must be between 80 and 65535", false},
	{"127.0.0.1 len 79 local0", Target{}, "log : invalid log length '79', must be between 80 and 65535", false},
	{"127.0.0.1 len 65536 local0", Target{}, "log : invalid log length '65536', must be between 80 and 65535", false},
	{"127.0.0.1 len", Target{}, "log : invalid log length '', must be between 80 and 65535", false},
	{"127.0.0.1 format foo local0", Target{}, "log : unknown log format 'foo'", false},
	{"127.0.0.1 format", Target{}, "log : unknown log format ''", false},
	{"stdout format raw len 100 local0 info", Target{}, "log : unknown log facility 'len'", false},
	{"nosuchname.invalid local0", Target{}, "log : invalid address: 'nosuchname.invalid' in 'nosuchname.invalid'", false},
	{"127.0.0.1:99999 local0", Target{}, "log : invalid address: '127.0.0.1' in '127.0.0.1:99999'", false},
	{"ring@r local0", Target{Addr: "ring@r", Len: 1024, Facility: 16, MinLevel: 7}, "", false},
	{"tcp@127.0.0.1:514 format iso local0", Target{Addr: "tcp@127.0.0.1:514", Format: "iso", Len: 1024, Facility: 16, MinLevel: 7, Ring: &Section{
		Name: "tcp@127.0.0.1:514", Text: "of the log line to 127.0.0.1:514", Format: "iso", Size: 16384, MaxLen: 1024, Servers: []RingServer{{Name: "127.0.0.1:514", Addr: "127.0.0.1:514"}},
	}}, "", false},
	{"127.0.0.1 sample 2,5-6:6 local0", Target{Addr: "127.0.0.1:514", Len: 1024, Facility: 16, MinLevel: 7, Sample: &Sample{ranges: []span{{2, 2}, {5, 6}}, size: 6}}, "", false},
	{"127.0.0.1 sample 0:1 local0", Target{}, "log : wrong sample range '0'", false},
	{"127.0.0.1 sample 1-:5 local0", Target{}, "log : wrong sample range '1-'", false},
	{"127.0.0.1 sample 2-1:5 local0", Target{}, "log : wrong sample range '2-1'", false},
	{"127.0.0.1 sample a:b local0", Target{}, "log : wrong sample range 'a'", false},
	{"127.0.0.1 sample 3:2 local0", Target{}, "log : sample size 2 should be greater or equal to 3 the maximum of the high ranges limits", false},
	{"127.0.0.1 sample 1-2 local0", Target{}, "log : Missing sample size", false},
	{"127.0.0.1 sample :5 local0", Target{}, "log : no sampling ranges given", false},
	{"127.0.0.1 sample 1,1:5 local0", Target{}, "log : ranges are overlapping", false},
	{"127.0.0.1 sample 1:0 local0", Target{}, "log : wrong sample size '0' for sample range '1'", false},
}

func TestTargets(t *testing.T) {
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Fatal("this test compares with Debian's haproxy, which is not installed: `make deps` does that")
	}
	cfg := filepath.Join(t.TempDir(), "c.cfg")
	for _, c := range logLines {
		t.Run(c.line, func(t *testing.T) {
			var words []lang.Word
			for _, f := range strings.Fields(c.line) {
				words = append(words, lang.Word{Text: f})
			}
			var p lang.Problems
			got := ParseTarget(words, &p)
			switch {
			case c.problem == "" && (got == nil || !reflect.DeepEqual(*got, c.want)):
				t.Errorf("got %+v %v, want %+v", got, p.List, c.want)
			case c.problem != "" && (got != nil || len(p.List) != 1 || p.List[0].Text != c.problem):
				t.Errorf("got %+v %v, want %q", got, p.List, c.problem)
			}
			text := "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\nfrontend f\n bind 127.0.0.1:18080\n log " + c.line + "\n"
			if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if accepts := exec.Command(haproxy, "-c", "-f", cfg).Run() == nil; (accepts == (c.problem == "")) == c.differs {
				t.Errorf("haproxy accepts it: %v", accepts)
			}
		})
	}
}
