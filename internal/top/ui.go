package top

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"bascule/internal/terminal"
)

// UI is what the keys move: the model seen through a filter, an order and a cursor. It
// does no I/O.
type UI struct {
	socket string
	look   Look
	model  *Model

	rows        []Row // as shown
	at          int   // the cursor's row
	cursor      string
	first, page int // the first row on the screen, and how many there are
	filter      string
	sort        string // title of a column; "": the file's order
	reverse     bool
	onlyTrouble bool
	quiet       bool // no events
	help        bool
	message     string
	ask         *question
}

// A question is open in the last line.
type question struct {
	kind   byte // '/' filter, 'd' deadline, 'w' weight, 'y' confirmation of order
	server string
	typed  string
	order  string // what is sent after y
	hint   string
}

func (q *question) text() string {
	switch q.kind {
	case '/':
		return "filter: "
	case 'd':
		return "drain " + q.server + ", deadline such as 5m (empty: none): "
	case 'w':
		return "weight of " + q.server + q.hint + ": "
	}
	return "send \"" + q.order + "\"? y/n "
}

// What may be typed; anything else is asked for again.
var (
	deadlines = regexp.MustCompile(`^([0-9]+(s|m|h|d))?$`)
	weights   = regexp.MustCompile(`^[0-9]{1,3}%?$`)
)

// look again at the model, after a sample or a key.
func (u *UI) refresh() {
	u.rows = u.rows[:0]
	for i := range u.model.Rows {
		r := &u.model.Rows[i]
		if u.onlyTrouble && !r.trouble() || !strings.Contains(strings.ToLower(r.Proxy+"/"+r.Name+" "+r.State), strings.ToLower(u.filter)) {
			continue
		}
		u.rows = append(u.rows, *r)
	}
	if i := slices.IndexFunc(columns, func(c column) bool { return c.title == u.sort && c.order != nil }); i >= 0 {
		slices.SortStableFunc(u.rows, func(a, b Row) int {
			if u.reverse {
				return columns[i].order(&a, &b)
			}
			return columns[i].order(&b, &a)
		})
	}
	u.at = min(u.at, max(0, len(u.rows)-1))
	if i := slices.IndexFunc(u.rows, func(r Row) bool { return r.Kind == kindServer }); u.cursor == "" && i >= 0 {
		u.at = i
	}
	if i := slices.IndexFunc(u.rows, func(r Row) bool { return r.key() == u.cursor }); i >= 0 {
		u.at = i // the cursor stays with its row
	}
	u.mark()
}

// mark notes the row at the cursor.
func (u *UI) mark() {
	if u.at < len(u.rows) {
		u.cursor = u.rows[u.at].key()
	}
}

// flat says that a server's backend is not above it.
func (u *UI) flat() bool { return u.sort != "" || u.filter != "" || u.onlyTrouble }

// Press obeys one key. order is a command to send; quit says that the view ends.
func (u *UI) Press(key terminal.Key) (order string, quit bool) {
	if key == terminal.KeyCtrlC {
		return "", true
	}
	if u.help {
		u.help = false
		return "", false
	}
	u.message = ""
	if u.ask != nil {
		return u.answer(key), false
	}
	if step, ok := u.steps(key); ok {
		u.at = min(max(0, u.at+step), max(0, len(u.rows)-1))
		u.mark()
		return "", false
	}
	switch key {
	case 'q', 'Q':
		return "", true
	case '?', 'h':
		u.help = true
	case '/':
		u.ask = &question{kind: '/', typed: u.filter}
	case terminal.KeyEsc:
		u.filter, u.onlyTrouble = "", false
	case 's', 'S':
		u.nextSort(key == 'S')
	case 'R':
		u.reverse = !u.reverse
	case 't':
		u.onlyTrouble = !u.onlyTrouble
	case 'e':
		u.quiet = !u.quiet
	case 'd', 'm', 'r', 'w':
		u.act(byte(key))
	}
	u.refresh()
	return "", false
}

// steps is how far a key moves the cursor.
func (u *UI) steps(key terminal.Key) (int, bool) {
	switch key {
	case terminal.KeyUp, 'k':
		return -1, true
	case terminal.KeyDown, 'j':
		return 1, true
	case terminal.KeyPageUp:
		return -max(1, u.page), true
	case terminal.KeyPageDown:
		return max(1, u.page), true
	case terminal.KeyHome, 'g':
		return -len(u.rows), true
	case terminal.KeyEnd, 'G':
		return len(u.rows), true
	}
	return 0, false
}

// nextSort takes the next column that sorts, or the one before.
func (u *UI) nextSort(back bool) {
	titles := []string{""}
	for _, c := range columns {
		if c.order != nil && (c.shown == nil || c.shown(u.model)) {
			titles = append(titles, c.title)
		}
	}
	step := 1
	if back {
		step = len(titles) - 1
	}
	u.sort = titles[(max(0, slices.Index(titles, u.sort))+step)%len(titles)]
	u.message = "sorted by " + u.sort
	if u.sort == "" {
		u.message = "in the order of the file"
	}
}

// act opens the question for what is to be done with the server at the cursor.
func (u *UI) act(verb byte) {
	if u.at >= len(u.rows) || u.rows[u.at].Kind != kindServer {
		u.message = "the cursor is not on a server"
		return
	}
	r := &u.rows[u.at]
	set := "set server " + r.key() + " "
	switch {
	case verb == 'm':
		u.ask = &question{kind: 'y', order: set + "state maint"}
	case verb == 'r':
		u.ask = &question{kind: 'y', order: set + "state ready"}
	case verb == 'w':
		u.ask = &question{kind: 'w', server: r.key(), hint: fmt.Sprintf(" (now %d; 50%% is of the file's)", r.Weight)}
	case u.model.Now.own():
		u.ask = &question{kind: 'd', server: r.key()}
	default:
		u.ask = &question{kind: 'y', order: set + "state drain"}
	}
}

// answer takes a key to the open question; it returns the command once it is confirmed.
func (u *UI) answer(key terminal.Key) string {
	q := u.ask
	switch {
	case key == terminal.KeyEsc:
		if q.kind == '/' {
			u.filter = ""
		}
		u.ask = nil
	case q.kind == 'y':
		u.ask = nil
		if key == 'y' || key == 'Y' {
			u.message = "sent: " + q.order
			return q.order
		}
		u.message = "not sent"
	case key == terminal.KeyEnter || key == '\n':
		u.enter(q)
	case (key == terminal.KeyBackspace || key == '\b') && q.typed != "":
		q.typed = q.typed[:len(q.typed)-1]
	case key >= ' ' && key < 0x7f && len(q.typed) < 60:
		q.typed += string(rune(key))
	}
	if q.kind == '/' && u.ask != nil {
		u.filter = q.typed
	}
	u.refresh()
	return ""
}

// enter ends the typing: a filter holds, an order is to be confirmed.
func (u *UI) enter(q *question) {
	u.ask = nil
	set := "set server " + q.server + " "
	switch {
	case q.kind == '/':
		u.filter = q.typed
	case q.kind == 'd' && q.typed == "":
		u.ask = &question{kind: 'y', order: set + "state drain"}
	case q.kind == 'd' && deadlines.MatchString(q.typed):
		u.ask = &question{kind: 'y', order: set + "state drain deadline " + q.typed}
	case q.kind == 'w' && weights.MatchString(q.typed):
		u.ask = &question{kind: 'y', order: set + "weight " + q.typed}
	case q.kind == 'd':
		u.message = "a deadline is a number and its unit: 30s, 5m, 1h"
	default:
		u.message = "a weight is 0 to 256, or a share such as 50%"
	}
}
