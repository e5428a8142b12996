package demo

import (
	"bytes"
	"fmt"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// Styles are ECMA-48 SGR parameters.
const (
	bold   = ";1"
	dim    = ";2"
	red    = ";31"
	green  = ";32"
	yellow = ";33"
)

// span is text in one style; line is one row of the screen.
type span struct {
	text  string
	style string
}

type line []span

// Sequences that every terminal of the last thirty years knows.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J" // the alternate screen, without a cursor
	leaveScreen = "\x1b[0m\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// screen is a terminal in raw mode that shows the alternate screen.
type screen struct {
	in, out       *os.File
	before        *term.State
	width, height int // of the last drawing
}

// openScreen changes the terminal; close brings it back.
func openScreen(in, out *os.File) (*screen, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	if _, err := out.WriteString(enterScreen); err != nil {
		_ = term.Restore(int(in.Fd()), before) // the write's error says it all
		return nil, fmt.Errorf("terminal: %w", err)
	}
	return &screen{in: in, out: out, before: before}, nil
}

func (s *screen) close() {
	// Errors: the terminal is gone.
	_, _ = s.out.WriteString(leaveScreen)
	_ = term.Restore(int(s.in.Fd()), s.before)
}

// Sizes for a terminal that does not tell its own.
const defaultWidth, defaultHeight = 80, 24

// size asks for the terminal's size now, so that a resized one is right in the next
// drawing without a signal.
func (s *screen) size() (width, height int) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		return defaultWidth, defaultHeight
	}
	return width, height
}

// draw shows lines in one write; what does not fit is cut off.
func (s *screen) draw(lines []line, width, height int) {
	var b bytes.Buffer
	if width != s.width || height != s.height {
		b.WriteString("\x1b[2J") // remains of another size
		s.width, s.height = width, height
	}
	b.WriteString(toTop)
	render(&b, lines, width, height)
	_, _ = s.out.Write(b.Bytes()) // a terminal that is gone shows nothing; SIGHUP ends the demo
}

// render writes lines as text and SGR sequences, none wider than width and no more than
// height, and clears what is beside and below them.
func render(b *bytes.Buffer, lines []line, width, height int) {
	for i, l := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		left := width
		for _, part := range l {
			text := cut(part.text, left)
			left -= utf8.RuneCountInString(text)
			if part.style == "" {
				b.WriteString(text)
			} else {
				fmt.Fprintf(b, "\x1b[0%sm%s\x1b[0m", part.style, text)
			}
		}
		if left > 0 { // behind the last column it would erase that
			b.WriteString(clearLine)
		}
	}
	if len(lines) < height {
		b.WriteString(clearBelow)
	}
}

// cut returns the first n runes of text.
func cut(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
