package drill

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"bascule/internal/drill/traffic"
)

// liveLine is the line of a terminal that shows what happens; elsewhere it shows one
// line for each fault.
type liveLine struct {
	w        io.Writer
	terminal bool
	fd       int // of the terminal

	mu      sync.Mutex
	side    string // guarded by mu, as all below
	n, of   int
	last    string // fault that was announced
	lost    int    // of the fault under way
	cut     int
	ok      int
	written bool
}

func newLiveLine(w io.Writer) *liveLine {
	l := &liveLine{w: w}
	if f, ok := w.(*os.File); ok {
		l.fd = int(f.Fd())
		l.terminal = term.IsTerminal(l.fd)
	}
	return l
}

// at says which fault of how many comes next, behind which balancer.
func (l *liveLine) at(side string, n, of int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.side, l.n, l.of, l.last = side, n, of, ""
	l.ok, l.lost, l.cut = 0, 0, 0
}

func (l *liveLine) show(now Live) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ok, l.lost, l.cut = l.ok+now.OK, l.lost+now.Lost, l.cut+now.Cut
	if !l.terminal {
		if l.last != now.Fault {
			l.last = now.Fault
			fmt.Fprintf(l.w, "%s %d/%d %s\n", l.side, l.n, l.of, now.Fault)
		}
		return
	}
	states := map[string]string{}
	var order []string
	for _, change := range now.States {
		if _, ok := states[change.Server]; !ok {
			order = append(order, change.Server)
		}
		states[change.Server] = change.Status
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d/%d %-12s %-5s %5.1f s  %5.0f/s  ok %d  lost %d  cut %d ", l.side, l.n, l.of, now.Fault, now.Phase,
		now.Since.Seconds(), float64(now.Done)/liveEvery.Seconds(), l.ok, l.lost, l.cut)
	for _, name := range order {
		fmt.Fprintf(&b, "  %s %s", name, states[name])
	}
	line := []rune(b.String())
	if columns, _, err := term.GetSize(l.fd); err == nil && len(line) >= columns {
		line = line[:max(0, columns-1)] // a line that wraps is not taken back
	}
	fmt.Fprintf(l.w, "\r\x1b[K%s", string(line)) // a terminal that is gone is no error of the drill
	l.written = true
}

// clear takes the line away.
func (l *liveLine) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written {
		io.WriteString(l.w, "\r\x1b[K")
		l.written = false
	}
}

func cores() int { return runtime.NumCPU() }

// machine says on what the figures were made.
func machine() string {
	model := ""
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() && model == "" {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				model = ", " + strings.TrimSpace(value)
			}
		}
	}
	return fmt.Sprintf("%d cores%s, %s", cores(), model, time.Now().Format("2 January 2006 15:04"))
}

func mixText(opt PhaseOptions) string {
	if opt.Mix == (traffic.Mix{}) {
		return traffic.DefaultMix.String()
	}
	return opt.Mix.String()
}
