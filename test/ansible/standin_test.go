//go:build !race

package ansible

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// standinDir is where the stand-in keeps its record and its containers.
const standinDir = "STANDIN_DIR"

// TestMain makes this binary the stand-in of the container clients when it is called by
// one of their names.
func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); name == "incus" || name == "lxc" {
		if err := standin(os.Getenv(standinDir), name, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	var err error
	if binDir, err = os.MkdirTemp("", "bascule-ansible-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(binDir) // the outcome is that of the tests
	os.Exit(code)
}

// container is what the client's list says of one, as far as the role reads it.
type container struct {
	Name    string                       `json:"name"`
	Status  string                       `json:"status"`
	Config  map[string]string            `json:"config"`
	Devices map[string]map[string]string `json:"devices"`
}

// standin records a command and does to the container what the client would. Each
// container has a record and a state of its own, since several are made at once.
func standin(dir, client string, args []string) error {
	name := subject(args)
	record, err := os.OpenFile(filepath.Join(dir, name+".record"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer record.Close()
	fmt.Fprintln(record, client, strings.Join(args, " "))
	path := filepath.Join(dir, name+".json")
	var c *container
	if text, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(text, &c); err != nil {
			return err
		}
	}
	switch verb := args[0]; {
	case verb == "list":
		known := []*container{{Name: name + "-but-longer", Status: "Running"}} // lists find parts of names
		if c != nil {
			known = append(known, c)
		}
		return json.NewEncoder(os.Stdout).Encode(known)
	case verb == "launch":
		c = &container{Name: name, Status: "Running", Config: map[string]string{}, Devices: map[string]map[string]string{}}
	case c == nil:
		return fmt.Errorf("%s: no container %s", verb, name)
	case verb == "start":
		c.Status = "Running"
	case verb == "config" && args[1] == "set":
		key, value, _ := strings.Cut(args[3], "=")
		c.Config[key] = value
	case verb == "config" && args[2] == "add":
		c.Devices[args[4]] = map[string]string{"type": args[5]}
		for _, option := range args[6:] {
			key, value, _ := strings.Cut(option, "=")
			c.Devices[args[4]][key] = value
		}
	case verb == "config" && args[2] == "remove":
		delete(c.Devices, args[4])
	case verb == "exec":
		if err := inside(c, args[3:]); err != nil {
			return err
		}
	default:
		return fmt.Errorf("the stand-in does not know: %s", strings.Join(args, " "))
	}
	return c.write(path)
}

// subject is the name of the container that a command is about.
func subject(args []string) string {
	switch {
	case args[0] == "launch", args[0] == "config" && args[1] == "set":
		return args[2]
	case args[0] == "config":
		return args[3]
	}
	return args[1]
}

func (c *container) write(path string) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// inside answers what is executed in a container: one that was made has no Python yet.
func inside(c *container, words []string) error {
	switch words[0] {
	case "systemctl":
		fmt.Println("degraded")
	case "test":
		if c.Config["python"] == "" {
			return fmt.Errorf("%s: no Python", c.Name)
		}
	case "sh": // installs it
		c.Config["python"] = "there"
	}
	return nil
}
