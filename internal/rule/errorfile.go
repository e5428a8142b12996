package rule

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// MaxErrorFile is the size of an error file that is still accepted. HAProxy's
// must fit into one buffer (tune.bufsize), and so must an answer that is sent
// in one piece.
const MaxErrorFile = 16384

// ParseErrorFile reads a raw HTTP/1 reply, as `errorfile` takes it. Lines may
// end in LF alone. Fields that say how the body is framed or what becomes of
// the connection are dropped, since the plane writes its own. An empty file
// gives an Answer that is Silent.
func ParseErrorFile(data []byte) (*Answer, error) {
	if len(data) == 0 {
		return &Answer{Silent: true}, nil
	}
	if len(data) > MaxErrorFile {
		return nil, fmt.Errorf("file is larger than %d bytes", MaxErrorFile)
	}
	head, rest, ok := cutLine(data)
	if !ok {
		return nil, errors.New("the status line is not complete")
	}
	a, err := parseStatusLine(head)
	if err != nil {
		return nil, err
	}
	length := int64(-1)
	for {
		var line []byte
		if line, rest, ok = cutLine(rest); !ok {
			return nil, errors.New("the empty line after the headers is missing")
		}
		if len(line) == 0 {
			break
		}
		if err := a.addLine(line, &length); err != nil {
			return nil, err
		}
	}
	a.Body = bytes.Clone(rest)
	if length >= 0 && length != int64(len(rest)) {
		return nil, fmt.Errorf("Content-Length is %d but the body has %d bytes", length, len(rest))
	}
	return a, nil
}

func cutLine(b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, nil, false
	}
	return bytes.TrimSuffix(b[:i], []byte("\r")), b[i+1:], true
}

func parseStatusLine(line []byte) (*Answer, error) {
	version, rest, _ := bytes.Cut(line, []byte(" "))
	code, reason, _ := bytes.Cut(rest, []byte(" "))
	if v := string(version); v != "HTTP/1.0" && v != "HTTP/1.1" {
		return nil, errors.New("the status line must begin with HTTP/1.0 or HTTP/1.1")
	}
	if len(code) != 3 || code[0] < '1' || code[0] > '9' || !isPort(code) {
		return nil, errors.New("the status is not a number of three digits")
	}
	status := int(leadingInt(code))
	if status < 200 {
		return nil, errors.New("the status is that of an interim response")
	}
	if i := badValue(reason); i >= 0 {
		return nil, errors.New("the status line has a control character")
	}
	return &Answer{Status: status, Reason: string(reason)}, nil
}

func badValue(b []byte) int {
	return bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// addLine takes one field line.
func (a *Answer) addLine(line []byte, length *int64) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	value = bytes.Trim(value, " \t")
	switch {
	case !ok || !isFieldName(string(name)):
		return fmt.Errorf("invalid header line %q", line)
	case badValue(value) >= 0:
		return fmt.Errorf("header %q has a control character", name)
	}
	switch strings.ToLower(string(name)) {
	case "transfer-encoding":
		return errors.New("Transfer-Encoding is not possible in an error file")
	case "content-length":
		n := leadingInt(value)
		if len(value) == 0 || len(value) > 6 || bytes.ContainsFunc(value, func(r rune) bool { return r < '0' || r > '9' }) ||
			*length >= 0 && *length != n {
			return errors.New("invalid Content-Length")
		}
		*length = n
	case "connection", "keep-alive", "proxy-connection", "te", "upgrade", "trailer":
	default:
		a.Fields = append(a.Fields, name...)
		a.Fields = append(a.Fields, ": "...)
		a.Fields = append(a.Fields, value...)
		a.Fields = append(a.Fields, "\r\n"...)
	}
	return nil
}
