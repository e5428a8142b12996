package cli

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// writeZsh writes the completion for zsh, a function that compinit finds as _bascule.
func writeZsh(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, zshHead, strings.Join(subcommands(), "|"))
	described := func(list []option) {
		for _, o := range list {
			for _, name := range strings.Split(o.names, ", ") {
				fmt.Fprintf(out, " %s %s", name, quoted(o.text))
			}
		}
	}
	fmt.Fprint(out, "    '') offers=(")
	for _, c := range commandTable {
		fmt.Fprintf(out, " %s %s", c.name, quoted(c.text))
	}
	described(flagTable)
	fmt.Fprint(out, ") ;;\n")
	for _, c := range commandTable {
		fmt.Fprintf(out, "    %s) offers=(", c.name)
		for _, word := range c.words {
			fmt.Fprintf(out, " %s ''", word)
		}
		described(c.options)
		if c.flags {
			described(flagTable)
		}
		fmt.Fprint(out, ") ;;\n")
	}
	fmt.Fprint(out, zshCtl)
	for _, command := range ctlCommands() {
		fmt.Fprintf(out, " %s", quoted(command))
	}
	fmt.Fprintf(out, zshTail, valued(true), valued(false))
	return out.Flush()
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

const zshHead = `#compdef bascule
# Completion of bascule for zsh, written by "bascule doc --completion zsh".
_bascule() {
    local cur=$words[CURRENT] prev=$words[CURRENT-1] command=''
    local -a said=(${words[3,CURRENT-1]})
    if ((CURRENT > 2)); then
        case $words[2] in
        %s) command=$words[2] ;;
        esac
    fi
    local -A offers
    case $command in
`

const zshCtl = `    esac
    if [[ $command == ctl && $cur != -* && $prev != -[sSfp] && $prev != --socket ]]; then
        local line rest
        local -aU next
        for line in`

const zshTail = `; do
            rest=${line#"${said:+$said }"}
            [[ -n $said && $rest == $line ]] || next+=${rest%%%% *}
        done
        compadd -a next
        return
    fi
    case $prev in
    %s) _files; return ;;
    %s) return ;;
    esac
    case $command:$cur in
    :* | *:-* | drill:* | fleet:*)
        local word
        local -a list shown
        for word in ${(ok)offers}; do
            list+=$word
            shown+="$word${offers[$word]:+  -- $offers[$word]}"
        done
        compadd -l -d shown -a list
        ;;
    check:*) _files ;;
    esac
}
_bascule "$@"
`
