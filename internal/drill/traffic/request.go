package traffic

import (
	"fmt"
	"hash/crc32"
	"strconv"
	"sync"

	"bascule/internal/fleet"
	"bascule/internal/wire"
)

// sizes of the contents that are asked for: one that fits a segment, one that does not,
// and one that is larger than what a balancer may keep back.
var sizes = [...]int{200, 3000, 20000}

// putBody is what every PUT carries, putSum its checksum as the fleet wants it.
var (
	putBody = sync.OnceValue(func() []byte { return fleet.Content(64 << 10) })
	putSum  = sync.OnceValue(func() string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(putBody())) })
)

// known are the checksums of everything that is asked for.
type known struct {
	contents [len(sizes)]uint32
	segments [tracks][fleet.TrackSegments]uint32
	segment  int64 // bytes of each
}

var everything = sync.OnceValue(func() *known {
	k := &known{}
	for i, size := range sizes {
		k.contents[i] = crc32.ChecksumIEEE(fleet.Content(size))
	}
	for t := range tracks {
		for n := range fleet.TrackSegments {
			data := fleet.SegmentBytes(fleet.Track(t+1), n)
			k.segments[t][n], k.segment = crc32.ChecksumIEEE(data), int64(len(data))
		}
	}
	return k
})

// request writes the head of a request.
func (w *worker) request(t task) (head, body []byte, method wire.Method) {
	r := w.group.run
	b := w.text[:0]
	switch t.kind {
	case Get:
		b, method = append(b, "GET "...), wire.MethodGet
		b = append(append(b, r.opt.Prefix...), "/api/v1/content?size="...)
		b = strconv.AppendInt(b, int64(sizes[t.part>>1]), 10)
		if t.part&1 == 1 {
			b = append(b, "&chunked=1"...)
		}
	case Sticky:
		b, method = append(append(append(b, "GET "...), r.opt.Prefix...), "/api/v1/me"...), wire.MethodGet
	case HLS:
		b, method = append(b, "GET "...), wire.MethodGet
		b = append(append(append(append(b, r.opt.Prefix...), "/hls/"...), fleet.Track(int(t.track))...), '/')
		b = append(strconv.AppendInt(b, int64(t.part), 10), ".ts"...)
	case Post, Keyed:
		b, method = w.operation(append(b, "POST "...), t.number), wire.MethodPost
		body = postBody
	case Put:
		b, method = w.operation(append(b, "PUT "...), t.number), wire.MethodPut
		body = putBody()
	case Delete:
		b, method = w.operation(append(b, "DELETE "...), t.number), wire.MethodDelete
	}
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), r.site.Addr()...), "\r\n"...)
	if body != nil {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), "\r\n"...)
	}
	switch t.kind {
	case Keyed:
		b = append(append(append(b, fleet.KeyHeader+": "...), r.opt.Name...), '-')
		b = append(strconv.AppendInt(b, int64(t.number), 10), "\r\n"...)
	case Put:
		b = append(append(append(b, fleet.ChecksumHeader+": "...), putSum()...), "\r\n"...)
	}
	if w.group.jar != nil {
		b = append(append(append(b, "Cookie: "...), w.group.jar.String()...), "\r\n"...)
	}
	w.text = append(b, "\r\n"...)
	return w.text, body, method
}

var postBody = []byte(`{"title":"an order that is counted each time that it is executed"}`)

func (w *worker) operation(b []byte, number uint32) []byte {
	r := w.group.run
	b = append(append(append(append(b, r.opt.Prefix...), "/api/v1/ops/"...), r.opt.Name...), '/')
	return strconv.AppendInt(b, int64(number), 10)
}

// judge says what a reply is worth.
func judge(t task, a *answer, err error) (Outcome, string) {
	switch {
	case err != nil && a.begun:
		return Cut, fmt.Sprintf("%d, cut after %d bytes: %v", a.status, a.size, err)
	case err != nil:
		return Lost, err.Error()
	case a.status != wanted[t.kind]:
		return Lost, fmt.Sprintf("status %d", a.status)
	}
	size, sum := int64(0), uint32(0)
	switch t.kind {
	case Get:
		size, sum = int64(sizes[t.part>>1]), everything().contents[t.part>>1]
	case HLS:
		size, sum = everything().segment, everything().segments[t.track-1][t.part]
	case Sticky:
		return judgeMe(t, a)
	case Post, Keyed, Put:
		text := fleet.OpReply(strconv.Itoa(int(t.number)))
		size, sum = int64(len(text)), crc32.ChecksumIEEE([]byte(text))
	}
	if a.size != size || a.sum != sum {
		return Short, fmt.Sprintf("%d bytes with checksum %08x instead of %d with %08x", a.size, a.sum, size, sum)
	}
	return OK, ""
}

var wanted = [Kinds]int{Get: 200, Post: 201, Keyed: 201, Put: 200, Delete: 204, Sticky: 200, HLS: 200}

// minMe is less than the reply to /api/v1/me ever has: its text differs by server and time.
const minMe = 40

func judgeMe(t task, a *answer) (Outcome, string) {
	if a.size < minMe || a.last != '\n' {
		return Short, fmt.Sprintf("%d bytes of /api/v1/me", a.size)
	}
	return OK, ""
}
