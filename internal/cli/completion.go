package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"bascule/internal/admin"
)

// writeBash writes the completion for bash. It needs nothing of the package
// bash-completion.
func writeBash(w io.Writer) error {
	out, names := bufio.NewWriter(w), subcommands()
	fmt.Fprintf(out, completionHead, "1:"+strings.Join(names, "|1:"))
	fmt.Fprintf(out, "    '') words='%s %s' ;;\n", strings.Join(names, " "), spelled(flagTable))
	for _, c := range commandTable {
		words := append(append([]string(nil), c.words...), strings.Fields(spelled(c.options))...)
		if c.flags {
			words = append(words, strings.Fields(spelled(flagTable))...)
		}
		fmt.Fprintf(out, "    %s) words='%s' ;;\n", c.name, strings.Join(words, " "))
	}
	fmt.Fprintf(out, completionCtl, strings.Join(ctlCommands(), "\n"))
	fmt.Fprintf(out, completionTail, valued(true), valued(false))
	return out.Flush()
}

func subcommands() (names []string) {
	for _, c := range commandTable {
		names = append(names, c.name)
	}
	return names
}

// ctlCommands are the words of the commands of the runtime socket.
func ctlCommands() (list []string) {
	for _, c := range admin.Commands(nil) {
		list = append(list, c.Words)
	}
	return append(list, "help", "show proc")
}

// spelled are all names of options.
func spelled(list []option) string {
	var names []string
	for _, o := range list {
		names = append(names, strings.Split(o.names, ", ")...)
	}
	return strings.Join(names, " ")
}

// valued is a pattern of all flags with a value that is a path, or that is none.
func valued(path bool) string {
	seen := map[string]bool{}
	var names []string
	add := func(list []option) {
		for _, o := range list {
			for _, name := range strings.Split(o.names, ", ") {
				if o.value != "" && o.path() == path && !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
	}
	add(flagTable)
	for _, c := range commandTable {
		add(c.options)
	}
	return strings.Join(names, "|")
}

const completionHead = `# Completion of bascule for bash, written by "bascule doc --completion bash".
_bascule() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' words=''
    case $((COMP_CWORD > 1)):${COMP_WORDS[1]} in
    %s) command=${COMP_WORDS[1]} ;;
    esac
    case $command in
`

const completionCtl = `    esac
    if [[ $command == ctl && $cur != -* ]]; then
        local said="${COMP_WORDS[*]:2:COMP_CWORD-2}" line rest
        words=''
        while read -r line; do
            rest=${line#"${said:+$said }"}
            rest="${rest%%%% *}"
            [[ -n $said && $line != "$said "* || " $words " == *" $rest "* ]] || words+=" $rest"
        done <<< '%s'
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
    fi
`

const completionTail = `    COMPREPLY=()
    case $prev in
    %s) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    %s) return ;;
    esac
    case $command:$cur in
    :* | *:-* | drill:* | fleet:*) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
    check:*) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    esac
}
complete -o filenames -F _bascule bascule
`
