// Package hostile holds tables of requests and replies that lie, and sends each
// of them through the built binary and through Debian's haproxy: what the
// client is answered, what the server behind has seen, what the log says.
package hostile
