package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bascule/internal/config"
	"bascule/internal/engine"
)

// reloadWait bounds a reload asked for by hand: names may have to be resolved.
const reloadWait = 2 * time.Minute

// reload is "bascule reload": it finds the running process by its master
// socket (-S), a stats socket (-s), its pidfile (-p) or its configuration (-f),
// asks it to reload, prints what it says, and fails if the reload did.
func reload(args []string, stdout, stderr io.Writer) int {
	var words []string
	socket := ""
	for i := 0; i < len(args); i++ {
		if (args[i] == "-s" || args[i] == "--socket") && i+1 < len(args) {
			i++
			socket = args[i]
			continue
		}
		words = append(words, args[i])
	}
	f, err := parseFlags(words)
	if err != nil {
		return usage(stderr, err)
	}
	if socket == "" {
		socket = f.socket
	}
	pid := 0
	if socket == "" {
		socket, pid, err = f.find()
	}
	if err != nil {
		engine.Complain(stderr, err)
		return 1
	}
	if socket == "" {
		if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
			engine.Complain(stderr, fmt.Errorf("process %d: %w", pid, err))
			return 1
		}
		fmt.Fprintf(stdout, "Asked process %d to reload; it has no socket that tells the result, its log does.\n", pid)
		return 0
	}
	return askReload(socket, stdout, stderr)
}

// find looks for a socket of the running process, else for its pid.
func (f *flags) find() (socket string, pid int, err error) {
	if f.pidfile != "" {
		if pid, err = readPID(f.pidfile); err != nil {
			return "", 0, err
		}
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			return "", 0, fmt.Errorf("%s: there is no process %d", f.pidfile, pid)
		}
		words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")[1:]
		if len(words) > 0 && words[0] == "run" {
			words = words[1:]
		}
		theirs, err := parseFlags(words)
		if err != nil {
			return "", pid, nil
		}
		if theirs.socket != "" && !strings.HasPrefix(theirs.socket, "fd@") {
			return theirs.socket, pid, nil
		}
		if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err == nil && len(f.files) == 0 {
			_ = os.Chdir(cwd) // their files are named from there; if not, they are not found
			f.files = theirs.files
		}
	}
	if len(f.files) > 0 {
		cfg, _ := config.Load(f.files, f.env())
		socket = adminSocket(cfg)
	}
	if socket == "" && pid == 0 {
		return "", 0, errors.New("cannot find the process: give -S or -s with its socket, -p with its pidfile, or -f with its configuration")
	}
	return socket, pid, nil
}

// adminSocket is the first stats socket that may reload, by its address.
func adminSocket(cfg *config.Config) string {
	if cfg == nil {
		return ""
	}
	for _, s := range cfg.Global.StatsSockets {
		if s.Level == "admin" && s.Addr.Kind != config.AddrFD {
			return s.Addr.Text
		}
	}
	return ""
}

func readPID(path string) (int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("%s does not hold a pid", path)
	}
	return pid, nil
}

// askReload runs "reload" on a socket. The first line of the answer is the
// verdict, the rest what is printed.
func askReload(socket string, stdout, stderr io.Writer) int {
	answer, err := askSocket(socket, "reload")
	if err != nil {
		engine.Complain(stderr, err)
		return 1
	}
	verdict, log, _ := strings.Cut(answer, "\n")
	log = strings.TrimPrefix(log, "--\n")
	switch verdict {
	case "Success=1":
		fmt.Fprint(stdout, strings.TrimSuffix(log, "\n"))
		fmt.Fprintln(stdout, "The new configuration is in force.")
		return 0
	case "Success=0":
		fmt.Fprint(stderr, strings.TrimSuffix(log, "\n"))
		fmt.Fprintln(stderr, "The configuration in force is unchanged.")
		return 1
	}
	fmt.Fprint(stderr, answer)
	return 1
}

func askSocket(socket, command string) (string, error) {
	a, err := parseAddress(strings.Split(socket, ",")[0])
	if err != nil {
		return "", fmt.Errorf("%s: %w", socket, err)
	}
	network, addr := "tcp", fmt.Sprintf("%s:%d", a.IP, a.Port)
	switch a.Kind {
	case config.AddrUnix:
		network, addr = "unix", a.Path
	case config.AddrAbns:
		network, addr = "unix", "@"+a.Path
	}
	conn, err := net.DialTimeout(network, addr, reloadWait)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(reloadWait)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}
