package rule

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDefaultAnswersArePages(t *testing.T) {
	for _, status := range append(DefaultStatuses, 418) {
		a := DefaultAnswer(status)
		if a.Status != status || a.Reason == "" || !strings.Contains(string(a.Body), statusText(status)+" "+a.Reason) {
			t.Errorf("%d: %+v", status, a)
		}
		if !strings.Contains(string(a.Fields), "Content-Type: text/html\r\n") || !strings.Contains(string(a.Fields), "Cache-Control: no-cache\r\n") {
			t.Errorf("%d: fields %q", status, a.Fields)
		}
	}
	if n := testing.AllocsPerRun(100, func() { DefaultAnswer(503) }); n != 0 {
		t.Error("503 is made anew")
	}
}

// errorFiles have the same verdict as haproxy's unless they say otherwise.
var errorFiles = []struct {
	name, text string
	want       string // fields|body; "": refused
	differs    bool
}{
	{"Debian's, with mixed line ends", "", "Cache-Control: no-cache\r\nContent-Type: text/html\r\n|<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n\n", false},
	{"bare line feeds", "HTTP/1.0 503 Sorry\nA: b\n\nbody", "A: b\r\n|body", false},
	{"no body", "HTTP/1.1 503 Sorry\r\nA: b\r\n\r\n", "A: b\r\n|", false},
	{"no reason", "HTTP/1.1 503\r\n\r\n", "|", false},
	{"the right length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "|hi", false},
	{"a length beyond the body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "", false},
	{"a length short of the body", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nhi", "", false},
	{"a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhi", "", false},
	{"connection fields go", "HTTP/1.1 200 OK\r\nConnection: close\r\nKeep-Alive: 1\r\nX: y\r\n\r\nhi", "X: y\r\n|hi", false},
	{"a chunked one", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", false},
	{"plain text", "Sorry\n", "", false},
	{"a head without end", "HTTP/1.1 200 OK\r\nA: b\r\n", "", false},
	{"a name with a blank", "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n", "", false},
	{"a line without colon", "HTTP/1.1 200 OK\r\nAb\r\n\r\n", "", false},
	{"a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "", true},
	{"an interim status", "HTTP/1.1 100 Continue\r\n\r\n", "", false},
	{"another version", "HTTP/2.0 200 OK\r\n\r\n", "", true},
	{"a status of two digits", "HTTP/1.1 20 OK\r\n\r\n", "", true},
	{"too large", "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", MaxErrorFile), "", false},
}

func TestErrorFiles(t *testing.T) {
	stock, err := os.ReadFile("testdata/503.http")
	if err != nil {
		t.Fatal(err)
	}
	errorFiles[0].text = string(stock)
	haproxy := lookHAProxy(t)
	for _, c := range errorFiles {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			a, err := ParseErrorFile([]byte(c.text))
			if err == nil {
				got = string(a.Fields) + "|" + string(a.Body)
			}
			if got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
			if accepts := acceptsErrorFile(t, haproxy, c.text); (accepts == (c.want != "")) == c.differs {
				t.Errorf("haproxy accepts it: %v", accepts)
			}
		})
	}
}

func acceptsErrorFile(t *testing.T, haproxy, text string) bool {
	dir := t.TempDir()
	file, cfg := filepath.Join(dir, "e.http"), filepath.Join(dir, "c.cfg")
	config := "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n errorfile 503 " + file + "\nfrontend f\n bind 127.0.0.1:18080\n"
	if os.WriteFile(file, []byte(text), 0o600) != nil || os.WriteFile(cfg, []byte(config), 0o600) != nil {
		t.Fatal("cannot write")
	}
	return exec.Command(haproxy, "-c", "-f", cfg).Run() == nil
}

func TestAnEmptyErrorFileIsSilent(t *testing.T) {
	a, err := ParseErrorFile(nil)
	if err != nil || !a.Silent {
		t.Errorf("got %+v, %v", a, err)
	}
}
