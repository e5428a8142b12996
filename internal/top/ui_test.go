package top

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestKeysAct(t *testing.T) {
	for _, tt := range []struct {
		name, keys  string
		haproxy     bool
		order, says string // the message, or the open question
	}{
		{"maintenance", "m", false, "", `send "set server be/web1 state maint"? y/n `},
		{"confirmed", "my", false, "set server be/web1 state maint", "sent: set server be/web1 state maint"},
		{"not confirmed", "mn", false, "", "not sent"},
		{"Enter does not confirm", "m\r", false, "", "not sent"},
		{"ready, one below", "↓ry", false, "set server be/web2 state ready", "sent: set server be/web2 state ready"},
		{"drain with a deadline", "d90s\ry", false, "set server be/web1 state drain deadline 90s", "sent: set server be/web1 state drain deadline 90s"},
		{"drain without", "d\ry", false, "set server be/web1 state drain", "sent: set server be/web1 state drain"},
		{"a wrong deadline", "d5 min\r", false, "", "a deadline is a number and its unit: 30s, 5m, 1h"},
		{"HAProxy has no deadline", "dy", true, "set server be/web1 state drain", "sent: set server be/web1 state drain"},
		{"weight", "w50%\ry", false, "set server be/web1 weight 50%", "sent: set server be/web1 weight 50%"},
		{"weight typed wrongly at first", "w70\x7f\x7f8\ry", false, "set server be/web1 weight 8", "sent: set server be/web1 weight 8"},
		{"a wrong weight", "wx\r", false, "", "a weight is 0 to 256, or a share such as 50%"},
		{"an order cannot be slipped in", "w1;shutdown\r", false, "", "a weight is 0 to 256, or a share such as 50%"},
		{"Esc takes a question back", "w5␛", false, "", ""},
		{"a frontend is no server", "gm", false, "", "the cursor is not on a server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := seen(t, !tt.haproxy)
			order, quit := press(u, tt.keys)
			says := u.message
			if u.ask != nil {
				says = u.ask.text()
			}
			if order != tt.order || says != tt.says || quit {
				t.Errorf("sends %q, says %q, quit %v; want %q and %q", order, says, quit, tt.order, tt.says)
			}
		})
	}
}

func TestTheCursorStaysWithItsServer(t *testing.T) {
	u := seen(t, true)
	press(u, "↓")
	for _, keys := range []string{"s", "R", "ssss", "/web\r", "t", "␛"} {
		press(u, keys)
		if got := u.rows[u.at].key(); got != "be/web2" {
			t.Errorf("after %q it is at %s", keys, got)
		}
	}
	if _, quit := press(u, "q"); !quit {
		t.Error("q does not quit")
	}
	if _, quit := press(seen(t, true), "/q\x03"); !quit {
		t.Error("Ctrl-C does not quit")
	}
}

func TestFilterAndTrouble(t *testing.T) {
	for keys, want := range map[string]string{
		"":        "fe tcp be web1 web2",
		"/web1":   "web1",
		"/WEB":    "web1 web2",
		"/down\r": "web2",
		"/x\r":    "",
		"t":       "web2",
		"/web␛":   "fe tcp be web1 web2",
		"t␛":      "fe tcp be web1 web2",
	} {
		u := seen(t, false)
		press(u, keys)
		var got []string
		for i := range u.rows {
			name := u.rows[i].Name
			if name == "" {
				name = u.rows[i].Proxy
			}
			got = append(got, name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("after %q: %q, want %q", keys, got, want)
		}
	}
}

func TestChangesAreSeenWhereNobodyTellsThem(t *testing.T) {
	p := startProcess(t)
	m := &Model{}
	for i, status := range []string{"UP", "UP 2/3", "DOWN", "DOWN 1/2", "MAINT"} {
		p.say(false, 1, status)
		m.Add(p.sample(t, i))
	}
	p.answers["show stat"] = strings.ReplaceAll(stat(false, 1, "MAINT"), "web1,", "web3,")
	m.Add(p.sample(t, 9))
	want := "10:00:02 be/web2 is DOWN, was UP 2/3 (L4CON Connection refused)\n10:00:04 be/web2 is MAINT, was DOWN 1/2\n" +
		"10:00:09 be/web3 is new\n10:00:09 be/web1 is gone"
	if got := strings.Join(m.Events, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPercentilesAreOfTheLastHalfMinute(t *testing.T) {
	p := startProcess(t)
	m := &Model{}
	at := func(second int, steps string) Row {
		p.say(true, 0, "UP")
		p.answers["show stat"] = "# pxname,svname,type,ttime_steps,\nfe,FRONTEND,0," + steps + ",\n"
		m.Add(p.sample(t, second))
		return m.Rows[0]
	}
	const none = ":0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0"
	for _, tt := range []struct {
		second   int
		steps    string
		p50, p99 time.Duration
	}{
		{0, "100:0:0" + none, 50 * time.Microsecond, 99 * time.Microsecond},
		{1, "100:0:100" + none, 375 * time.Microsecond, 497500 * time.Nanosecond},
		{20, "100:0:100" + none, 375 * time.Microsecond, 497500 * time.Nanosecond},
		{40, "200:0:100" + none, 50 * time.Microsecond, 99 * time.Microsecond},
		{80, "200:0:100" + none, -1, -1},
		{81, "10:0:0" + none, 50 * time.Microsecond, 99 * time.Microsecond}, // counters cleared
		{82, "1:2:3", -1, -1},
	} {
		if got := at(tt.second, tt.steps); got.P50 != tt.p50 || got.P99 != tt.p99 {
			t.Errorf("after %d s: %v and %v, want %v and %v", tt.second, got.P50, got.P99, tt.p50, tt.p99)
		}
	}
}

func TestNumbersAreShort(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 1: "1", 1.25: "1.2", 12.6: "13", 99999: "99999", 123456: "123k", 2.5e6: "2.5M", 1e9: "1G", 7e12: "7T"} {
		if got := short(n); got != want {
			t.Errorf("%v is %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-1: "-", 0: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s", 90061 * time.Second: "1d01h", 3660 * time.Second: "1h01m"} {
		if got := age(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-1: "-", 1500 * time.Microsecond: "1.5ms", 25 * time.Millisecond: "25ms", 1500 * time.Millisecond: "1.5s"} {
		if got := took(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

func TestMainSaysWhatIsWrong(t *testing.T) {
	find := func([]string) ([]string, error) { return nil, errors.New("no socket anywhere") }
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"--help", 0, "usage: bascule top"},
		{"--what", 2, "what"},
		{"x", 2, "unexpected argument x"},
		{"-i 1ms", 2, "an interval is at least 100ms"},
		{"--sort name", 2, `no column "name" to sort by`},
		{"--once", 1, "no socket anywhere"},
		{"--once -s /nowhere/s", 1, "no such file"},
		{"-s /nowhere/s", 1, "this is not a terminal; --once prints a table"},
	} {
		var stdout, stderr bytes.Buffer
		code := Main(strings.Fields(tt.args), find, strings.NewReader(""), &stdout, &stderr)
		if code != tt.code || !strings.Contains(stdout.String()+stderr.String(), tt.want) {
			t.Errorf("%s: exit %d, %q%q; want %d with %q", tt.args, code, stdout.String(), stderr.String(), tt.code, tt.want)
		}
	}
}

func TestTheLocaleSaysWhetherUnicodeIsShown(t *testing.T) {
	for _, tt := range []struct {
		all, lang string
		want      bool
	}{{"", "", false}, {"", "en_US.UTF-8", true}, {"", "de_DE.utf8", true}, {"C", "en_US.UTF-8", false}, {"", "C", false}} {
		env := map[string]string{"LC_ALL": tt.all, "LANG": tt.lang}
		if got := utf8Locale(func(name string) string { return env[name] }); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
