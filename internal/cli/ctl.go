package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"bascule/internal/admin"
	"bascule/internal/engine"
)

// A ctlOrder is what "bascule ctl" is asked.
type ctlOrder struct {
	socket   string
	json     bool
	raw      bool
	commands []string
	flags    *flags
}

// parseCtl reads options up to the first word that is none; the rest is the
// command, in one argument or in several, and ";" separates commands.
func parseCtl(args []string) (o ctlOrder, err error) {
	var words []string
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch word := args[0]; {
		case word == "--json":
			o.json = true
		case word == "--raw":
			o.raw = true
		case (word == "-s" || word == "--socket" || word == "-S") && len(args) > 1:
			o.socket, args = args[1], args[1:]
		case (word == "-f" || word == "-p") && len(args) > 1:
			words, args = append(words, word, args[1]), args[1:]
		default:
			return o, errUsage("ctl does not take '" + word + "'")
		}
		args = args[1:]
	}
	for _, c := range admin.SplitCommands(strings.Join(args, " ")) {
		if c = strings.TrimSpace(c); c != "" {
			o.commands = append(o.commands, c)
		}
	}
	if len(o.commands) == 0 {
		return o, errUsage("ctl expects a command, such as 'show stat'; 'help' lists them")
	}
	o.flags, err = parseFlags(words)
	return o, err
}

// ctl is "bascule ctl": it sends commands to the runtime socket of a running
// process and fails if one is refused.
func ctl(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parseCtl(args)
	if err != nil {
		return usage(stderr, err)
	}
	socket := o.socket
	if socket == "" {
		socket, err = o.flags.runtimeSocket()
	}
	if err != nil {
		engine.Complain(stderr, err)
		return 1
	}
	status := 0
	for _, command := range o.commands {
		refused, err := o.do(socket, command, stdin, stdout, stderr)
		if err != nil {
			engine.Complain(stderr, fmt.Errorf("%s: %w", socket, err))
			return 1
		}
		if refused {
			status = 1
		}
	}
	return status
}

// runtimeSocket is the one that answers of the process that -f or -p names, else of
// those at a usual place, else of the processes that run.
func (f *flags) runtimeSocket() (string, error) {
	if f.pidfile != "" || len(f.files) > 0 {
		list, _, err := f.find()
		switch {
		case err != nil:
			return "", err
		case len(list) == 0:
			return "", errors.New("the process has no runtime socket")
		}
		if socket := answering(list); socket != "" {
			return socket, nil
		}
		return list[0], nil // whoever uses it tells why it does not answer
	}
	for _, list := range [][]string{packagedSockets, running()} {
		if socket := answering(list); socket != "" {
			return socket, nil
		}
	}
	return "", errors.New("cannot find the process: give -s with its socket, -p with its pidfile, or -f with its configuration")
}

// answering is the first socket that takes a connection; "" for none.
func answering(list []string) string {
	for _, socket := range list {
		if conn, err := dialSocket(socket); err == nil {
			conn.Close()
			return socket
		}
	}
	return ""
}

// running are the sockets of the processes of this program and of HAProxy.
func running() (list []string) {
	names, _ := filepath.Glob("/proc/[0-9]*/comm") // the pattern is good
	for _, name := range names {
		comm, _ := os.ReadFile(name) // a process that has ended says nothing
		if c := strings.TrimSpace(string(comm)); c != "bascule" && c != "haproxy" {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			list = append(list, listening(pid)...)
		}
	}
	return list
}

// marked begins a message when severities are asked for.
var marked = regexp.MustCompile(`(?m)^\[([0-7])\]: `)

// worst is the severity from which on a message is a refusal: errors and worse.
const worst = admin.SeverityError

// do runs one command and shows its answer.
func (o *ctlOrder) do(socket, command string, stdin io.Reader, stdout, stderr io.Writer) (refused bool, err error) {
	conn, err := dialSocket(socket)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	text := "set severity-output number;" + o.asked(command) + "\n"
	if strings.HasSuffix(strings.TrimSpace(command), "<<") {
		payload, err := io.ReadAll(stdin)
		if err != nil {
			return false, err
		}
		text += asPayload(string(payload))
	}
	if follows(command) {
		if _, err := io.WriteString(conn, text); err != nil {
			return false, err
		}
		_, err := io.Copy(stdout, conn)
		return false, err
	}
	if err := conn.SetDeadline(time.Now().Add(reloadWait)); err != nil {
		return false, err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return false, err
	}
	all, err := io.ReadAll(conn)
	if err != nil && len(all) == 0 {
		return false, err
	}
	answer := strings.TrimPrefix(string(all), "\n") // of the first command
	if m := marked.FindStringSubmatch(answer); m != nil && strings.HasPrefix(answer, m[0]) {
		level, _ := strconv.Atoi(m[1]) // a digit
		answer = marked.ReplaceAllString(answer, "")
		refused = level <= worst || strings.HasPrefix(answer, "Unknown command")
	}
	answer = strings.TrimRight(answer, "\n")
	switch {
	case strings.HasPrefix(answer, "Unknown command"), strings.HasPrefix(answer, "Permission denied"), strings.HasPrefix(answer, "Success=0"):
		refused = true
	}
	if refused {
		fmt.Fprintln(stderr, answer)
		return true, nil
	}
	if answer != "" || o.json {
		o.show(command, answer, stdout)
	}
	return false, nil
}

// asPayload leaves out empty lines, as files of certificates have them: the first
// would end the payload.
func asPayload(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String() + "\n"
}

// follows says that a command answers until it is ended.
func follows(command string) bool {
	words := strings.Fields(command)
	if len(words) < 2 || words[0] != "show" || words[1] != "events" {
		return false
	}
	for _, w := range words[2:] {
		if strings.HasPrefix(w, "-") && strings.Contains(w, "w") && !strings.HasPrefix(w, "--") {
			return true
		}
	}
	return false
}

// dialSocket connects to a runtime socket given by path or address.
func dialSocket(socket string) (net.Conn, error) {
	network, addr, err := socketAddress(socket)
	if err != nil {
		return nil, err
	}
	return net.DialTimeout(network, addr, reloadWait)
}

// isTerminal says whether somebody looks at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// show writes an answer: as it came, as a table for a person, or as JSON.
func (o *ctlOrder) show(command, answer string, stdout io.Writer) {
	var b bytes.Buffer
	switch {
	case o.json:
		writeJSONAnswer(&b, answer)
	case !o.raw && isTerminal(stdout):
		writeTable(&b, answer)
	default:
		b.WriteString(answer + "\n")
	}
	_, _ = stdout.Write(b.Bytes()) // a reader that is gone wants no more
}

// asked is the command as it is sent: with --json those that speak it are asked to.
func (o *ctlOrder) asked(command string) string {
	if !o.json {
		return command
	}
	switch words := strings.Fields(command); {
	case len(words) < 2 || words[0] != "show":
	case words[1] == "stat" || words[1] == "info":
		return command + " json"
	case words[1] == "events":
		return command + " --json"
	}
	return command
}
