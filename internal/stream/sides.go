package stream

import (
	"crypto/tls"
	"time"

	"bascule/internal/backend"
	"bascule/internal/logs"
	"bascule/internal/loop"
	"bascule/internal/rule"
	"bascule/internal/wire"
)

// A Front is the client's side of a stream, implemented by a plane.
// Nothing it writes leaves before Flush, except when it is more than fits.
// It calls the Stream's From… and Client… methods.
type Front interface {
	// Carry tells the front its stream, before anything is written.
	Carry(s *Stream)
	// WriteHead starts the reply, or passes an interim one (1xx). The front
	// frames the body in its own way and writes the Connection field.
	WriteHead(rep *wire.Reply)
	// WriteData takes bytes of the reply's body, or of a tunnel.
	WriteData(p []byte)
	// WriteEnd ends the reply's body; trailers are lines, or nil.
	WriteEnd(trailers []byte)
	// WriteAnswer sends a whole answer made here.
	WriteAnswer(a *rule.Answer)
	Flush()
	// Blocked says that the client takes no more for now; the front calls
	// ClientWritable when it does again.
	Blocked() bool
	// Pump gives what has come of the request's body to FromBody.
	Pump()
	// Tunnel makes both directions plain bytes. frames: they are WebSocket
	// frames, so that a polite end can be put between two of them.
	Tunnel(frames bool)
	// CloseWrite passes the end of a tunnel's direction on.
	CloseWrite()
	// Done ends the stream. whole: the reply is complete, the connection may
	// carry another; else it must be cut so that nobody takes it for complete.
	Done(whole bool)
	SetDeadline(d time.Duration)
	// TLS is that of the client's connection, nil without.
	TLS() *tls.Conn
	// Sent is the number of bytes given to the client for this stream.
	Sent() int64
	// Received is the number of bytes of the request so far.
	Received() int64
}

// A Back is a server's side of a stream. It calls the Stream's Server… and
// Reply… methods.
type Back interface {
	// SendHead sends a request's head in HTTP/1 form.
	SendHead(head []byte, method wire.Method, body wire.Body)
	SendData(p []byte)
	SendEnd(trailers []byte)
	Flush()
	// Blocked says that the server takes no more for now.
	Blocked() bool
	// Resume goes on reading a reply that had been stopped by a blocked client.
	Resume()
	Tunnel(frames bool)
	CloseWrite()
	// Release ends the stream on this side. The connection is kept if it can
	// carry another request.
	Release()
	// Abort closes at once.
	Abort()
	SetDeadline(d time.Duration)
	// Reused says that the connection had carried a request before, and that
	// nothing of the reply to this one has come.
	Reused() bool
	// Unsent is proof that the server has taken no byte of the request, whose
	// connection was lost.
	Unsent() bool
	// TLS is that of the connection, to be asked about and no more; nil: in clear.
	TLS() *tls.Conn
}

// A Dialer gives connections to servers; one per loop and protocol.
type Dialer interface {
	// Connect returns a connection for s, or what will become one.
	Connect(s *Stream, srv *backend.Server, fresh bool) (b Back, way Way, err error)
}

// A Way is how a connection to a server came about.
type Way uint8

const (
	// Dialled is a new connection, that will call ServerConnected or ServerFailed.
	Dialled Way = iota
	// Kept is one that can be used at once.
	Kept
	// Awaited is one that another loop may have. It will call ServerTaken, or
	// ServerDialled and go on as a new one.
	Awaited
)

// A Carrier is what the streams of one loop share.
type Carrier struct {
	Loop        *loop.Loop
	Env         *Env
	Dialer      Dialer
	Ctx         rule.Ctx
	Out         rule.Outcome
	live        *Stream         // list of all streams of the loop
	free        spares[Stream]  // with their requests
	parts       spares[request] // of streams that have become tunnels
	trim        *loop.Timer     // of the two; nil: never needed
	trimming    bool
	look        *loop.Timer // for silent servers; nil: never needed
	listening   bool        // it is set
	looked      int64       // when it ran last
	packed      []byte      // what a tunnel keeps of its request, as it is made
	marks       rule.Marks  // of rules on connections
	helds       []*held
	keptReplies []*heldReply
	rec         logs.Record
	logLine     []byte
	answer      []byte       // the head of an answer that rules shall see
	rep         wire.Reply   // and as they see it
	req         wire.Request // of a log-format's expressions

	Leaving bool // the process ends: WebSockets are told 1001
	// leavers are the tunnels that were not asked to go yet.
	leavers map[leaving][]doom
	parting []doom // WebSockets that a soft stop has not closed yet
}
