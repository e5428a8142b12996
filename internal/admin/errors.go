package admin

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"bascule/internal/backend"
	"bascule/internal/config"
)

// showErrors is "show errors [IID|NAME] [request|response]": the last message of each
// proxy and direction that could not be read, in HAProxy's form.
func (w worker) showErrors(c *Call) {
	src := w.p.Stats()
	cfg := src.Config()
	id := -1 // all
	if word := c.Arg(0); word != "" {
		if id = proxyID(word, cfg.Proxies); id == 0 {
			c.Fail("No such proxy.")
			return
		}
	}
	fmt.Fprintf(c.Out(), "Total events captured on [%s] : %d\n", time.Now().Format(errorTime), src.BadMessages())
	requests, replies := map[string]*backend.BadMessage{}, map[string]*backend.BadMessage{}
	if c.Arg(1) != "response" {
		for _, f := range src.Frontends() {
			requests[f.Name] = f.BadRequest.Load()
		}
	}
	if c.Arg(1) != "request" {
		for _, b := range src.Backends() {
			replies[b.Name()] = b.BadReply.Load()
		}
	}
	for _, px := range cfg.Proxies {
		for _, m := range [...]*backend.BadMessage{requests[px.Name], replies[px.Name]} {
			if m != nil && (id < 0 || id == m.Frontend.ID || id == m.Backend.ID) {
				writeBad(c.Out(), m, cfg.Global.BufSize)
			}
		}
	}
}

// errorTime is how HAProxy writes the time of a bad message.
const errorTime = "02/Jan/2006:15:04:05.000"

// proxyID reads a name or a number, below 0 for all; 0: there is none such.
func proxyID(word string, proxies []*config.Proxy) int {
	for _, px := range proxies {
		if px.Name == word {
			return px.ID
		}
	}
	n, err := strconv.ParseInt(word, 10, 32)
	if err != nil {
		return 0
	}
	return int(n)
}

// writeBad writes one bad message. What describes HAProxy's insides (flags, lengths
// that its parser keeps) is 0.
func writeBad(w io.Writer, m *backend.BadMessage, bufSize int) {
	kind, what, own, other, otherEnd := "frontend", "request", m.Frontend, "backend", m.Backend
	if m.Reply {
		kind, what, own, other, otherEnd = "backend", "response", m.Backend, "frontend", m.Frontend
	}
	src := "unix:0"
	if m.From.IsValid() {
		src = m.From.Addr().String() + ":" + strconv.Itoa(int(m.From.Port()))
	}
	fmt.Fprintf(w, " \n[%s] %s %s (#%d): invalid %s\n", m.When.Format(errorTime), kind, own.Name, own.ID, what)
	fmt.Fprintf(w, "  %s %s, server %s, event #%d, src %s\n", other, numbered(otherEnd), numbered(m.Server), m.Event, src)
	fmt.Fprintf(w, "  buffer starts at 0 (including 0 out), %d free,\n", max(bufSize-len(m.Bytes), 0))
	fmt.Fprintf(w, "  len %d, wraps at %d, error at position %d\n", len(m.Bytes), bufSize, m.Offset)
	fmt.Fprintf(w, "  refused for: %s\n", m.Why)
	fmt.Fprintf(w, "  H1 connection flags 0x%08x, H1 stream flags 0x%08x\n", 0, 0)
	fmt.Fprintf(w, "  H1 msg state %s, H1 msg flags 0x%08x\n", messageState(m), 0)
	fmt.Fprintf(w, "  H1 chunk len %d bytes, H1 body len %d bytes :\n  \n", 0, 0)
	dump(w, m.Bytes)
}

func numbered(e backend.End) string {
	if e.Name == "" {
		return "<NONE> (#-1)"
	}
	return fmt.Sprintf("%s (#%d)", e.Name, e.ID)
}

// messageState is the name and number of HAProxy's state for the part of a message
// in which the offending byte is.
func messageState(m *backend.BadMessage) string {
	if m.Chunk {
		return "MSG_CHUNK_SIZE(26)"
	}
	before := m.Bytes[:m.Offset]
	if m.Reply && m.Offset == 0 {
		return "MSG_RPBEFORE(8)"
	} else if m.Offset == 0 {
		return "MSG_RQBEFORE(0)"
	}
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	first := len(bytes.Trim(before[:len(before)-len(line)], "\r\n")) == 0
	switch words := bytes.Count(line, []byte{' '}); {
	case !first && bytes.IndexByte(line, ':') < 0:
		return "MSG_HDR_NAME(17)"
	case !first:
		return "MSG_HDR_VAL(22)"
	case m.Reply:
		return [...]string{"MSG_RPVER(10)", "MSG_RPCODE(12)", "MSG_RPREASON(14)"}[min(words, 2)]
	default:
		return [...]string{"MSG_RQMETH(2)", "MSG_RQURI(4)", "MSG_RQVER(6)"}[min(words, 2)]
	}
}

// dumpWidth is how many columns a line of a dump has for what it shows.
const dumpWidth = 70

// dump writes bytes in lines that end where theirs do or where they are full; each
// begins with its offset, a + behind it where it goes on with the one before.
func dump(w io.Writer, p []byte) {
	var line []byte
	for begin, goesOn := 0, ' '; begin < len(p); {
		line = line[:0]
		i := begin
		for i < len(p) {
			e := escaped(p[i])
			if len(line)+len(e) > dumpWidth {
				break
			}
			line = append(line, e...)
			if i++; p[i-1] == '\n' {
				break
			}
		}
		fmt.Fprintf(w, "  %05d%c %s\n", begin, goesOn, line)
		begin = i
		if goesOn = '+'; p[i-1] == '\n' {
			goesOn = ' '
		}
	}
}

func escaped(c byte) string {
	switch c {
	case '\t':
		return `\t`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case 0x1b:
		return `\e`
	case '\\':
		return `\\`
	}
	if c < ' ' || c > '~' {
		return fmt.Sprintf(`\x%02X`, c)
	}
	return string(rune(c))
}
