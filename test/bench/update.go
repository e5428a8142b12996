package main

import (
	"fmt"
	"os"
	"strings"
)

// The lines between which --update puts the table.
const (
	updateBegin = "<!-- figures of make bench begin -->\n"
	updateEnd   = "<!-- figures of make bench end -->\n"
)

// update writes table into the file's marked place.
func update(path, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	now, err := replaceBetween(string(text), table)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(now), 0o644)
}

func replaceBetween(text, table string) (string, error) {
	before, rest, ok := strings.Cut(text, updateBegin)
	if !ok {
		return "", fmt.Errorf("no line %q", updateBegin)
	}
	_, after, ok := strings.Cut(rest, updateEnd)
	if !ok {
		return "", fmt.Errorf("no line %q", updateEnd)
	}
	return before + updateBegin + table + updateEnd + after, nil
}
