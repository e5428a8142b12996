package balance

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

func TestHashesAreHAProxysConverters(t *testing.T) {
	o := newOracle(t)
	section := o.section("", []string{
		`http-request return status 200 content-type text/plain lf-string "` +
			`%[req.hdr(x),b64dec,sdbm] %[req.hdr(x),b64dec,djb2] %[req.hdr(x),b64dec,wt6] %[req.hdr(x),b64dec,crc32] ` +
			`%[req.hdr(x),b64dec,sdbm(1)] %[req.hdr(x),b64dec,wt6(1)]"`,
	}, nil)
	o.start()
	conn := o.dial(section)
	defer conn.Close()
	in := bufio.NewReader(conn)
	random := rand.New(rand.NewPCG(11, 12))
	for n := range 300 {
		key := make([]byte, 1+n%40)
		for i := range key {
			key[i] = byte(random.Uint32())
		}
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", base64.StdEncoding.EncodeToString(key))
		reply, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(reply.Body)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(Hash(SDBM, key), Hash(DJB2, key), Hash(WT6, key), Hash(CRC32, key),
			Avalanche(Hash(SDBM, key)), Avalanche(Hash(WT6, key)))
		if got != strings.TrimSpace(string(want)) {
			t.Fatalf("% x: got %s, haproxy has %s", key, got, want)
		}
	}
}

func TestNoneReadsTheHashOffTheKey(t *testing.T) {
	for key, want := range map[string]uint32{
		"":                     0,
		"0":                    0,
		"42":                   42,
		"+42":                  42,
		"-1":                   1<<32 - 1,
		"42abc":                42,
		"abc":                  0,
		"-":                    0,
		"4294967296":           0,
		"4294967299":           3,
		"99999999999999999999": 1<<32 - 1, // 2^63-1
		"-9223372036854775808": 0,
		"-9223372036854775809": 0, // -2^63
		"9223372036854775807":  1<<32 - 1,
	} {
		if got := Hash(None, []byte(key)); got != want {
			t.Errorf("%q: got %d, want %d", key, got, want)
		}
	}
}
