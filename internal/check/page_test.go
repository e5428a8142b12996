package check

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"bascule/internal/config"
)

// An example is a block of docs/health-checks.md, with what a server answers
// to its checks and how they end, if the page says so in a comment below it.
type example struct{ text, answer, ends string }

var blocks = regexp.MustCompile("(?s)```haproxy\n(.*?)```\n(?:<!-- (.*?) -> (.*?) -->)?")

func examples(t *testing.T) (list []example) {
	page, err := os.ReadFile("../../docs/health-checks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range blocks.FindAllStringSubmatch(string(page), -1) {
		list = append(list, example{m[1], m[2], m[3]})
	}
	return list
}

// TestThePagesExamplesLoad; HAProxy takes them as well.
func TestThePagesExamplesLoad(t *testing.T) {
	list := examples(t)
	if len(list) < 8 {
		t.Fatalf("%d examples found", len(list))
	}
	for _, e := range list {
		parse(t, e.text)
		startOracle(t, e.text)
	}
}

func TestThePagesExamplesEndAsItSays(t *testing.T) {
	for _, e := range examples(t) {
		if e.ends == "" {
			continue
		}
		reply := strings.ReplaceAll(e.answer, "|", "\r\n")
		if !strings.HasPrefix(reply, "HTTP/") {
			reply += "\r\n"
		}
		port := listen(t, answer(reply))
		here := func(p *config.Proxy) {
			p.Servers[0].Addr.IP = localhost
			p.Servers[0].Addr.Port = port
			p.Servers[0].Inter = time.Second
		}
		px := parse(t, e.text)
		here(px[0])
		b := live(t, px...)[0]
		got := ""
		// A check that is late on a busy machine is followed by another.
		for until := time.Now().Add(patience); got != e.ends && time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
			if c := b.Servers()[0].State().Check; c.Duration >= 0 {
				got = strings.TrimSpace(fmt.Sprintf("%s %s", c.Status, c.Info))
			}
		}
		if got != e.ends {
			t.Errorf("%s\n got %s\nwant %s", e.text, got, e.ends)
		}
	}
}

var localhost = netip.MustParseAddr("127.0.0.1")
