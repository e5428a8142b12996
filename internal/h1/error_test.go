package h1_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"bascule/internal/backend"
)

// erring answers every request with an error, whose body is framed either way.
func erring(size int, chunked bool) script {
	body := strings.Repeat("x", size)
	return func(r *bufio.Reader, c net.Conn) {
		for {
			if _, err := http.ReadRequest(r); err != nil {
				return
			}
			reply := fmt.Sprintf("HTTP/1.1 500 Oops\r\nContent-Length: %d\r\n\r\n%s", size, body)
			if chunked {
				reply = fmt.Sprintf("HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, body)
			}
			if _, err := io.WriteString(c, reply); err != nil {
				return
			}
		}
	}
}

// From the third error in a row on a server's error is asked of the other one, and
// nothing of it reaches the client, however long it is.
func TestAServerThatOnlyErrsIsAskedAbout(t *testing.T) {
	for _, size := range []int{1, 3000, 20000, 200000} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bytes, chunked %t", size, chunked), func(t *testing.T) {
				t.Parallel()
				p := start(t, moving(), 1, serve(t, erring(size, chunked)), serve(t, echo))
				c, r := dial(t, p.addr)
				var got []int
				for range 10 {
					if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
						t.Fatal(err)
					}
					rep, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Fatal(err)
					}
					n, err := io.Copy(io.Discard, rep.Body)
					if err != nil {
						t.Fatal(err)
					}
					if want := int64(0); rep.StatusCode == 500 {
						if want = int64(size); n != want {
							t.Errorf("an error of %d bytes, want %d", n, want)
						}
					} else if n != want {
						t.Errorf("a reply of %d bytes, want %d", n, want)
					}
					got = append(got, rep.StatusCode)
				}
				if want := "[500 200 500 200 200 200 200 200 200 200]"; fmt.Sprint(got) != want {
					t.Errorf("got %v, want %s", got, want)
				}
				if n := p.be.Counters.Sum(backend.ReplaysError); n != 6 { // whose turns those of the other are
					t.Errorf("%d were asked elsewhere, want 6", n)
				}
			})
		}
	}
}
