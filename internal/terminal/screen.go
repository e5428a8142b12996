// Package terminal draws lines of styled text on a terminal and reads its keys, with the
// sequences that every terminal of the last thirty years knows.
package terminal

import (
	"bytes"
	"fmt"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// Styles are ECMA-48 SGR parameters.
const (
	Bold    = ";1"
	Dim     = ";2"
	Red     = ";31"
	Green   = ";32"
	Yellow  = ";33"
	Reverse = ";7"
)

// Span is text in one style, the empty one for plain text.
type Span struct {
	Text  string
	Style string
}

// Line is one row of the screen.
type Line []Span

// Row makes a line of texts, each followed by its style.
func Row(pairs ...string) Line {
	l := make(Line, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		l = append(l, Span{pairs[i], pairs[i+1]})
	}
	return l
}

// Sequences that every terminal of the last thirty years knows.
const (
	EnterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J" // the alternate screen, without a cursor
	LeaveScreen = "\x1b[0m\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// Screen is a terminal in raw mode that shows the alternate screen.
type Screen struct {
	in, out       *os.File
	before        *term.State
	width, height int // of the last drawing
}

// Open changes the terminal; Close brings it back.
func Open(in, out *os.File) (*Screen, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	if _, err := out.WriteString(EnterScreen); err != nil {
		_ = term.Restore(int(in.Fd()), before) // the write's error says it all
		return nil, fmt.Errorf("terminal: %w", err)
	}
	return &Screen{in: in, out: out, before: before}, nil
}

// Close brings the terminal back to what it was before.
func (s *Screen) Close() {
	// Errors: the terminal is gone.
	_, _ = s.out.WriteString(LeaveScreen)
	_ = term.Restore(int(s.in.Fd()), s.before)
}

// Sizes for a terminal that does not tell its own.
const defaultWidth, defaultHeight = 80, 24

// Size asks for the terminal's size now, so that a resized one is right in the next
// drawing without a signal.
func (s *Screen) Size() (width, height int) {
	width, height, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		return defaultWidth, defaultHeight
	}
	return width, height
}

// Draw shows lines in one write; what does not fit is cut off.
func (s *Screen) Draw(lines []Line, width, height int) {
	var b bytes.Buffer
	if width != s.width || height != s.height {
		b.WriteString("\x1b[2J") // remains of another size
		s.width, s.height = width, height
	}
	b.WriteString(toTop)
	Render(&b, lines, width, height)
	_, _ = s.out.Write(b.Bytes()) // a terminal that is gone shows nothing; SIGHUP ends the program
}

// Render writes lines as text and SGR sequences, none wider than width and no more than
// height, and clears what is beside and below them.
func Render(b *bytes.Buffer, lines []Line, width, height int) {
	for i, l := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		left := width
		for _, part := range l {
			text := Cut(part.Text, left)
			left -= utf8.RuneCountInString(text)
			if part.Style == "" {
				b.WriteString(text)
			} else {
				fmt.Fprintf(b, "\x1b[0%sm%s\x1b[0m", part.Style, text)
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

// Cut returns the first n runes of text.
func Cut(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
