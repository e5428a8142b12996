package top

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bascule/internal/drill"
	"bascule/internal/terminal"
)

const header = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,status,weight,lastchg,type,rate,check_status,check_code,last_chk,hrsp_5xx,req_rate,req_tot,ttime,mode"

// stat is an answer of show stat: a frontend, a backend with two servers and one of
// mode tcp; so many requests were served, in the state of the second server.
func stat(own bool, requests int, second string) string {
	lines := []string{
		fmt.Sprintf("fe,FRONTEND,,,%d,40,1000,%d,%d,%d,0,0,0,,,OPEN,,,0,10,,,,0,25,%d,,http", requests/10, requests, requests*100, requests*5000, requests),
		"tcp,FRONTEND,,,3,3,1000,7,0,0,0,0,0,,,OPEN,,,0,1,,,,,,,,tcp",
		fmt.Sprintf("be,web1,0,2,%d,12,50,%d,0,%d,,0,,0,0,UP,100,3700,2,5,L7OK,200,HTTP status check returned code <3C>200<3E>,0,,,12,http", requests/20, requests/2, requests*2500),
		fmt.Sprintf("be,web2,4,9,1,12,,%d,0,0,,0,,%d,0,%s,100,59,2,5,L4CON,,Connection refused,0,,,1250,http", requests/2, requests/100, second),
		fmt.Sprintf("be,BACKEND,0,0,4,40,200,%d,0,0,0,0,,0,0,UP,100,90061,1,10,,,,0,,%d,14,http", requests, requests),
	}
	if !own {
		return header + ",\n" + strings.Join(lines, ",\n") + ",\n"
	}
	steps := fmt.Sprintf("0:0:0:0:0:%d:0:0:%d:0:0:0:0:0:0:0:0:0:0", requests, requests/50)
	for i, line := range lines {
		ws := ""
		if !strings.Contains(line, "FRONTEND") {
			ws = fmt.Sprint(2 * i)
		}
		lines[i] = line + "," + ws + "," + steps
	}
	return header + ",ws_cur,ttime_steps,\n" + strings.Join(lines, ",\n") + ",\n"
}

// process is a runtime socket that answers as a process would, and notes what it is asked.
type process struct {
	path string

	mu      sync.Mutex // mu guards the fields below.
	answers map[string]string
	asked   []string
}

func startProcess(t *testing.T) *process {
	t.Helper()
	dir, err := os.MkdirTemp("", "top") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := &process{path: filepath.Join(dir, "s"), answers: map[string]string{}}
	ln, err := net.Listen("unix", p.path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(c).ReadString('\n')
			p.mu.Lock()
			p.asked = append(p.asked, strings.TrimSpace(line))
			answer := p.answers[strings.TrimSpace(line)]
			p.mu.Unlock()
			fmt.Fprint(c, answer+"\n")
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return p
}

// say sets what it answers from now on.
func (p *process) say(own bool, requests int, second string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	version := "2.6.12-1+deb12u4"
	if own {
		version = "3.2.0-bascule"
		p.answers["show events"] = "1 2026-11-23T10:00:00.000Z 5 started - Process 4711 has started.\n" +
			"2 2026-11-23T10:00:05.000Z 1 server-down be/web2 Server be/web2 is DOWN\n"
	}
	p.answers["show info"] = "Name: HAProxy\nVersion: " + version + "\nPid: 4711\nUptime_sec: 90061\nCurrConns: 12\nMaxconn: 2000\nIdle_pct: 97\nTasks: 20\n"
	p.answers["show stat"] = stat(own, requests, second)
}

// TestMain has one time zone: events of the process are shown in local time.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

var began = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// sample takes one sample at a second after the beginning.
func (p *process) sample(t *testing.T, second int) *Sample {
	t.Helper()
	s, err := take(t.Context(), drill.Runtime(p.path))
	if err != nil {
		t.Fatal(err)
	}
	s.At = began.Add(time.Duration(second) * time.Second)
	return s
}

// seen is a view of two samples, one second apart.
func seen(t *testing.T, own bool) *UI {
	t.Helper()
	p := startProcess(t)
	u := &UI{socket: "/run/a.sock", look: Look{Colour: true}, model: &Model{}}
	p.say(own, 100, "UP 1/3")
	u.model.Add(p.sample(t, 0))
	p.say(own, 300, "DOWN")
	u.model.Add(p.sample(t, 1))
	u.refresh()
	return u
}

// press types keys; "\r" is Enter.
func press(u *UI, keys string) (order string, quit bool) {
	for _, k := range keys {
		switch k {
		case '↑':
			k = rune(terminal.KeyUp)
		case '↓':
			k = rune(terminal.KeyDown)
		case '␛':
			k = rune(terminal.KeyEsc)
		}
		if order, quit = u.Press(terminal.Key(k)); order != "" || quit {
			return order, quit
		}
	}
	return order, quit
}
