package keywords

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// A step does something and says what it did not see.
type step func(w *world) error

// contains looks for all of want in text; a want that begins with ! must not
// be there.
func contains(text string, want []string) error {
	for _, s := range want {
		if not, ok := strings.CutPrefix(s, "!"); ok && strings.Contains(text, not) {
			return fmt.Errorf("%q is in\n%s", not, text)
		} else if !ok && !strings.Contains(text, s) {
			return fmt.Errorf("%q is not in\n%s", s, text)
		}
	}
	return nil
}

// get asks the first frontend for a path.
func get(path string, want ...string) step {
	return send("$F1", "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n", want...)
}

// getWith is get with further header fields.
func getWith(path, fields string, want ...string) step {
	return send("$F1", "GET "+path+" HTTP/1.1\r\nHost: a\r\n"+strings.ReplaceAll(fields, "\n", "\r\n")+"\r\n\r\n", want...)
}

// send sends requests on one connection and looks at all their replies: status
// lines, fields and bodies.
func send(to, raw string, want ...string) step {
	return func(w *world) error {
		text, err := w.talk(to, raw)
		if err != nil {
			return fmt.Errorf("%q: %w; so far\n%s", raw, err, text)
		}
		return contains(text, want)
	}
}

// talk sends raw and reads one reply for each request in it.
func (w *world) talk(to, raw string) (string, error) {
	conn, err := w.dial(to)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return converse(conn, raw)
}

// converse sends raw at once, and reads a reply for every request in it.
func converse(conn net.Conn, raw string) (string, error) {
	if _, err := io.WriteString(conn, raw); err != nil {
		return "", err
	}
	in, all := bufio.NewReader(conn), &strings.Builder{}
	for _, method := range methods(raw) {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return all.String(), err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return all.String(), err
		}
		fmt.Fprintf(all, "%s %s\n", resp.Proto, resp.Status)
		_ = resp.Header.Write(all) // a Builder takes all
		fmt.Fprintf(all, "\n%s\n", body)
	}
	return all.String(), nil
}

// methods are those of the requests in raw.
func methods(raw string) []string {
	var list []string
	for line := range strings.Lines(raw) {
		if method, rest, ok := strings.Cut(line, " "); ok && strings.Contains(rest, " HTTP/1.") {
			list = append(list, method)
		}
	}
	return list
}

func (w *world) dial(to string) (net.Conn, error) {
	network, addr := "tcp", w.fill(to)
	if strings.HasPrefix(addr, "/") || strings.HasPrefix(addr, "@") {
		network = "unix"
	}
	if addr[0] == '@' && w.program == "haproxy" { // its abstract names fill the whole path with zeros
		addr += strings.Repeat("\x00", 108-len(addr))
	}
	conn, err := net.Dial(network, addr)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(patience))
	}
	return conn, err
}

// hold sends something on a connection that stays open until the row ends.
func hold(to, raw string) step {
	return func(w *world) error {
		conn, err := w.dial(to)
		if err != nil {
			return err
		}
		w.conns = append(w.conns, conn)
		_, err = io.WriteString(conn, raw)
		return err
	}
}

// more sends more on the connection held first.
func more(raw string) step {
	return func(w *world) error {
		_, err := io.WriteString(w.conns[0], raw)
		return err
	}
}

// reply reads a reply on the connection held first and lets go of it.
func reply(want ...string) step {
	return func(w *world) error {
		conn := w.conns[0]
		w.conns = w.conns[1:]
		defer conn.Close()
		var all bytes.Buffer
		resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &all)), nil)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
		}
		if err != nil {
			return fmt.Errorf("%w after %q", err, all.String())
		}
		return contains(all.String(), want)
	}
}

// closed sends something that is answered by nothing but the end.
func closed(to, raw string) step {
	return func(w *world) error {
		conn, err := w.dial(to)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, raw); err != nil {
			return nil // closed before it was sent
		}
		p, err := io.ReadAll(conn)
		if len(p) > 0 || os.IsTimeout(err) {
			return fmt.Errorf("got %q and then %w; want the end", p, err)
		}
		return nil
	}
}

// saw looks at the last request that a server got.
func saw(name string, want ...string) step {
	return func(w *world) error {
		seen := w.servers[name].seen()
		if len(seen) == 0 {
			return fmt.Errorf("%s saw nothing", name)
		}
		var lower []string
		for _, x := range want {
			lower = append(lower, strings.ToLower(w.fill(x)))
		}
		// haproxy writes names of fields in lower case
		return contains(strings.ToLower(seen[len(seen)-1]), lower)
	}
}

// reached says how many requests a server got.
func reached(name string, n int) step {
	return func(w *world) error {
		if got := len(w.servers[name].seen()); got != n {
			return fmt.Errorf("%s got %d requests, want %d", name, got, n)
		}
		return nil
	}
}

// connected says how many connections a server got.
func connected(name string, n int) step {
	return func(w *world) error {
		if got := w.servers[name].connections(); got != n {
			return fmt.Errorf("%s got %d connections, want %d", name, got, n)
		}
		return nil
	}
}

// told sets how a server behaves.
func told(name string, set func(s *server)) step {
	return func(w *world) error {
		s := w.servers[name]
		s.mu.Lock()
		defer s.mu.Unlock()
		set(s)
		return nil
	}
}

// ask sends a command to the runtime socket.
func ask(command string, want ...string) step {
	return func(w *world) error {
		text, err := w.ask(command)
		if err != nil {
			return err
		}
		return contains(text, want)
	}
}

func (w *world) ask(command string) (string, error) {
	conn, err := w.dial("$SOCK")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, w.fill(command)+"\n"); err != nil {
		return "", err
	}
	text, err := io.ReadAll(conn)
	return string(text), err
}

// logged waits for a log line with all of want.
func logged(want ...string) step {
	return eventually(func(w *world) error {
		for _, line := range w.logs.lines() {
			if contains(line, want) == nil {
				return nil
			}
		}
		return fmt.Errorf("no log line with %q in\n%s", want, strings.Join(w.logs.lines(), "\n"))
	})
}

// eventually repeats a step until it succeeds.
func eventually(s step) step {
	return func(w *world) error {
		for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			err := s(w)
			if err == nil || time.Now().After(end) {
				return err
			}
		}
	}
}

// state waits until a column of a server or proxy in `show stat` has a value.
func state(row, column, want string) step {
	return eventually(func(w *world) error {
		text, err := w.ask("show stat")
		if err != nil {
			return err
		}
		lines := strings.Split(text, "\n")
		at := -1
		for i, name := range strings.Split(strings.TrimPrefix(lines[0], "# "), ",") {
			if name == column {
				at = i
			}
		}
		for _, line := range lines[1:] {
			values := strings.Split(line, ",")
			if at >= 0 && len(values) > at && values[0]+"/"+values[1] == row {
				if values[at] == want {
					return nil
				}
				return fmt.Errorf("%s of %s is %q, want %q", column, row, values[at], want)
			}
		}
		return errors.New("show stat has no " + row)
	})
}
