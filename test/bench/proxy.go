package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"bascule/test/loopback"
)

//go:embed proxy.cfg
var haproxyConfig string

//go:embed nginx.conf
var nginxConfig string

const (
	// startLimit is how long a proxy may take to answer its first request.
	startLimit = time.Minute
	// stopLimit is how long it may take to end before it is killed.
	stopLimit = 3 * time.Second
)

// proxy is one of the programs compared.
type proxy struct {
	name    string
	title   string // with its version, once known
	program string
	config  string
	args    func(config string) []string
	log     func(port int) (to, how string) // what the configuration says to log
	// secure is what the configuration says to speak TLS: at the address, and below it.
	secure func(crt string) (bind, lines string)
}

func proxies() []*proxy {
	bascule := os.Getenv("BASCULE")
	if bascule == "" {
		bascule = "bin/bascule"
	}
	haproxyArgs := func(config string) []string { return []string{"-db", "-f", config} }
	haproxyLog := func(port int) (string, string) {
		return fmt.Sprintf("    log 127.0.0.1:%d local0", port), "    log global\n    option httplog"
	}
	haproxySecure := func(crt string) (string, string) { return " ssl crt " + crt, "" }
	return []*proxy{
		{name: "bascule", title: "bascule", program: bascule, config: haproxyConfig, args: haproxyArgs, log: haproxyLog, secure: haproxySecure},
		{name: "haproxy", title: "HAProxy", program: "haproxy", config: haproxyConfig, args: haproxyArgs, log: haproxyLog, secure: haproxySecure},
		{name: "nginx", title: "nginx", program: "nginx", config: nginxConfig,
			args: func(config string) []string { return []string{"-c", config} },
			log: func(port int) (string, string) {
				return "", fmt.Sprintf("access_log syslog:server=127.0.0.1:%d;", port)
			},
			secure: func(crt string) (string, string) {
				return " ssl", fmt.Sprintf("        ssl_certificate %s;\n        ssl_certificate_key %s;\n        ssl_protocols TLSv1.3;\n"+
					"        ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;\n        ssl_ecdh_curve X25519;", crt, crt)
			}},
	}
}

var version = regexp.MustCompile(`[0-9]+\.[0-9]+(\.[0-9]+)?`)

// find looks the program up and adds its version to the title.
func (p *proxy) find() error {
	path, err := exec.LookPath(p.program)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if p.program, err = filepath.Abs(path); err != nil {
		return err
	}
	out, err := exec.Command(p.program, "-v").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s -v: %w: %s", p.program, err, out)
	}
	if p.name != "bascule" { // which says the HAProxy version it answers as
		p.title += " " + version.FindString(string(out))
	}
	return nil
}

// running is a started proxy.
type running struct {
	cmd     *exec.Cmd
	port    int
	release func() // gives the port back
	dir     string
	output  string // file with what it printed
	ended   chan struct{}
}

// crt is the path of the row's certificate.
func (r *running) crt() string { return filepath.Join(r.dir, "site.pem") }

// certify writes the row's certificate, if it has one.
func (r row) certify(path string) error {
	if r.key == "" {
		return nil
	}
	text, err := certificates[r.key]()
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// start runs the proxy on its cores and waits for its first answer.
func (p *proxy) start(ctx context.Context, r row, cores string, servers [2]int, log *logReader) (*running, error) {
	at, release, err := loopback.Reserve(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-"+p.name+"-")
	if err != nil {
		release()
		return nil, err
	}
	run := &running{port: int(at.Port()), release: release, dir: dir, output: filepath.Join(dir, "output"), ended: make(chan struct{})}
	config := filepath.Join(dir, "proxy.cfg")
	if err = r.certify(run.crt()); err == nil {
		err = os.WriteFile(config, []byte(p.render(r, run, servers, log)), 0o644)
	}
	if err == nil {
		err = run.launch(p, cores, config)
	}
	if err != nil {
		release()
		os.RemoveAll(dir)
		return nil, err
	}
	if err := run.waitReady(ctx, r); err != nil {
		said := run.said()
		run.stop()
		return nil, fmt.Errorf("%s: %w\n%s", p.name, err, said)
	}
	return run, nil
}

// render fills the configuration's places.
func (p *proxy) render(r row, run *running, servers [2]int, log *logReader) string {
	to, how := "", ""
	if p.name == "nginx" {
		how = "access_log off;"
	}
	if log != nil {
		to, how = p.log(log.port)
	}
	bind, certificate := "", ""
	if r.key != "" {
		bind, certificate = p.secure(run.crt())
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // so that the worker may use the temporary directory
	}
	balance, hash := "roundrobin", ""
	if r.balance != "" {
		balance, hash = r.balance, "hash $request_uri consistent;"
	}
	return strings.NewReplacer(
		"@MAXCONN@", strconv.Itoa(r.conns+500), "@LOOPS@", strconv.Itoa(r.threads()), "@BALANCE@", balance, "@HASH@", hash, "@OPTIONS@", r.options,
		"@PORT@", strconv.Itoa(run.port), "@SERVER1@", strconv.Itoa(servers[0]), "@SERVER2@", strconv.Itoa(servers[1]),
		"@DIR@", run.dir, "@USER@", user, "@TLS@", bind, "@CERTIFICATE@", certificate, "@LOGTO@", to, "@LOG@", how,
	).Replace(p.config)
}

func (r *running) launch(p *proxy, cores, config string) error {
	out, err := os.Create(r.output)
	if err != nil {
		return err
	}
	defer out.Close()
	r.cmd = exec.Command("taskset", append([]string{"-c", cores, p.program}, p.args(config)...)...)
	r.cmd.Stdout, r.cmd.Stderr = out, out
	// A group of its own: Ctrl-C at the terminal ends the bench, which then ends the proxy.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	// Ends with the process, which stop ends.
	go func() {
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	return nil
}

// waitReady asks until the proxy answers 200.
func (r *running) waitReady(ctx context.Context, of row) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: clientTLS(false)}, Timeout: 10 * time.Second}
	scheme := "http"
	if of.key != "" {
		scheme = "https"
	}
	last := "no answer"
	for {
		res, err := client.Get(fmt.Sprintf("%s://127.0.0.1:%d/", scheme, r.port))
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			last = res.Status
		}
		select {
		case <-r.ended:
			return fmt.Errorf("ended at once")
		case <-ctx.Done():
			return fmt.Errorf("not ready: %s: %w", last, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// said returns the end of what the proxy printed.
func (r *running) said() string {
	const enough = 2000
	text, err := os.ReadFile(r.output)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-enough):])
}

// stop ends the proxy and all processes that descend from it, by their ids.
func (r *running) stop() {
	defer r.release()
	defer os.RemoveAll(r.dir)
	var family []procStat
	if all, err := processes(); err == nil {
		family = below(all, r.cmd.Process.Pid)
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(stopLimit):
		for _, p := range family {
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
		<-r.ended
	}
}
