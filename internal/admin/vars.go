package admin

import (
	"fmt"

	"bascule/internal/rule"
)

// getVar is "get var proc.NAME".
func getVar(c *Call) {
	name := c.Arg(0)
	if name == "" {
		c.Fail("Missing process-wide variable identifier.")
		return
	}
	kind, value, ok := rule.ProcessValue(name)
	if !ok {
		c.Fail("Variable not found.")
		return
	}
	fmt.Fprintf(c.Out(), "%s: type=%s value=<%s>\n", name, kind, value)
}

// setVar is "set var proc.NAME {[expr] EXPRESSION|fmt FORMAT}".
func setVar(c *Call) {
	if c.Arg(0) == "" {
		c.Fail("Missing process-wide variable identifier.")
		return
	}
	name, words := c.Arg(0), c.Args[1:]
	format := c.Arg(1) == "fmt"
	if format || c.Arg(1) == "expr" {
		words = words[1:]
	}
	if len(words) == 0 {
		c.Fail("Missing either 'expr', 'fmt' or expression.")
		return
	}
	if err := rule.SetProcessValue(name, words, format); err != nil {
		c.Fail("'set var': %s.", err)
	}
}
