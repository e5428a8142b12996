package cli

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/journal"
)

// toJournal gives what is written to standard error its priority, where systemd's
// journal reads that (sd-daemon(3)); elsewhere w itself is returned.
func toJournal(w io.Writer) io.Writer {
	if ok, _ := journal.StderrIsJournalStream(); !ok { // an odd JOURNAL_STREAM names no journal
		return w
	}
	return &prioritized{w: w, level: int(journal.PriInfo)}
}

// levels are the priorities of lines by how HAProxy's messages begin. What stands
// below a message, such as the line of a file that it means, goes with it.
var levels = []struct {
	tag   string
	level journal.Priority
}{
	{"[ALERT]", journal.PriErr},
	{"[WARNING]", journal.PriWarning},
	{"[NOTICE]", journal.PriNotice},
}

// prioritized writes "<4>" in front of each line.
type prioritized struct {
	mu     sync.Mutex // guards the fields below
	w      io.Writer
	level  int
	within bool // the last write did not end its line
	buf    []byte
}

// Write writes whole lines of p in one piece.
func (j *prioritized) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.buf = j.buf[:0]
	for line := range bytes.Lines(p) {
		if !j.within {
			for _, l := range levels {
				if strings.HasPrefix(string(line), l.tag) {
					j.level = int(l.level)
				}
			}
			j.buf = append(strconv.AppendInt(append(j.buf, '<'), int64(j.level), 10), '>')
		}
		j.buf = append(j.buf, line...)
		j.within = line[len(line)-1] != '\n'
	}
	if _, err := j.w.Write(j.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}
