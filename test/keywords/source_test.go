package keywords

import (
	"net"
	"strings"
	"testing"
	"time"
)

// Traffic and checks come from where source says, with both programs: the
// server's own, else the backend's. A bare check of haproxy's ends within the
// handshake, which no server hears of, so this one asks something.
func TestConnectionsComeFromTheSource(t *testing.T) {
	for _, program := range []string{"bascule", "haproxy"} {
		t.Run(program, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			came := make(chan string, 1000)
			go func() { // ends with the listener
				for {
					c, err := ln.Accept()
					if err != nil {
						return
					}
					host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
					came <- host
					c.Close()
				}
			}()
			w := newWorld(t, program)
			w.vars["BACK"] = ln.Addr().String()
			w.start(&row{cfg: "listen l\n    mode tcp\n    option tcplog\n    bind $F1\n    source 127.0.0.7\n    option srvtcpka\n    server a $BACK tcp-ut 5s\n" +
				"backend c\n    option httpchk\n    source 127.0.0.7\n    server b $BACK source 127.0.0.8 interface lo check inter 1s\n"})
			if err := closed("$F1", "x")(w); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Error(err)
			}
			want := map[string]bool{"127.0.0.7": true, "127.0.0.8": true}
			for end := time.After(patience); len(want) > 0; {
				select {
				case host := <-came:
					if host != "127.0.0.7" && host != "127.0.0.8" {
						t.Fatalf("a connection from %s", host)
					}
					delete(want, host)
				case <-end:
					t.Fatalf("no connection from %v", want)
				}
			}
		})
	}
}
