package stream

import "bascule/internal/backend"

// ServerName is the name that srv is asked for by SNI (the server option sni), nil:
// none. It is valid until another expression is evaluated.
func (s *Stream) ServerName(srv *backend.Server) []byte {
	e := srv.Config().SNI
	if e == nil || srv.TLS() == nil {
		return nil
	}
	name, ok := e.Eval(s.answerCtx())
	if !ok {
		return nil
	}
	return name
}
