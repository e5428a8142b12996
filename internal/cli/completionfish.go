package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// writeFish writes the completion for fish.
func writeFish(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, fishHead, strings.Join(subcommands(), " "), strings.Join(ctlCommands(), "' '"))
	flagged := `__bascule_in ""`
	for _, c := range commandTable {
		fmt.Fprintf(out, "complete -c bascule -n '__fish_is_nth_token 1' -a %s -d %s\n", c.name, quoted(c.text))
		if c.flags {
			flagged += " " + c.name
		}
	}
	fishOptions(out, flagged, flagTable)
	for _, c := range commandTable {
		in := "__bascule_in " + c.name
		fishOptions(out, in, c.options)
		if len(c.words) > 0 {
			fmt.Fprintf(out, "complete -c bascule -n '%s' -a '%s'\n", in, strings.Join(c.words, " "))
		}
	}
	fmt.Fprint(out, fishTail)
	return out.Flush()
}

// fishOptions writes options that are there where a condition holds. A flag behind one
// dash is an old one for fish, which is not written together with others.
func fishOptions(out io.Writer, condition string, list []option) {
	for _, o := range list {
		fmt.Fprintf(out, "complete -c bascule -n '%s'", condition)
		for _, name := range strings.Split(o.names, ", ") {
			if long, ok := strings.CutPrefix(name, "--"); ok {
				fmt.Fprintf(out, " -l %s", long)
			} else {
				fmt.Fprintf(out, " -o %s", name[1:])
			}
		}
		switch {
		case o.path():
			fmt.Fprint(out, " -rF")
		case o.value != "":
			fmt.Fprint(out, " -x")
		}
		fmt.Fprintf(out, " -d %s\n", quoted(o.text))
	}
}

const fishHead = `# Completion of bascule for fish, written by "bascule doc --completion fish".
function __bascule_in
    set -l tokens (commandline -opc)
    set -l command ''
    contains -- "$tokens[2]" %s
    and set command $tokens[2]
    contains -- "$command" $argv
end
function __bascule_ctl
    set -l tokens (commandline -opc)
    set -l said (string join ' ' -- $tokens[3..-1])
    for line in '%s'
        if test -z "$said"
            string split -f 1 -- ' ' $line
        else if string match -q -- "$said *" $line
            string split -f 1 -- ' ' (string replace -- "$said " '' $line)
        end
    end
end
complete -c bascule -f
`

const fishTail = `complete -c bascule -n '__bascule_in ctl' -a '(__bascule_ctl)'
complete -c bascule -n '__bascule_in check' -F
`
