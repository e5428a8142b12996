package admin

import (
	"bufio"
	"cmp"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// maxSessions bounds the sessions on all sockets of a process where `stats
// maxconn` does not; more wait in the kernel's queue. HAProxy's default is 10;
// exporters that poll beside an open shell must not wait for each other.
const maxSessions = 64

// A Server answers sessions on sockets with one table of commands.
type Server struct {
	table   table
	timeout time.Duration
	log     *slog.Logger
	held    atomic.Int64 // bytes of payloads
	turn    turn

	// Route takes a line before the table does, for the master's @1; nil: none.
	Route func(c *Call, line string) bool
	// PromptText makes the prompt from a session's route; nil: "> ".
	PromptText func(route string) string
	// After is called when a command that may have changed something has run, before its
	// answer is sent; nil: nothing is.
	After func()

	mu       sync.Mutex
	conns    map[net.Conn]struct{} // guarded by mu
	sockets  map[net.Listener]struct{}
	closed   bool
	closing  chan struct{} // closed by Close
	most     int           // sessions at once
	taken    int
	free     *sync.Cond // a session is over, most has changed, or the server is closed
	sessions sync.WaitGroup
}

// NewServer makes a server. timeout is how long a session may be silent
// (`stats timeout`); 0: for ever.
func NewServer(commands []Command, timeout time.Duration, log *slog.Logger) *Server {
	s := &Server{
		table: newTable(commands), timeout: timeout, log: log, most: maxSessions, closing: make(chan struct{}),
		conns: map[net.Conn]struct{}{}, sockets: map[net.Listener]struct{}{},
	}
	s.free = sync.NewCond(&s.mu)
	s.turn.init()
	return s
}

// SetMaxConn changes how many sessions there are at once (`stats maxconn`), 0:
// as many as usual. Who is there stays.
func (s *Server) SetMaxConn(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = cmp.Or(n, maxSessions)
	s.free.Broadcast()
}

// take waits until one more session may be; false: the server is closed.
func (s *Server) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.taken >= s.most && !s.closed {
		s.free.Wait()
	}
	if s.closed {
		return false
	}
	s.taken++
	return true
}

func (s *Server) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	s.free.Signal()
}

// SetTimeout changes the silence that new sessions are allowed.
func (s *Server) SetTimeout(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timeout = d
}

func (s *Server) prompt(route string) string {
	if s.PromptText == nil {
		return "> "
	}
	return s.PromptText(route)
}

// Serve accepts sessions on l, which operators know by a name, until l or the server
// is closed.
func (s *Server) Serve(l net.Listener, name string, level Level) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		l.Close()
		return
	}
	s.sockets[l] = struct{}{}
	s.mu.Unlock()
	for s.take() {
		conn, err := l.Accept()
		if err != nil {
			s.give()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			s.log.Warn("cannot accept on a runtime socket", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		go func() { // ends with the session, which Close ends
			defer s.give()
			s.session(conn, name, level, "none")
		}()
	}
}

// acceptPause keeps a loop of failing accepts (no descriptors left) from spinning.
const acceptPause = 100 * time.Millisecond

// Session answers one connection, which the master has taken, and returns when it is
// over.
func (s *Server) Session(conn net.Conn, level Level, severity string) {
	s.session(conn, "the master's socket", level, severity)
}

func (s *Server) session(conn net.Conn, name string, level Level, severity string) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		conn.Close()
		return
	}
	s.conns[conn] = struct{}{}
	s.sessions.Add(1)
	timeout := s.timeout
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
		s.sessions.Done()
	}()
	ses := &session{
		srv: s, conn: conn, name: name, level: level, severity: severity, timeout: timeout,
		r: readers.Get().(*bufio.Reader), w: writers.Get().(*bufio.Writer),
	}
	ses.r.Reset(conn)
	ses.w.Reset(timed{conn, ses})
	defer func() {
		ses.r.Reset(nil)
		ses.w.Reset(nil)
		readers.Put(ses.r)
		writers.Put(ses.w)
	}()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in a runtime command; its session is closed", "panic", p)
			conn.Close()
		}
	}()
	ses.serve()
}

// readers and writers are kept: clients that come again and again would otherwise
// make more garbage than all traffic.
var (
	readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, maxLine) }}
	writers = sync.Pool{New: func() any { return bufio.NewWriter(nil) }}
)

// timed gives each write of an answer its own deadline, so that a long dump
// to a slow reader goes on as long as it moves.
type timed struct {
	net.Conn
	of *session
}

func (t timed) Write(p []byte) (n int, err error) {
	wait := writeTimeout
	if t.of.timeout > 0 {
		wait = min(wait, t.of.timeout)
	}
	if err = t.SetWriteDeadline(time.Now().Add(wait)); err != nil {
		return 0, err
	}
	t.of.apart(func() { n, err = t.Conn.Write(p) })
	return n, err
}

// lingerFor is how long a session lasts that has broken a limit: who sends without
// an end and comes again at once gets on slowly.
const lingerFor = time.Second

func (s *Server) linger() {
	select {
	case <-s.closing:
	case <-time.After(lingerFor):
	}
}

// Close ends all sockets and sessions and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		close(s.closing)
	}
	s.closed = true
	s.free.Broadcast()
	for l := range s.sockets {
		l.Close()
	}
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.sessions.Wait()
}

// Forget closes one socket; its sessions go on.
func (s *Server) Forget(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, l)
	l.Close()
}
