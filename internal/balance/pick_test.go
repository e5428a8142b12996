package balance

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"
)

func TestLeastConnTakesTheServerThatHAProxyTakes(t *testing.T) {
	for _, weights := range [][]int{{1, 1}, {1, 2, 3}, {3, 100, 7}, {10, 20, 30, 40, 50}} {
		t.Run(fmt.Sprint("weights ", weights), func(t *testing.T) {
			o := newOracle(t)
			taken := make(chan int, 1)
			lines := []string{"balance leastconn"}
			for i, w := range weights {
				name := fmt.Sprintf("mute%d", i)
				holdRequests(t, o.socket(name), i, taken)
				lines = append(lines, fmt.Sprintf("server m%d unix@%s weight %d", i, o.socket(name), w))
			}
			section := o.section("", lines, nil)
			o.start()
			loads := make([]Load, len(weights))
			for i, w := range weights {
				loads[i].Weight = Effective(w)
			}
			for n := range 60 {
				conn := o.dial(section)
				defer conn.Close()
				fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				var got int
				select {
				case got = <-taken:
				case <-time.After(time.Minute):
					t.Fatal("haproxy sends the request nowhere")
				}
				want := LeastConn(loads)
				if got != want {
					t.Fatalf("request %d: haproxy takes s%d, we take s%d of %+v", n, got, want, loads)
				}
				loads[got].Served++
				loads[got].Since = uint64(n + 1)
			}
		})
	}
}

// holdRequests accepts requests on socket until the test ends, says n for each,
// and answers none.
func holdRequests(t *testing.T, socket string, n int, taken chan<- int) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	wg.Go(func() { // ends when the listener is closed
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { // ends when haproxy does
				defer conn.Close()
				in := bufio.NewScanner(conn)
				for in.Scan() {
					if in.Text() == "" {
						taken <- n
					}
				}
			})
		}
	})
}

func TestPickersByLoad(t *testing.T) {
	for _, test := range []struct {
		name  string
		loads []Load
		pick  func([]Load) int
		want  int
	}{
		{"least: idle servers are taken in turn", []Load{{Weight: 16, Since: 3}, {Weight: 160, Since: 1}, {Weight: 16, Since: 2}}, LeastConn, 1},
		{"least: the first of the file at first", []Load{{Weight: 16}, {Weight: 160}, {Weight: 16}}, LeastConn, 0},
		{"least: fewest by weight", []Load{{Weight: 16, Served: 1}, {Weight: 64, Served: 5}}, LeastConn, 1},
		{"least: queued requests count", []Load{{Weight: 16, Queued: 2}, {Weight: 16, Served: 1}}, LeastConn, 1},
		{"least: not a full server", []Load{{Weight: 16, Served: 2, Maxconn: 2}, {Weight: 16, Served: 9}}, LeastConn, 1},
		{"least: not one with a queue", []Load{{Weight: 16, Queued: 1, Maxconn: 9}, {Weight: 16, Served: 9}}, LeastConn, 1},
		{"least: nobody", []Load{{Weight: 16, Avoid: true}, {}}, LeastConn, -1},
		{"least: no servers", nil, LeastConn, -1},
		{"first: with a free slot", []Load{{Weight: 16, Served: 2, Maxconn: 2}, {}, {Weight: 16}, {Weight: 16}}, First, 2},
		{"first: nobody", []Load{{Weight: 16, Served: 2, Maxconn: 2}}, First, -1},
		{"first: not the one to avoid", []Load{{Weight: 16, Avoid: true}, {Weight: 16}}, First, 1},
		{"random: the less loaded of two", []Load{{Weight: 16, Served: 3}, {Weight: 16, Served: 2}}, randomOf(0, 1), 1},
		{"random: by weight", []Load{{Weight: 160, Served: 3}, {Weight: 16, Served: 2}}, randomOf(0, 1), 0},
		{"random: one draw", []Load{{Weight: 16, Served: 3}, {Weight: 16, Served: 2}}, randomOf(0), 0},
		{"random: of equals the last drawn", []Load{{Weight: 16}, {Weight: 16}}, randomOf(0, 1), 1},
		{"random: full", []Load{{Weight: 16, Served: 1, Maxconn: 1}, {Weight: 16, Served: 2}}, randomOf(0, 1), -1},
		{"random: not the one to avoid", []Load{{Weight: 16, Avoid: true}, {Weight: 16}}, randomOf(0), 1},
		{"random: nobody", []Load{{}, {}}, randomOf(0, 1), -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.pick(test.loads); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// randomOf draws these servers, by the hash of each one's first point.
func randomOf(servers ...int) func([]Load) int {
	return func(loads []Load) int {
		entries := make([]Entry, len(loads))
		for i, l := range loads {
			entries[i] = Entry{ID: uint32(i + 1), Weight: l.Weight}
		}
		hashes := make([]uint32, len(servers))
		for i, server := range servers {
			hashes[i] = Avalanche(entries[server].ID << 12)
		}
		return Random(NewRing(entries), loads, hashes...)
	}
}

func TestARampRisesFromOneStepToTheWholeWeight(t *testing.T) {
	const slowstart = 30 * time.Second
	for elapsed, want := range map[time.Duration]int{
		-time.Second:             10,
		0:                        10,
		1900 * time.Millisecond:  10, // (16*1+30)/30 = 1
		2 * time.Second:          20, // (16*2+30)/30 = 2
		15 * time.Second:         90,
		29 * time.Second:         160,
		30 * time.Second:         160,
		time.Hour:                160,
		14999 * time.Millisecond: 80,
	} {
		if got := Ramp(10, elapsed, slowstart); got != want {
			t.Errorf("after %v: got %d, want %d", elapsed, got, want)
		}
	}
	if got := Ramp(10, 0, 0); got != Effective(10) {
		t.Errorf("without slowstart: got %d", got)
	}
	if got := Ramp(10, 0, 100*time.Millisecond); got != 10 {
		t.Errorf("less than a second of slowstart: got %d", got)
	}
}
