package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checkLines are lines about checks, each for a backend of its own. What stands
// before the last line is right.
var checkLines = []string{
	"option httpchk\nhttp-check", "option httpchk\nhttp-check foo", "option httpchk\nhttp-check comment", "option httpchk\nhttp-check comment a",
	"option httpchk\nhttp-check send foo", "option httpchk\nhttp-check send meth", "option httpchk\nhttp-check send uri-lf %[foo]",
	"option httpchk\nhttp-check send uri /a uri-lf /b", "option httpchk\nhttp-check send hdr a", "option httpchk\nhttp-check send hdr a %[foo]",
	"option httpchk\nhttp-check send hdr host x hdr Host y", "option httpchk\nhttp-check send body-lf", "option httpchk\nhttp-check send comment",
	"option httpchk\nhttp-check send meth GET\nhttp-check send meth GET", "option httpchk\nhttp-check expect status 200\nhttp-check expect string x",
	"option httpchk\nhttp-check connect\nhttp-check connect", "option httpchk\nhttp-check connect\nhttp-check expect status 200",
	"option httpchk\nhttp-check expect status 200\nhttp-check connect", "option httpchk\nhttp-check expect status 200\nhttp-check send uri /",
	"http-check expect status 200\nhttp-check send uri /\noption httpchk", "option httpchk\nhttp-check connect\nhttp-check set-var(check.x) int(1)\nhttp-check connect",
	"option httpchk\nhttp-check send-state foo", "option httpchk\nhttp-check send-state", "option httpchk\nhttp-check disable-on-404 foo",
	"option httpchk\nhttp-check expect", "option httpchk\nhttp-check expect status", "option httpchk\nhttp-check expect status 99", "option httpchk\nhttp-check expect status 200,x",
	"option httpchk\nhttp-check expect status 200-100", "option httpchk\nhttp-check expect status 200,300-399",
	"option httpchk\nhttp-check expect rstatus (", "option httpchk\nhttp-check expect hdr", "option httpchk\nhttp-check expect hdr foo", "option httpchk\nhttp-check expect hdr name",
	"option httpchk\nhttp-check expect hdr name -m foo x", "option httpchk\nhttp-check expect hdr name -m reg (", "option httpchk\nhttp-check expect hdr name x value",
	"option httpchk\nhttp-check expect hdr name x value -m str", "option httpchk\nhttp-check expect hdr name x value y z", "option httpchk\nhttp-check expect hdr name-lf -m reg x",
	"option httpchk\nhttp-check expect ! hdr name -m beg x value-lf -m end %[be_name]", "option httpchk\nhttp-check expect fhdr name x", "option httpchk\nhttp-check expect binary 00",
	"option httpchk\nhttp-check expect string-lf %[foo]", "option httpchk\nhttp-check expect string-lf", "option httpchk\nhttp-check expect ! ! status 200",
	"option httpchk\nhttp-check expect !status 200", "option httpchk\nhttp-check expect status-code foo status 200", "option httpchk\nhttp-check expect status-code res.hdr(x) status 200",
	"option httpchk\nhttp-check expect status 200 comment x", "option httpchk\nhttp-check expect status 200 status 201", "option httpchk\nhttp-check expect min-recv 5 string abc",
	"option httpchk GET / x y", "no option httpchk", "no option tcp-check",
	"option smtpchk a b c", "option smtpchk EHLO", "option smtpchk EHLO x", "option redis-check a", "option redis-check", "option ssl-hello-chk a", "option tcp-check a",
	"option tcp-check\ntcp-check", "option tcp-check\ntcp-check foo", "option tcp-check\ntcp-check comment", "option tcp-check\ntcp-check connect foo", "option tcp-check\ntcp-check connect port",
	"option tcp-check\ntcp-check connect port foo", "option tcp-check\ntcp-check connect port 0", "option tcp-check\ntcp-check connect port 70000", "option tcp-check\ntcp-check connect port int(80)",
	"option tcp-check\ntcp-check connect port var(check.p)", "option tcp-check\ntcp-check connect addr", "option tcp-check\ntcp-check connect addr 127.0.0.1", "option tcp-check\ntcp-check connect comment",
	"option tcp-check\ntcp-check connect linger default send-proxy comment x", "option tcp-check\ntcp-check send", "option tcp-check\ntcp-check send x y", "option tcp-check\ntcp-check send x comment",
	"option httpchk\nhttp-check connect ssl sni", "option httpchk\nhttp-check connect ssl sni a.test alpn h2,http/1.1 default port 8443 addr 127.0.0.1 linger send-proxy comment hi", "option httpchk\nhttp-check connect ssl alpn",
	"option httpchk\nhttp-check connect sni a.test ssl ssl", "option httpchk\nhttp-check connect proto", "option httpchk\nhttp-check connect proto h1", "option httpchk\nhttp-check connect proto none", "option httpchk\nhttp-check connect proto x",
	"option tcp-check\ntcp-check connect ssl alpn x,y", "option tcp-check\ntcp-check connect proto h1", "option tcp-check\ntcp-check connect proto h2", "option tcp-check\ntcp-check connect proto none", "option tcp-check\ntcp-check connect sni",
	"option httpchk\nhttp-check connect ssl\nserver s 127.0.0.1:1", "option httpchk\nhttp-check connect ssl\nserver s 127.0.0.1:1 verify none", "tcp-check connect ssl\nserver s 127.0.0.1:1",
	"option tcp-check\ntcp-check send x comment z q", "option tcp-check\ntcp-check send-binary 4", "option tcp-check\ntcp-check send-binary zz", "option tcp-check\ntcp-check send-binary 4a comment x",
	"option tcp-check\ntcp-check send-lf %[foo]", "option tcp-check\ntcp-check send-lf %[srv_name]%[be_name]", "option tcp-check\ntcp-check send-binary-lf %[be_name,hex]",
	"option tcp-check\ntcp-check expect", "option tcp-check\ntcp-check expect string", "option tcp-check\ntcp-check expect foo x", "option tcp-check\ntcp-check expect binary 4", "option tcp-check\ntcp-check expect rstring (",
	"option tcp-check\ntcp-check expect min-recv", "option tcp-check\ntcp-check expect min-recv -2 string x", "option tcp-check\ntcp-check expect min-recv -1 string x", "option tcp-check\ntcp-check expect ok-status",
	"option tcp-check\ntcp-check expect ok-status L7TOUT string x", "option tcp-check\ntcp-check expect error-status L7OK string x", "option tcp-check\ntcp-check expect error-status L7OKC string x",
	"option tcp-check\ntcp-check expect tout-status L7OK string x", "option tcp-check\ntcp-check expect status-code string x", "option tcp-check\ntcp-check expect on-error", "option tcp-check\ntcp-check expect on-error %[foo] string x",
	"option tcp-check\ntcp-check expect on-success ok string x", "option tcp-check\ntcp-check expect string x string y", "option tcp-check\ntcp-check expect string x y", "option tcp-check\ntcp-check expect status 200",
	"option tcp-check\ntcp-check set-var(check.x)", "option tcp-check\ntcp-check set-var(x) int(1)", "option tcp-check\ntcp-check set-var(check.x,ifexists) int(1)", "option tcp-check\ntcp-check set-var(check.x) req.hdr(x)",
	"option tcp-check\ntcp-check unset-var", "option tcp-check\ntcp-check unset-var(check.x)", "option tcp-check\ntcp-check send a\ntcp-check connect",
	"server s 127.0.0.1:80 agent-port", "server s 127.0.0.1:80 agent-addr", "server s 127.0.0.1:80 agent-addr 127.0.0.1:90", "server s 127.0.0.1:80 agent-inter", "server s 127.0.0.1:80 agent-inter 0",
	"server s 127.0.0.1:80 agent-inter x", "server s 127.0.0.1:80 agent-send", "server s 127.0.0.1:80 agent-check", "server s 127.0.0.1:80 agent-check agent-port 5 no-agent-check",
	"server s 127.0.0.1:80 track", "server s 127.0.0.1:80 check track t", "server s 127.0.0.1:80 check-send-proxy check", "server s 127.0.0.1:80 check inter 0", "server s 127.0.0.1:80 check fall 0",
	"server s 127.0.0.1:80 check addr", "server s 127.0.0.1:80 check port",
}

func TestWhatConnectsOfChecksCannotDoIsRefusedByName(t *testing.T) {
	for lines, word := range map[string]string{
		"option httpchk\n    http-check connect via-socks4": "via-socks4", "option tcp-check\n    tcp-check connect ssl via-socks4": "via-socks4",
		"option httpchk\n    http-check connect proto h2": "h2", "option httpchk\n    http-check connect proto fcgi": "fcgi",
	} {
		_, p := loadText(t, "defaults\n"+timeouts+"backend b\n    "+lines+"\n", Env{})
		if text := printed(p); !strings.Contains(text, word+"' is known but not supported yet") {
			t.Errorf("%s:\n%s", lines, text)
		}
	}
}

// trackLines are servers that follow others; HAProxy looks at them when all
// lines are right.
var trackLines = []string{
	"server s 127.0.0.1:80 track t\nserver t 127.0.0.1:81 check", "server t 127.0.0.1:81 check\nserver s 127.0.0.1:80 track s", "server s 127.0.0.1:80 track x",
	"server s 127.0.0.1:80 track nowhere/x", "server t 127.0.0.1:81\nserver s 127.0.0.1:80 track t", "server t 127.0.0.1:81 agent-check agent-port 5\nserver s 127.0.0.1:80 track t",
	"server t 127.0.0.1:81 check\nserver s 127.0.0.1:80 track t\nserver u 127.0.0.1:82 track s", "server t 127.0.0.1:81 check\nserver s 127.0.0.1:80 track t agent-check agent-port 3",
	"http-check disable-on-404\noption httpchk\nserver s 127.0.0.1:80 track b0/t",
}

var problemLine = regexp.MustCompile(`(?m)^\[(ALERT|WARNING)\].*\[[^]]*\.cfg:(\d+)\] ?: `)

// verdicts are the kinds of problems by line.
func verdicts(output string) map[string]string {
	found := map[string]string{}
	for _, m := range problemLine.FindAllStringSubmatch(output, -1) {
		if found[m[2]] != "ALERT" {
			found[m[2]] = m[1]
		}
	}
	return found
}

func TestLinesAboutChecksAreTakenAsHAProxyTakesThem(t *testing.T) {
	lists := [][]string{trackLines}
	for few := range slices.Chunk(checkLines, 8) { // HAProxy gives up after some mistakes
		lists = append(lists, few)
	}
	refused := 0
	for _, list := range lists {
		text := "defaults\n" + timeouts
		at := make([]string, len(list)) // the line that each ends on
		for i, lines := range list {
			text += fmt.Sprintf("backend b%d\n    %s\n", i, strings.ReplaceAll(lines, "\n", "\n    "))
			at[i] = fmt.Sprint(strings.Count(text, "\n"))
		}
		path := filepath.Join(t.TempDir(), "c.cfg")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, p := Load([]string{path}, Env{LookupHost: loopback})
		got, want := verdicts(printed(p)), verdicts(haproxyCheck(t, path))
		refused += len(want)
		for i, lines := range list {
			if got[at[i]] != want[at[i]] {
				t.Errorf("%s: got %q, haproxy says %q ", lines, got[at[i]], want[at[i]])
			}
		}
	}
	if refused < len(checkLines)/2 {
		t.Errorf("haproxy refused only %d lines", refused)
	}
}
