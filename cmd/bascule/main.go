// Bascule is a load balancer that reads HAProxy's configuration language.
package main

import (
	"os"

	"bascule/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
