package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// writeMan writes the manual page bascule(1), in the macros of man(7).
func writeMan(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, ".TH BASCULE 1 \"\" \"bascule %s\" \"User Commands\"\n", roff(Version))
	out.WriteString(manHead)
	out.WriteString(".SH COMMANDS\n")
	for _, c := range commandTable {
		fmt.Fprintf(out, ".TP\n.B bascule %s\n", c.name)
		if c.args != "" {
			fmt.Fprintf(out, "%s\n.br\n", roff(c.args))
		}
		fmt.Fprintln(out, roff(c.text))
		if len(c.options) > 0 {
			out.WriteString(".RS\n")
			writeOptions(out, c.options)
			out.WriteString(".RE\n")
		}
	}
	out.WriteString(".SH FLAGS\nThey are HAProxy's.\n")
	writeOptions(out, flagTable)
	fmt.Fprintf(out, ".PP\nAccepted without a meaning here: %s.\n", roff(strings.Join(ignored, ", ")))
	out.WriteString(".SH SIGNALS\n")
	for _, s := range signalTable {
		fmt.Fprintf(out, ".TP\n.B %s\n%s.\n", roff(s[0]), roff(s[1]))
	}
	out.WriteString(manTail)
	return out.Flush()
}

func writeOptions(out *bufio.Writer, list []option) {
	for _, o := range list {
		fmt.Fprintf(out, ".TP\n.B %s", roff(o.names))
		if o.value != "" {
			fmt.Fprintf(out, " \\fI%s\\fR", roff(o.value))
		}
		fmt.Fprintf(out, "\n%s\n", roff(o.text))
	}
}

// roff writes text so that groff shows it as it is.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

const manHead = `.SH NAME
bascule \- HTTP load balancer that reads HAProxy's configuration
.SH SYNOPSIS
.B bascule
[\fIflags\fR] \-f \fIfile\fR
.br
.B bascule
\fIcommand\fR [\fIoptions\fR]
.SH DESCRIPTION
bascule stands in front of servers of HTTP, WebSocket and TCP. It reads the configuration language of HAProxy, takes its flags
and signals, and answers on its runtime socket. A configuration is reloaded within the process: sessions, counters and the health
of servers carry on.
`

const manTail = `.SH EXIT STATUS
0 after a soft stop, 1 after an error. A process that a signal ends has that signal as its status; with \-Ws the status is 128 and
the signal's number, 143 for TERM. Of check and \-c it is the verdict.
.SH ENVIRONMENT
.TP
.B NOTIFY_SOCKET, WATCHDOG_USEC
With \-Ws systemd is told of start, reload and stop, and that the loops turn.
.TP
.B LISTEN_FDS, LISTEN_PID
Sockets that systemd has opened: a bind of the same address takes one over.
.PP
Variables in a configuration are read from the environment.
.SH FILES
.TP
.I /etc/bascule/bascule.cfg
The configuration of the service.
.TP
.I /etc/default/bascule
CONFIG and EXTRAOPTS of the service.
.TP
.I /run/bascule
Its runtime sockets.
.TP
.I /var/lib/bascule
Its state.
.SH SEE ALSO
.BR haproxy (1),
.BR systemctl (1);
/usr/share/doc/bascule
`
