// Package lang is the ground of the configuration language: words with their
// positions, problems and how they print, sizes and times, nearest spelling.
// It knows no keyword.
package lang

import "fmt"

// A Pos is a place in a file. Line and Col count from 1; Col is in bytes.
type Pos struct {
	File string
	Line int
	Col  int
}

// A Word is one argument of a line after quotes, escapes and variables.
type Word struct {
	Text string
	Pos  Pos
	Len  int // bytes it takes in the file, quotes included
}

// A Line is one line of a file, continued lines joined.
type Line struct {
	Pos   Pos
	Raw   string
	Words []Word
}

// A Severity orders problems as HAProxy's output does.
type Severity uint8

// The severities. Only an Alert makes a configuration unusable.
const (
	Diag Severity = iota
	Notice
	Warning
	Alert
)

// A Problem is one thing that is wrong with a configuration.
type Problem struct {
	Severity Severity
	Pos      Pos // zero File: about the whole configuration
	Len      int // bytes to underline from Pos.Col; 0: one caret
	Text     string
	Line     string // the raw line, for the excerpt; may be empty
	// Where the line stands, for programs that read problems: "frontend web" and
	// the keyword that it begins with; "" when it is about no line.
	Section, Keyword string
	// Hints below the excerpt; all may be empty.
	Near    string   // the legal word that is closest
	Allowed []string // the words that would be legal here
	Where   []string // the places where the word, or else Near, is legal
	Shape   Shape    // of the first line
}

// A Shape is how the first line of a problem names its place. HAProxy has all
// three, and programs look for them.
type Shape uint8

// The shapes.
const (
	Parsing Shape = iota // "parsing [file:line] : text"
	Placed               // "[file:line] : text", server lines
	Whole                // "text": found when everything was read
)

// Problems collects what is wrong, so that one run shows all of it.
// The zero value is ready.
type Problems struct {
	List []Problem
}

// Alertf adds a fatal problem at w.
func (p *Problems) Alertf(w Word, format string, args ...any) {
	p.add(Alert, w, format, args)
}

// Warnf adds a warning at w.
func (p *Problems) Warnf(w Word, format string, args ...any) {
	p.add(Warning, w, format, args)
}

// Notef adds a remark at w that changes no verdict.
func (p *Problems) Notef(w Word, format string, args ...any) {
	p.add(Notice, w, format, args)
}

func (p *Problems) add(s Severity, w Word, format string, args []any) {
	p.List = append(p.List, Problem{Severity: s, Pos: w.Pos, Len: w.Len, Text: fmt.Sprintf(format, args...)})
}

// Alerts counts the fatal problems.
func (p *Problems) Alerts() int {
	n := 0
	for i := range p.List {
		if p.List[i].Severity == Alert {
			n++
		}
	}
	return n
}
