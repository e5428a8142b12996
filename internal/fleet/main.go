// Package fleet holds the servers that stand behind the balancer in the demo and the
// drill: an API with logins, REST and WebSocket chat, and a stream server with a cache
// of HLS segments. Each runs as a process of its own, so that it can be killed.
package fleet

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"syscall"
	"time"
)

const usage = `usage: bascule fleet api    --addr IP:PORT --name NAME --redis IP:PORT
       bascule fleet stream --addr IP:PORT --name NAME [--cache N] [--miss 20ms]

  --control PATH  a unix socket that makes the server misbehave, for drills:
                  curl --unix-socket PATH -X PUT -d MODE http://fleet/mode
                  with one of well, refused, reset, reset-midway, truncated, garbage,
                  errors, slow, lies
  --tls FILE      speak TLS, with the certificate and the key of this PEM file
  --client-ca FILE  answer only clients with a certificate of these authorities
`

// Main runs one server of the fleet until SIGTERM or SIGINT and returns its exit code:
// 0 stopped, 1 could not serve, 2 wrong usage. args start behind the word "fleet". One
// line on stdout says that the server listens; the log goes to stderr.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := run(ctx, args, stdout, stderr)
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "bascule fleet: %v ('bascule fleet --help' lists what there is)\n", err)
		return 2
	default:
		fmt.Fprintf(stderr, "bascule fleet: %v\n", err)
		return 1
	}
}

// usageError is a mistake in the arguments.
type usageError string

func (e usageError) Error() string { return string(e) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return usageError("which server: api or stream?")
	}
	kind := args[0]
	if kind == "-h" || kind == "--help" {
		return flag.ErrHelp
	}
	flags := flag.NewFlagSet("fleet "+kind, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	addr := flags.String("addr", "127.0.0.1:0", "address to listen on")
	name := flags.String("name", "", "name of the server")
	redisAddr := flags.String("redis", "127.0.0.1:6379", "address of Redis (api)")
	cached := flags.Int("cache", defaultCached, "segments kept in the cache (stream)")
	miss := flags.Duration("miss", 20*time.Millisecond, "time that a segment outside the cache costs (stream)")
	ctl := flags.String("control", "", "path of the control socket")
	crt := flags.String("tls", "", "PEM file with certificate and key")
	clients := flags.String("client-ca", "", "PEM file with the authorities of clients")
	if err := flags.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError(err.Error())
	}
	if flags.NArg() > 0 {
		return usageError("unexpected argument " + flags.Arg(0))
	}
	if *name == "" {
		return usageError("--name is missing")
	}
	secure, err := loadTLS(*crt, *clients)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil)).With("server", *name)
	s := server{addr: *addr, name: *name, control: *ctl, tls: secure}
	switch kind {
	case "api":
		api := NewAPI(*name, *redisAddr, log)
		s.handler, s.closing = api, api.Close
		return s.serve(ctx, stdout, log)
	case "stream":
		if *cached < 1 {
			return usageError("--cache must be at least 1")
		}
		s.handler = NewStream(*name, *cached, *miss)
		return s.serve(ctx, stdout, log)
	}
	return usageError(fmt.Sprintf("unknown server %q", kind))
}
