package drill

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// askWait bounds one command on the runtime socket.
const askWait = 5 * time.Second

// Runtime is a balancer's runtime socket: a path, or HOST:PORT of a bind of TCP.
type Runtime string

func (r Runtime) network() string {
	if strings.Contains(string(r), "/") {
		return "unix"
	}
	return "tcp"
}

// Do sends one command on a connection of its own and returns the answer without the
// empty line that ends it.
func (r Runtime) Do(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, r.network(), string(r))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	// As `echo COMMAND | socat - SOCKET` does; HAProxy's master waits for it.
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	return strings.TrimRight(string(answer), "\n"), nil
}

// Set sends a command whose answer is empty when it worked.
func (r Runtime) Set(ctx context.Context, command string) error {
	answer, err := r.Do(ctx, command)
	if err == nil && answer != "" {
		err = fmt.Errorf("%s: %s", command, answer)
	}
	return err
}

// Row is one line of `show stat`: values by the names of the CSV's columns.
type Row map[string]string

// Int is a value as a number, 0 when it is empty.
func (r Row) Int(column string) int64 {
	n, _ := strconv.ParseInt(r[column], 10, 64) // an empty value is a 0 here
	return n
}

// Up says whether the server takes requests: "UP", also on its way down ("UP 1/3"),
// "no check", but not "DOWN 1/2", "MAINT", "DRAIN" or "NOLB".
func (r Row) Up() bool {
	return strings.HasPrefix(r["status"], "UP") || r["status"] == "no check"
}

// Stat answers `show stat`, in the balancer's order.
func (r Runtime) Stat(ctx context.Context) ([]Row, error) {
	answer, err := r.Do(ctx, "show stat")
	if err != nil {
		return nil, err
	}
	return parseStat(answer)
}

func parseStat(answer string) ([]Row, error) {
	text, ok := strings.CutPrefix(answer, "# ")
	if !ok {
		return nil, fmt.Errorf("show stat: unexpected answer %.40q", answer)
	}
	read := csv.NewReader(strings.NewReader(text))
	read.FieldsPerRecord = -1
	lines, err := read.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("show stat: %w", err)
	}
	if len(lines) < 2 {
		return nil, errors.New("show stat: no lines")
	}
	rows := make([]Row, 0, len(lines)-1)
	for _, line := range lines[1:] {
		row := Row{}
		for i, value := range line {
			if i < len(lines[0]) && lines[0][i] != "" {
				row[lines[0][i]] = value
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// find returns the row of a server, nil when there is none.
func find(rows []Row, backend, server string) Row {
	for _, row := range rows {
		if row["pxname"] == backend && row["svname"] == server {
			return row
		}
	}
	return nil
}
