package admin

import (
	"fmt"
	"strconv"
	"strings"

	"bascule/internal/cert"
)

// addLine is "add ssl crt-list LIST CERT", or with the whole line as a payload.
func (w worker) addLine(c *Call) {
	list, text := strings.TrimRight(c.Arg(0), "/"), c.Arg(1)
	if c.Payload != "" {
		text = strings.TrimSuffix(c.Payload, "\n")
	}
	fail := func(format string, args ...any) { c.Fail("Can't edit the crt-list: "+format, args...) }
	if list == "" || text == "" {
		c.Fail("'add ssl crtlist' expects a filename and a certificate name")
		return
	}
	if strings.Contains(text, "\n") {
		fail("only one line of payload is supported!")
		return
	}
	line, err := cert.ParseListLine(text)
	switch {
	case err != nil:
		fail("parsing [CLI:1]: %s", err)
		return
	case line.Path == "":
		fail("'add ssl crtlist' should contain the certificate name in the payload")
		return
	}
	e, binds, err := w.p.Certificates().AddLine(list, line)
	if err != nil {
		fail("%s", err)
		return
	}
	fmt.Fprintf(c.Out(), "Inserting certificate '%s' in crt-list '%s'%s\nSuccess!\n", e.Path, list, strings.Repeat(".", binds))
	w.p.Audit(fmt.Sprintf("Runtime socket: add ssl crt-list %s, ordered by %s: line %d, '%s', on %d binds", list, c.Who(), e.Line, e.Text(false), binds))
}

// deleteLine is "del ssl crt-list LIST CERT[:LINE]".
func (w worker) deleteLine(c *Call) {
	list, name := strings.TrimRight(c.Arg(0), "/"), c.Arg(1)
	if list == "" || name == "" {
		c.Fail("'del ssl crtlist' expects a filename and a certificate name")
		return
	}
	file, digits, numbered := strings.Cut(name, ":")
	number := 0
	if numbered {
		var err error
		if number, err = strconv.Atoi(digits); err != nil || number < 1 {
			c.Fail("Can't delete the entry: wrong line number after colons in '%s'!", name)
			return
		}
	}
	e, err := w.p.Certificates().DeleteLine(list, file, number)
	if err != nil {
		c.Fail("Can't delete the entry: %s", err)
		return
	}
	c.Note("Entry '%s' deleted in crtlist '%s'!", file, list)
	w.p.Audit(fmt.Sprintf("Runtime socket: del ssl crt-list %s, ordered by %s: line %d, '%s'", list, c.Who(), e.Line, e.Text(false)))
}
