package advice

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bascule/internal/config"
)

// given is the advice on a file.
func given(t *testing.T, text string) []Finding {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.cfg")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{path}, config.Env{Hostname: "lab"})
	if cfg == nil {
		t.Fatalf("the file does not load: %v", problems.List)
	}
	return Give(cfg)
}

// sound is a configuration on which there is no advice; the cases change a line.
const sound = `global
    stats socket /run/lab/admin.sock mode 660 level admin
    ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256:!MD5
defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    timeout http-request 10s
    timeout connect 5s
    timeout queue 30s
    retries 3
    option redispatch 1
    option forwardfor
frontend public
    bind :8080
    http-request del-header X-Forwarded-For
    use_backend streams if { path_beg /hls/ }
    default_backend web
backend web
    balance leastconn
    fullconn 500
    cookie SRV insert indirect nocache httponly secure attr "SameSite=Lax"
    default-server check inter 2s fall 3 rise 2 minconn 10 maxconn 100 slowstart 10s on-marked-down shutdown-sessions
    server w1 127.0.0.1:81 cookie w1
    server w2 127.0.0.1:82 cookie w2
backend streams
    balance uri depth 2
    hash-type consistent
    default-server check inter 2s maxconn 100 weight 100 on-marked-down shutdown-sessions
    server s1 127.0.0.1:83 id 1
    server s2 127.0.0.1:84 id 2
    server s3 127.0.0.1:85 id 3
listen stats
    bind 127.0.0.1:9100
    stats enable
`

func TestASoundConfigurationGetsNoAdvice(t *testing.T) {
	for _, a := range given(t, sound) {
		t.Errorf("%s at line %d: %s", a.ID, a.At.Line, a.Text)
	}
}

// cases change one line of sound; each must bring its advice, at that line.
var cases = []struct {
	id       string
	old, new string
	line     string // what the line of the finding contains; "": new
	section  string
	says     string
}{
	{"timeout-missing", "    timeout client 60s\n", "", "frontend public", "frontend public", "timeout client is not set"},
	{"timeout-missing", "    timeout server 60s\n", "", "backend web", "backend web", "timeout server is not set"},
	{"timeout-missing", "    timeout connect 5s\n", "", "backend web", "backend web", "timeout connect is not set"},
	{"timeout-tunnel", "    timeout tunnel 1h\n", "", "backend web", "backend web", "timeout server (here 1m0s)"},
	{"timeout-tunnel", "    timeout server 60s\n    timeout tunnel 1h\n", "", "backend web", "backend web", "never where that is missing too"},
	{"timeout-http-request", "    timeout http-request 10s\n", "", "frontend public", "frontend public", "as long as it likes"},
	{"timeout-queue", "    timeout queue 30s\n", "", "backend web", "backend web", "for a connection, 5s"},
	{"timeout-queue", "    timeout connect 5s\n    timeout queue 30s\n", "    timeout queue 0\n", "timeout queue 0", "backend web", "without limit"},
	{"queue-without-maxconn", "check inter 2s maxconn 100 weight", "check inter 2s weight", "timeout queue", "backend streams", "no server of streams"},
	{"hash-scatters-segments", "balance uri depth 2", "balance uri", "", "backend streams", "/hls/"},
	{"hash-includes-query", "balance uri depth 2", "balance uri depth 2 whole", "", "backend streams", "question mark"},
	{"hash-map-based", "    hash-type consistent\n", "", "balance uri", "backend streams", "moves about 2 of 3 keys"},
	{"ring-uneven", "weight 100", "weight 2", "hash-type", "backend streams", "its weight is due 33 %"},
	{"server-id-missing", "127.0.0.1:84 id 2", "127.0.0.1:84", "server s2", "backend streams", "1 of 3 servers"},
	{"redispatch-last-retry", "option redispatch 1", "option redispatch", "", "backend web", "times out, the first 2 of 3 retries"},
	{"redispatch-off", "    option redispatch 1\n", "", "backend web", "backend web", "all 3 retries"},
	{"retries-0", "retries 3", "retries 0", "", "backend web", "never tried again"},
	{"check-missing", "cookie w2", "cookie w2 no-check", "", "backend web", "server w2 is never found down"},
	{"check-slow", "check inter 2s fall 3 rise 2", "check inter 30s fall 3", "server w1", "backend web", "up to 1m30s"},
	{"tunnel-outlives-server", "slowstart 10s on-marked-down shutdown-sessions", "slowstart 10s", "server w1", "backend web", "sessions stay on server w1"},
	{"slowstart-static", "balance leastconn", "balance static-rr", "server w1", "backend web", "balance static-rr"},
	{"minconn-half-set", "    fullconn 500\n", "", "server w1", "backend web", "minconn 10 without fullconn"},
	{"minconn-half-set", "minconn 10 maxconn 100 slow", "minconn 10 slow", "server w1", "backend web", "minconn 10 without maxconn is maxconn 10"},
	{"minconn-half-set", "minconn 10 ", "", "fullconn 500", "backend web", "no server has a minconn"},
	{"cookie-flags", `httponly secure attr "SameSite=Lax"`, "secure", "cookie SRV", "backend web", "no httponly, no attr SameSite=Lax"},
	{"forwardfor-trust", "    http-request del-header X-Forwarded-For\n", "", "option forwardfor", "frontend public", "is passed on, and ours"},
	{"forwardfor-trust", "http-request del-header X-Forwarded-For\n", "option forwardfor if-none\n", "option forwardfor if-none", "frontend public", "as it came"},
	{"httpclose", "balance leastconn", "option httpclose", "", "backend web", "closed after every request"},
	{"stats-open", "bind 127.0.0.1:9100", "bind 0.0.0.0:9100", "", "listen stats", "the stats page is shown"},
	{"stats-open", "bind 127.0.0.1:9100\n    stats enable", "bind :9100\n    http-request use-service prometheus-exporter if { path /metrics }", "bind :9100", "listen stats", "the metrics is shown"},
	{"socket-open", "mode 660", "mode 666", "", "global", "every user may give orders"},
	{"socket-open", "/run/lab/admin.sock mode 660", ":9999", "", "global", "takes orders from the network"},
	{"no-default-backend", "    default_backend web\n", "", "use_backend", "frontend public", "get 503"},
	{"ciphers-unusable", "GCM-SHA256:!MD5", "GCM-SHA256:DHE-RSA-AES256-GCM-SHA384", "", "global", "DHE-RSA-AES256-GCM-SHA384"},
	{"without-meaning", "global\n", "global\n    tune.runqueue-depth 40\n", "tune.runqueue-depth", "", "has no meaning here"},
}

func TestAdviceIsGivenWhereItApplies(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range certificateCases {
		tried[c.id] = true // see TestAdviceOnCertificates
	}
	for _, c := range cases {
		t.Run(c.id+" "+strings.TrimSpace(c.old), func(t *testing.T) {
			tried[c.id] = true
			if strings.Count(sound, c.old) != 1 {
				t.Fatalf("the sound file has %q %d times", c.old, strings.Count(sound, c.old))
			}
			text := strings.Replace(sound, c.old, c.new, 1)
			where := c.line
			if where == "" {
				where = c.new
			}
			lines := strings.Split(text, "\n")
			for _, a := range given(t, text) {
				if a.ID == c.id && a.At.Line > 0 && a.At.Line <= len(lines) && strings.Contains(lines[a.At.Line-1], where) &&
					a.Section == c.section && strings.Contains(a.Text, c.says) {
					return
				}
			}
			t.Errorf("no advice %s in %q at %q that says %q: %v", c.id, c.section, where, c.says, told(given(t, text)))
		})
	}
	for _, a := range All() {
		if !tried[a.ID] {
			t.Errorf("no case brings %s", a.ID)
		}
	}
}

func TestALineOfDefaultsIsAdvisedOnOnce(t *testing.T) {
	text := strings.Replace(sound, "    retries 3\n    option redispatch 1\n", "    retries 0\n    option httpclose\n", 1)
	times := map[string]int{}
	for _, a := range given(t, text) {
		times[a.ID]++
	}
	if times["retries-0"] != 1 || times["httpclose"] != 1 {
		t.Errorf("%v", times)
	}
}

func told(found []Finding) (list []string) {
	for _, a := range found {
		list = append(list, a.ID+" "+a.Section+": "+a.Text)
	}
	return list
}

// pageFile is the page made from the table.
const pageFile = "../../docs/advice.md"

func TestThePageIsThatOfTheTable(t *testing.T) {
	var want bytes.Buffer
	if err := WritePage(&want); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(pageFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(pageFile)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("docs/advice.md is not what the table says (%v); UPDATE=1 go test ./internal/advice rewrites it", err)
	}
}
