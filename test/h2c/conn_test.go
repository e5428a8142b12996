package h2c

import (
	"bytes"
	"net/netip"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"bascule/internal/backend"
	"bascule/internal/loop"
	"bascule/internal/stream"
)

// frameHead is the size of a frame's head, RFC 9113 §4.1.
const frameHead = 9

// A conn is one client connection with its streams, on one loop.
type conn struct {
	c    *loop.Conn
	car  *stream.Carrier
	fe   *stream.Frontend
	info stream.Client

	greeted bool // the client's preface was read
	closing bool
	in      bytes.Reader // the one frame being read
	out     bytes.Buffer // frames on their way
	framer  *http2.Framer
	dec     *hpack.Decoder
	enc     *hpack.Encoder
	block   bytes.Buffer // what enc writes
	fields  []byte       // header block fragments of the request being read
	ended   bool         // END_STREAM came with them
	window  int64        // what the client takes on the connection
	initial int64        // and on a new stream
	sides   map[uint32]*side
}

// accept takes a client connection; its streams share car with h1.
func accept(car *stream.Carrier, fe *stream.Frontend, fd int, from, to netip.AddrPort) {
	c := &conn{car: car, fe: fe, window: 65535, initial: 65535, sides: map[uint32]*side{}}
	c.info = stream.Client{From: from, To: to, Accepted: car.Loop.Now(), Wall: car.Loop.Wall().UnixNano()}
	c.framer = http2.NewFramer(&c.out, &c.in)
	c.dec = hpack.NewDecoder(4096, nil)
	c.enc = hpack.NewEncoder(&c.block)
	lc, err := car.Loop.Adopt(fd, c)
	if err != nil {
		return
	}
	c.c = lc
	fe.Cur.Enter()
	fe.Env.Conns.Enter()
	fe.Counters.Add(car.Loop.Index(), backend.Conns, 1)
	fe.Counters.Add(car.Loop.Index(), backend.Sessions, 1)
	lc.SetDeadline(fe.Rules().Cfg.Timeouts.Client)
}

// Ready reads the frames that have come whole, see loop.Handler.
func (c *conn) Ready(*loop.Conn) {
	if c.c.Failed() {
		c.close()
		return
	}
	c.unstick()
	for !c.c.Closed() {
		p, err := c.c.Fill()
		for !c.closing {
			n := c.frame(p)
			if n == 0 {
				break
			}
			p = p[n:]
		}
		if c.c.Closed() {
			return
		}
		c.c.Keep(p)
		if err != nil || c.closing {
			c.close()
			return
		}
		if !c.c.Readable() {
			break
		}
	}
	c.flush()
}

// frame works on the frame at the start of p and says how long it is; 0: it
// has not come whole. The framer would lose the bytes of half a frame.
func (c *conn) frame(p []byte) int {
	if !c.greeted {
		if len(p) < len(http2.ClientPreface) {
			return 0
		}
		c.greeted = true
		if string(p[:len(http2.ClientPreface)]) != http2.ClientPreface {
			c.closing = true
			return 0
		}
		_ = c.framer.WriteSettings()
		return len(http2.ClientPreface)
	}
	if len(p) < frameHead {
		return 0
	}
	n := frameHead + int(p[0])<<16 + int(p[1])<<8 + int(p[2])
	if len(p) < n {
		return 0
	}
	c.in.Reset(p[:n])
	f, err := c.framer.ReadFrame()
	if err == nil {
		err = c.take(f)
	}
	if err != nil {
		_ = c.framer.WriteGoAway(0, http2.ErrCodeProtocol, nil)
		c.flush()
		c.closing = true
	}
	return n
}

func (c *conn) take(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			return c.framer.WritePing(true, f.Data)
		}
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			c.window += int64(f.Increment)
		} else if s := c.sides[f.StreamID]; s != nil {
			s.window += int64(f.Increment)
		}
		c.unstick()
	case *http2.HeadersFrame:
		c.fields, c.ended = append(c.fields[:0], f.HeaderBlockFragment()...), f.StreamEnded()
		if f.HeadersEnded() {
			return c.open(f.StreamID)
		}
	case *http2.ContinuationFrame:
		c.fields = append(c.fields, f.HeaderBlockFragment()...)
		if f.HeadersEnded() {
			return c.open(f.StreamID)
		}
	case *http2.DataFrame:
		if s := c.sides[f.StreamID]; s != nil {
			s.data(f.Data(), f.StreamEnded())
		}
	case *http2.RSTStreamFrame:
		if s := c.sides[f.StreamID]; s != nil {
			s.reset()
		}
	case *http2.GoAwayFrame:
		c.closing = len(c.sides) == 0
	}
	return nil
}

func (c *conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
		for _, s := range c.sides {
			s.window += int64(v) - c.initial
		}
		c.initial = int64(v)
	}
	return c.framer.WriteSettingsAck()
}

// unstick sends what waited for a window or for the socket.
func (c *conn) unstick() {
	for _, s := range c.sides {
		s.more()
	}
}

// flush sends the frames that were written.
func (c *conn) flush() {
	if c.out.Len() > 0 {
		_ = c.c.Send(c.out.Bytes()) // sticky: Ready hears of it
		c.out.Reset()
	}
}

// Expired ends a silent connection that has no stream, see loop.Handler.
func (c *conn) Expired(*loop.Conn) {
	if len(c.sides) == 0 {
		c.close()
		return
	}
	c.c.SetDeadline(c.fe.Rules().Cfg.Timeouts.Client)
}

// Broken ends the streams of a connection whose handling panicked.
func (c *conn) Broken(*loop.Conn) { c.end() }

func (c *conn) close() {
	if c.c.Closed() {
		return
	}
	c.end()
	c.c.Close()
}

func (c *conn) end() {
	for _, s := range c.sides {
		s.reset()
	}
	c.fe.Cur.Leave()
	c.fe.Env.Conns.Leave()
}
