package stats

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A column of the page's tables.
type column struct {
	group, title string
	field        string
	show         func(r *Row, v Value) cell
	note         []string // fields that the cell's note lists
}

// A cell of the page; Note is shown under the pointer.
type cell struct{ Text, Note, Class string }

var pageColumns = []column{
	{group: "State", title: "Status", field: "status", show: showStatus},
	{group: "State", title: "Check", field: "check_status", show: showCheck, note: []string{"check_desc", "last_chk"}},
	{group: "Queue", title: "Cur", field: "qcur", show: showNumber},
	{group: "Queue", title: "Max", field: "qmax", show: showNumber},
	{group: "Queue", title: "Limit", field: "qlimit", show: showNumber},
	{group: "Session rate", title: "Cur", field: "rate", show: showNumber, note: []string{"conn_rate", "rate", "req_rate"}},
	{group: "Session rate", title: "Max", field: "rate_max", show: showNumber, note: []string{"conn_rate_max", "rate_max", "req_rate_max"}},
	{group: "Sessions", title: "Cur", field: "scur", show: showNumber, note: []string{"used_conn_cur", "srv_icur", "src_ilim"}},
	{group: "Sessions", title: "Max", field: "smax", show: showNumber},
	{group: "Sessions", title: "Limit", field: "slim", show: showNumber},
	{group: "Sessions", title: "Total", field: "stot", show: showNumber, note: []string{"conn_tot", "req_tot", "hrsp_1xx", "hrsp_2xx",
		"hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other", "intercepted", "connect", "reuse", "eint"}},
	{group: "Sessions", title: "LbTot", field: "lbtot", show: showNumber},
	{group: "Sessions", title: "Last", field: "lastsess", show: showAge},
	{group: "Bytes", title: "In", field: "bin", show: showBytes},
	{group: "Bytes", title: "Out", field: "bout", show: showBytes},
	{group: "Denied", title: "Req", field: "dreq", show: showNumber},
	{group: "Denied", title: "Resp", field: "dresp", show: showNumber},
	{group: "Errors", title: "Req", field: "ereq", show: showNumber},
	{group: "Errors", title: "Conn", field: "econ", show: showNumber},
	{group: "Errors", title: "Resp", field: "eresp", show: showNumber, note: []string{"cli_abrt", "srv_abrt"}},
	{group: "Warnings", title: "Retr", field: "wretr", show: showNumber},
	{group: "Warnings", title: "Redis", field: "wredis", show: showNumber},
	{group: "Average ms", title: "Queue", field: "qtime", show: showNumber, note: []string{"qtime_max"}},
	{group: "Average ms", title: "Conn", field: "ctime", show: showNumber, note: []string{"ctime_max"}},
	{group: "Average ms", title: "Resp", field: "rtime", show: showNumber, note: []string{"rtime_max"}},
	{group: "Average ms", title: "Total", field: "ttime", show: showNumber, note: []string{"ttime_max"}},
	{group: "Server", title: "Weight", field: "weight", show: showWeight},
	{group: "Server", title: "Act", field: "act", show: showFlag},
	{group: "Server", title: "Bck", field: "bck", show: showFlag},
	{group: "Server", title: "Chk", field: "chkfail", show: showNumber},
	{group: "Server", title: "Dwn", field: "chkdown", show: showNumber},
	{group: "Server", title: "Downtime", field: "downtime", show: showAge},
	{group: "Server", title: "Throttle", field: "throttle", show: showPercent},
}

func (c *column) cell(r *Row) cell {
	v := fieldByName(c.field).Value(r)
	if !v.set {
		return cell{}
	}
	out := c.show(r, v)
	if out.Note == "" {
		out.Note = notes(r, c.note)
	}
	return out
}

// notes lists fields with their meaning, one a line; zeros of the classes of
// status say nothing and are left out.
func notes(r *Row, names []string) string {
	var lines []string
	for _, name := range names {
		f := fieldByName(name)
		switch v := f.Value(r); {
		case !v.set || strings.HasPrefix(name, "hrsp_") && v.num == 0:
		case f.Type == Str:
			if v.text != "" {
				lines = append(lines, v.text)
			}
		default:
			lines = append(lines, f.Text+": "+grouped(v.num))
		}
	}
	return strings.Join(lines, "\n")
}

// showNumber writes a number; zeros are pale, so that the others stand out.
func showNumber(_ *Row, v Value) cell {
	if v.num == 0 {
		return cell{Text: "0", Class: "zero"}
	}
	return cell{Text: grouped(v.num)}
}

func showPercent(_ *Row, v Value) cell { return cell{Text: strconv.FormatInt(v.num, 10) + " %"} }

func showAge(_ *Row, v Value) cell {
	if v.num < 0 {
		return cell{Text: "never"}
	}
	return cell{Text: age(v.num)}
}

func showBytes(_ *Row, v Value) cell {
	if v.num == 0 {
		return showNumber(nil, v)
	}
	out := cell{Text: binary(v.num)}
	if exact := grouped(v.num); exact != out.Text {
		out.Note = exact + " bytes"
	}
	return out
}

func showFlag(r *Row, v Value) cell {
	switch {
	case r.Kind != Server:
		return showNumber(r, v)
	case v.num == 1:
		return cell{Text: "yes"}
	}
	return cell{Text: "–"}
}

func showStatus(r *Row, v Value) cell {
	out := cell{Text: v.text, Class: "state"}
	if changed := fieldByName("lastchg").Value(r); changed.set {
		out.Text += ", " + age(changed.num)
	}
	return out
}

func showCheck(r *Row, v Value) cell {
	out := cell{Text: v.text, Class: "word"}
	if code := fieldByName("check_code").Value(r); code.set {
		out.Text += "/" + strconv.FormatInt(code.num, 10)
	}
	if took := fieldByName("check_duration").Value(r); took.set {
		out.Text += fmt.Sprintf(" in %d ms", took.num)
	}
	return out
}

func showWeight(r *Row, v Value) cell {
	if u := fieldByName("uweight").Value(r); u.num != v.num {
		return cell{Text: grouped(v.num) + "/" + grouped(u.num), Note: "in force / set"}
	}
	return showNumber(r, v)
}

// grouped writes a number with narrow spaces between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(s, "-")
	var b strings.Builder
	b.WriteString(s[:len(s)-len(digits)])
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteRune('\u202f')
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}

// binary writes a number of bytes to three digits.
func binary(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	x, unit := float64(n), -1
	for x >= 1000 && unit < 5 {
		x /= 1024
		unit++
	}
	return strconv.FormatFloat(x, 'g', 3, 64) + " " + string("KMGTPE"[unit]) + "iB"
}

// age writes seconds with their two largest units.
func age(s int64) string {
	d := time.Duration(s) * time.Second
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", s)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}
