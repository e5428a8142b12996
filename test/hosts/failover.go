package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	// orders is where a running lab is told to kill and to boot.
	orders = runDir + "/orders"
	// adminSocket is the balancer's, brought here by ssh.
	adminSocket = runDir + "/admin.sock"
)

// failover runs the acceptance test of the deployment with its own times, and the
// host of backend-api-1 as what dies.
func failover(ctx context.Context, l *lab) error {
	stop, err := l.takeOrders(ctx)
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tunnel := exec.CommandContext(ctx, "ssh", append(sshOptions(), "-o", "ExitOnForwardFailure=yes", "-N", "-L",
		adminSocket+":/run/haproxy/admin.sock", "root@"+l.hosts["haproxy"].Addr)...)
	if err := tunnel.Start(); err != nil {
		return err
	}
	defer func() { cancel(); _ = tunnel.Wait(); _ = os.Remove(adminSocket) }()
	for {
		if _, err := os.Stat(adminSocket); err == nil {
			break
		}
		if err := wait(ctx, poll); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	test := exec.CommandContext(ctx, filepath.Join(l.opt.tree, "deploy/ansible/tests/test_backend_failover.sh"),
		"--site", "http://"+l.hosts["haproxy"].Addr+":80", "--runtime", adminSocket,
		"--stop", self+" order kill backend-api-1", "--start", self+" order boot backend-api-1")
	test.Env = append(os.Environ(), "BASCULE="+l.opt.bascule)
	var said bytes.Buffer
	test.Stdout, test.Stderr = &said, &said
	err = test.Run()
	for line := range strings.Lines(said.String()) {
		fmt.Print("    ", line)
	}
	return err
}

// takeOrders lets commands kill and boot hosts until stop is called.
func (l *lab) takeOrders(ctx context.Context) (stop func(), err error) {
	listener, err := net.Listen("unix", orders)
	if err != nil {
		return nil, err
	}
	go func() { // stop ends it
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			answer := "done"
			if err := l.obey(ctx, strings.Fields(line)); err != nil {
				answer = err.Error()
			}
			fmt.Fprint(conn, answer)
			conn.Close()
		}
	}()
	return func() { listener.Close() }, nil
}

// obey does what an order says; what is done already stays as it is.
func (l *lab) obey(ctx context.Context, words []string) error {
	if len(words) != 2 || l.hosts[words[1]] == nil {
		return fmt.Errorf("order: want kill or boot and a host, got %q", words)
	}
	h := l.hosts[words[1]]
	switch words[0] {
	case "kill":
		return h.kill()
	case "boot":
		if h.nspawn != nil {
			return nil
		}
		return h.boot(ctx)
	}
	return fmt.Errorf("order: %q is neither kill nor boot", words[0])
}

// order gives a running lab an order and waits until it is carried out.
func order(words []string) error {
	conn, err := net.Dial("unix", orders)
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintln(conn, strings.Join(words, " "))
	answer, err := io.ReadAll(conn)
	if err == nil && string(answer) != "done" {
		err = fmt.Errorf("%s", answer)
	}
	return err
}
