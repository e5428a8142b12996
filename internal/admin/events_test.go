package admin

import (
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bascule/internal/events"
	"bascule/internal/stats"
)

// noted is a process of which only the events are known.
type noted struct {
	Process
	source stats.Source
}

func (n *noted) Stats() *stats.Source { return &n.source }

func TestShowEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &noted{source: stats.Source{Events: events.New(4)}}
		p.source.Events.Add(events.Event{Kind: events.ServerDown, Proxy: "be", Server: "s1", Level: 1, Text: "down"})
		s := NewServer(Commands(p), time.Second, quiet())
		open := func(line string) <-chan string {
			ours, theirs := net.Pipe()
			go s.Session(theirs, Operator, "none") // ends with the session
			go func() {                            // ends after a minute
				_, _ = io.WriteString(ours, line)
				time.Sleep(time.Minute) // what it has to follow has happened
				_, _ = io.WriteString(ours, "\n")
			}()
			answer := make(chan string, 1)
			go func() { // ends with the session
				all, err := io.ReadAll(ours)
				if err != nil {
					t.Error(err)
				}
				answer <- strings.ReplaceAll(string(all), "2000-01-01T00:00:", "@")
			}()
			return answer
		}
		text := func(answer <-chan string) string { return <-answer }
		if got := text(open("show events\n")); got != "1 @00.000Z 1 server-down be/s1 down\n\n" {
			t.Errorf("kept: %q", got)
		}
		if got := text(open("show events --json\n")); !strings.HasPrefix(got, `{"id":1,"time":"@00Z","kind":"server-down","level":1,"proxy":"be","server":"s1","text":"down"}`+"\n") {
			t.Errorf("json: %q", got)
		}
		if got := text(open("show events -x\n")); got != "'show events' takes [<ring>] [-w] [-n] [--json].\n\n" {
			t.Errorf("unknown: %q", got)
		}
		all, fresh := open("show events -w\n"), open("show events -wn\n")
		time.Sleep(10 * time.Second) // longer than a session may be silent
		if n := p.source.Events.Followers(); n != 2 {
			t.Errorf("%d follow", n)
		}
		p.source.Events.Add(events.Event{Kind: events.ServerUp, Proxy: "be", Server: "s1", Level: 5, Text: "up"})
		if got := text(all); got != "1 @00.000Z 1 server-down be/s1 down\n2 @10.000Z 5 server-up be/s1 up\n\n" {
			t.Errorf("followed: %q", got)
		}
		if got := text(fresh); got != "2 @10.000Z 5 server-up be/s1 up\n\n" {
			t.Errorf("from now on: %q", got)
		}
		followed := open("show events -w\n")
		synctest.Wait()
		s.Close() // ends what follows
		if got := text(followed); !strings.HasSuffix(got, "up\n") {
			t.Errorf("until the end: %q", got)
		}
		if n := p.source.Events.Followers(); n != 0 {
			t.Errorf("%d follow still", n)
		}
		time.Sleep(time.Minute)
	})
}
