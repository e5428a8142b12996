package wire

import (
	"bytes"
	"strconv"
	"testing"
	"time"
)

// browserHead is a request as browsers send it through a balancer.
var browserHead = []byte("GET /api/v1/rooms/42/messages?after=1187 HTTP/1.1\r\n" +
	"Host: chat.example.net\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: application/json\r\n" +
	"Accept-Language: en-US,en;q=0.5\r\n" +
	"Accept-Encoding: gzip, deflate, br\r\n" +
	"Connection: keep-alive\r\n" +
	"Cookie: theme=dark; SRV=api-1; session=0123456789abcdef\r\n" +
	"Cache-Control: no-cache\r\n\r\n")

var serverHead = []byte("HTTP/1.1 200 OK\r\n" +
	"Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n" +
	"Content-Type: application/json; charset=utf-8\r\n" +
	"Content-Length: 100\r\n" +
	"Cache-Control: private\r\n" +
	"X-Request-Id: 0123456789abcdef\r\n\r\n")

func BenchmarkRequestParse(b *testing.B) {
	var r Request
	b.SetBytes(int64(len(browserHead)))
	b.ReportAllocs()
	for b.Loop() {
		if r.Parse(browserHead, nil) != Done {
			b.Fatal(r.Fault())
		}
	}
}

func BenchmarkRequestAppend(b *testing.B) {
	var r Request
	r.Parse(browserHead, nil)
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = r.AppendTo(dst[:0], BodyNone, 0, ConnNone)
	}
}

func BenchmarkRequestEditAndAppend(b *testing.B) {
	var r Request
	dst := make([]byte, 0, 4096)
	srv, xff, ip := []byte("SRV"), []byte("X-Forwarded-For"), []byte("192.0.2.17")
	b.ReportAllocs()
	for b.Loop() {
		r.Parse(browserHead, nil)
		CookieValue(&r.Head, srv)
		r.RemoveCookie(srv)
		r.Add(xff, ip)
		dst = r.AppendTo(dst[:0], BodyNone, 0, ConnNone)
	}
}

func BenchmarkReplyParseAndAppend(b *testing.B) {
	var p Reply
	dst := make([]byte, 0, 4096)
	b.SetBytes(int64(len(serverHead)))
	b.ReportAllocs()
	for b.Loop() {
		if p.Parse(serverHead, nil, MethodGet) != Done {
			b.Fatal(p.Fault())
		}
		dst = p.AppendTo(dst[:0], 1, p.Body, p.Length, ConnNone)
	}
}

func BenchmarkChunks(b *testing.B) {
	for _, size := range []int{16, 256, 4096} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			one := append(AppendChunkHead(nil, size), make([]byte, size)...)
			one = append(one, "\r\n"...)
			body := bytes.Repeat(one, max(1, 16384/len(one)))
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			var c Chunks
			for b.Loop() {
				for left := body; len(left) > 0; {
					n, _, st := c.Next(left)
					if st == ChunkBad {
						b.Fatal(c.Why())
					}
					left = left[n:]
				}
			}
		})
	}
}

func BenchmarkFrames(b *testing.B) {
	for _, size := range []int{64, 4096} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			var f Frames
			message := appendFrame(nil, true, OpText, make([]byte, size), true)
			b.ReportAllocs()
			for b.Loop() {
				f.Feed(message)
			}
			if f.Broken() || !f.AtBoundary() {
				b.Fatal("lost the frames")
			}
		})
	}
}

func BenchmarkDate(b *testing.B) {
	dst, now := make([]byte, 0, 64), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendDate(dst[:0], now)
	}
}
