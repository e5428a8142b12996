package cli

import (
	"io"
	"strings"

	"bascule/internal/advice"
	"bascule/internal/config"
	"bascule/internal/engine"
)

// doc is "bascule doc": the manual, from the table that the parser reads.
func doc(args []string, stdout, stderr io.Writer) int {
	var err error
	switch word := strings.Join(args, " "); word {
	case "":
		return usage(stderr, errUsage("doc expects a keyword, --status, --advice, --reference, --man or --completion"))
	case "--status":
		err = config.DocStatus(stdout)
	case "--advice":
		err = advice.WritePage(stdout)
	case "--man":
		err = writeMan(stdout)
	case "--completion", "--completion bash":
		err = writeBash(stdout)
	case "--completion zsh":
		err = writeZsh(stdout)
	case "--completion fish":
		err = writeFish(stdout)
	case "--reference":
		err = config.WriteReference(stdout)
	default:
		if !config.Doc(stdout, word) {
			return 1 // it has said so
		}
	}
	if err != nil {
		engine.Complain(stderr, err)
		return 1
	}
	return 0
}
