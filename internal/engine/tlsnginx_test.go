package engine

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bascule/internal/cert/certtest"
)

// TestTheExampleAsksNginxOverTLS runs examples/tls-to-servers before Debian's nginx,
// which wants our certificate and ends each connection behind three requests.
func TestTheExampleAsksNginxOverTLS(t *testing.T) {
	const example = "../../examples/tls-to-servers/"
	program, err := exec.LookPath("nginx")
	if err != nil { // Debian keeps it where a normal user's PATH does not look
		program = "/usr/sbin/nginx"
	}
	m, dir, at, front := certtest.New(t), shortDir(t), freeAddr(t), freeAddr(t)
	site := &tlsSite{balancer: &balancer{dir: dir}, t: t}
	site.write("authority.pem", m.Authority())
	site.write("server.pem", m.Both("api.test"))
	site.write("balancer.pem", m.Both("balancer.test"))
	conf, err := os.ReadFile(example + "nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	site.write("nginx.conf", bytes.Replace(conf, []byte("127.0.0.1:8443"), []byte(at), 1))
	nginx := exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	var said bytes.Buffer
	nginx.Stdout, nginx.Stderr = &said, &said
	if err := nginx.Start(); err != nil {
		t.Fatalf("Debian's nginx is needed (apt-get install nginx-light): %v", err)
	}
	t.Cleanup(func() {
		_ = nginx.Process.Signal(os.Interrupt)
		_ = nginx.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	eventually(t, "nginx listens", func() bool {
		c, err := net.Dial("tcp", at)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	text, err := os.ReadFile(example + "haproxy.cfg")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("BASCULE_HTTP", front)
	t.Setenv("BASCULE_API_1", at)
	t.Setenv("BASCULE_API_2", at)
	config := "global\n    default-path config\n    stats socket $DIR/sock\n" + string(text)
	b := runIn(t, dir, config)
	eventually(t, "the checks pass", func() bool {
		r := rows(ask(t, b.socket, "show stat\n"))
		return r["api/api1"]["check_status"] == "L7OK" && r["api/api2"]["check_status"] == "L7OK"
	})
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	resumed := false
	for i := range 40 {
		resp, err := client.Post("http://"+front+"/", "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := string(body); resp.StatusCode != 200 || !strings.HasPrefix(got, "CN=balancer.test api.test ") {
			t.Fatalf("request %d: %d %q", i, resp.StatusCode, got)
		}
		resumed = resumed || strings.HasSuffix(string(body), " r\n")
	}
	if !resumed {
		t.Error("no session was resumed")
	}
	r := rows(ask(t, b.socket, "show stat\n"))
	if r["api/BACKEND"]["reuse"] == "0" || r["api/BACKEND"]["econ"] != "0" || r["api/BACKEND"]["eresp"] != "0" {
		t.Errorf("reuse %s, econ %s, eresp %s", r["api/BACKEND"]["reuse"], r["api/BACKEND"]["econ"], r["api/BACKEND"]["eresp"])
	}
}
