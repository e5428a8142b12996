package admin

import (
	"bufio"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// maxSessions bounds the sessions on all sockets of a process; more wait in
// the kernel's queue. HAProxy's `stats maxconn` is 10; exporters that poll
// beside an open shell must not wait for each other.
const maxSessions = 64

// A Server answers sessions on sockets with one table of commands.
type Server struct {
	table   table
	timeout time.Duration
	log     *slog.Logger
	slots   chan struct{}

	// Route takes a line before the table does, for the master's @1; nil: none.
	Route func(c *Call, line string) bool
	// PromptText makes the prompt from a session's route; nil: "> ".
	PromptText func(route string) string

	mu       sync.Mutex
	conns    map[net.Conn]struct{} // guarded by mu
	sockets  map[net.Listener]struct{}
	closed   bool
	sessions sync.WaitGroup
}

// NewServer makes a server. timeout is how long a session may be silent
// (`stats timeout`); 0: for ever.
func NewServer(commands []Command, timeout time.Duration, log *slog.Logger) *Server {
	return &Server{
		table: newTable(commands), timeout: timeout, log: log,
		slots: make(chan struct{}, maxSessions),
		conns: map[net.Conn]struct{}{}, sockets: map[net.Listener]struct{}{},
	}
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

// Serve accepts sessions on l until l or the server is closed.
func (s *Server) Serve(l net.Listener, level Level) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		l.Close()
		return
	}
	s.sockets[l] = struct{}{}
	s.mu.Unlock()
	for {
		s.slots <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			<-s.slots
			if errors.Is(err, net.ErrClosed) {
				return
			}
			s.log.Warn("cannot accept on a runtime socket", "error", err)
			time.Sleep(acceptPause)
			continue
		}
		go func() { // ends with the session, which Close ends
			defer func() { <-s.slots }()
			s.Session(conn, level, "none")
		}()
	}
}

// acceptPause keeps a loop of failing accepts (no descriptors left) from spinning.
const acceptPause = 100 * time.Millisecond

// Session answers one connection and returns when it is over.
func (s *Server) Session(conn net.Conn, level Level, severity string) {
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
		srv: s, conn: conn, level: level, severity: severity, timeout: timeout,
		r: bufio.NewReaderSize(conn, maxLine), w: bufio.NewWriter(timed{conn}),
	}
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in a runtime command; its session is closed", "panic", p)
			conn.Close()
		}
	}()
	ses.serve()
}

// timed gives each write of an answer its own deadline, so that a long dump
// to a slow reader goes on as long as it moves.
type timed struct{ net.Conn }

func (t timed) Write(p []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return t.Conn.Write(p)
}

// Close ends all sockets and sessions and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
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
