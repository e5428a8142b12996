package config

import (
	"fmt"
	"strings"

	"bascule/internal/lang"
)

// A SectionText is what the files say in one place: what a reload would change is
// told in these lines.
type SectionText struct {
	Title string   // "backend web", "global"; a further one without a name: "defaults (2)"
	Lines []string // one blank between words; variables, comments and conditions are gone
}

// Ignored is one line that was accepted and has no meaning here.
type Ignored struct {
	Line    string // file:line
	Keyword string
	Why     string
}

// Section is the text of a section by its title, nil if there is none.
func (c *Config) Section(title string) *SectionText {
	for i := range c.Text {
		if c.Text[i].Title == title {
			return &c.Text[i]
		}
	}
	return nil
}

// keepText notes a line; header says that it begins a section. Sections of one
// name and `global` are one.
func (l *loader) keepText(words []lang.Word, header bool) {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.Text
	}
	switch {
	case header:
		title, rest := texts[0], texts[1:]
		if len(rest) > 0 && rest[0] != "from" {
			title, rest = title+" "+rest[0], rest[1:]
		}
		l.textAt = l.textOf(title)
		if len(rest) > 0 {
			at := &l.cfg.Text[l.textAt]
			at.Lines = append(at.Lines, strings.Join(rest, " "))
		}
	case l.textAt >= 0:
		at := &l.cfg.Text[l.textAt]
		at.Lines = append(at.Lines, strings.Join(texts, " "))
	}
}

// textOf finds or makes the place of a title.
func (l *loader) textOf(title string) int {
	if title == "defaults" {
		if l.unnamed++; l.unnamed > 1 {
			title = fmt.Sprintf("defaults (%d)", l.unnamed)
		}
	}
	if at, ok := l.texts[title]; ok {
		return at
	}
	l.texts[title] = len(l.cfg.Text)
	l.cfg.Text = append(l.cfg.Text, SectionText{Title: title})
	return l.texts[title]
}
