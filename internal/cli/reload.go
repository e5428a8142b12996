package cli

import (
	"errors"
	"fmt"
	"io"
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
// asks it to reload, prints what it says, and fails if the reload did. With
// --dry-run it asks what that would change; --forget drops what was set at run time.
func reload(args []string, stdout, stderr io.Writer) int {
	var words []string
	socket, command := "", "reload"
	for i := 0; i < len(args); i++ {
		if (args[i] == "-s" || args[i] == "--socket") && i+1 < len(args) {
			i++
			socket = args[i]
			continue
		}
		if args[i] == "--dry-run" || args[i] == "--forget" {
			command += " " + args[i]
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
	sockets, pid := []string{socket}, 0
	if socket == "" {
		if sockets, pid, err = f.find(); err != nil {
			engine.Complain(stderr, err)
			return 1
		}
	}
	for _, socket := range sockets {
		answer, err := askSocket(socket, command)
		switch {
		case err == nil && strings.HasPrefix(answer, "Success="):
			return tell(answer, strings.Contains(command, "--dry-run"), stdout, stderr)
		case len(sockets) > 1: // one of the others may be allowed to
		case err != nil:
			engine.Complain(stderr, err)
			return 1
		default:
			engine.Complain(stderr, fmt.Errorf("%s: %s", socket, strings.TrimSpace(answer)))
			return 1
		}
	}
	if command != "reload" { // a signal says nothing more
		pid = 0
	}
	return signalReload(pid, stdout, stderr)
}

func signalReload(pid int, stdout, stderr io.Writer) int {
	if pid == 0 {
		engine.Complain(stderr, errors.New("none of its sockets may reload: give it a 'stats socket' of level admin, or a master socket (-S)"))
		return 1
	}
	if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
		engine.Complain(stderr, fmt.Errorf("process %d: %w", pid, err))
		return 1
	}
	fmt.Fprintf(stdout, "Asked process %d to reload; no socket of it told the result, its log does.\n", pid)
	return 0
}

// find looks for sockets of the running process, and for its pid.
func (f *flags) find() (sockets []string, pid int, err error) {
	if f.pidfile != "" {
		if pid, err = readPID(f.pidfile); err != nil {
			return nil, 0, err
		}
		return listening(pid), pid, nil
	}
	if len(f.files) > 0 {
		cfg, _ := config.Load(f.files, f.env())
		if socket := adminSocket(cfg); socket != "" {
			return []string{socket}, 0, nil
		}
	}
	return nil, 0, errors.New("cannot find the process: give -S or -s with its socket, -p with its pidfile, or -f with its configuration")
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

// tell prints the answer to "reload": the first line is the verdict.
func tell(answer string, dry bool, stdout, stderr io.Writer) int {
	verdict, log, _ := strings.Cut(answer, "\n")
	log = strings.TrimSuffix(strings.TrimPrefix(log, "--\n"), "\n")
	if verdict != "Success=1" {
		fmt.Fprint(stderr, log)
		if !dry {
			fmt.Fprintln(stderr, "The configuration in force is unchanged.")
		}
		return 1
	}
	fmt.Fprint(stdout, log)
	if dry {
		return 0
	}
	fmt.Fprintln(stdout, "The new configuration is in force.")
	return 0
}

// socketAddress is where a runtime socket is, for net.Dial.
func socketAddress(socket string) (network, addr string, err error) {
	a, err := parseAddress(strings.Split(socket, ",")[0])
	if info, failed := os.Stat(socket); failed == nil && info.Mode()&os.ModeSocket != 0 {
		a, err = config.Address{Kind: config.AddrUnix, Path: socket}, nil // also by a name without a slash
	}
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", socket, err)
	}
	if a.Kind == config.AddrUnix || a.Kind == config.AddrAbns {
		return "unix", a.SocketName(), nil
	}
	return "tcp", fmt.Sprintf("%s:%d", a.IP, a.Port), nil
}

func askSocket(socket, command string) (string, error) {
	conn, err := dialSocket(socket)
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
