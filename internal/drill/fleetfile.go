package drill

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// FleetFile says which real fleet a drill drives, and with which commands. Every command
// is a line for /bin/sh; examples/drill.yaml explains each key.
type FleetFile struct {
	Name    string        `yaml:"name"`
	Site    string        `yaml:"site"`
	Runtime string        `yaml:"runtime"`
	Backend string        `yaml:"backend"`
	Victim  string        `yaml:"victim"`
	Reload  string        `yaml:"reload"`
	Timeout string        `yaml:"timeout"`
	Without []string      `yaml:"without"`
	Servers []FleetServer `yaml:"servers"`

	limit time.Duration // of a command
}

// FleetServer is a server of a FleetFile.
type FleetServer struct {
	Name      string `yaml:"name"`
	Address   string `yaml:"address"`
	Kill      string `yaml:"kill"`
	Stop      string `yaml:"stop"`
	Start     string `yaml:"start"`
	Freeze    string `yaml:"freeze"`
	Thaw      string `yaml:"thaw"`
	Cut       string `yaml:"cut"`
	Join      string `yaml:"join"`
	Misbehave string `yaml:"misbehave"`
}

// commandTimeout is for a command where the file says none.
const commandTimeout = 30 * time.Second

// ParseFleet reads a fleet file. Errors begin with name, line and column.
func ParseFleet(name string, data []byte) (*FleetFile, error) {
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, fleetError(name, err)
	}
	file := &FleetFile{limit: commandTimeout}
	if err := yaml.UnmarshalWithOptions(data, file, yaml.Strict()); err != nil {
		return nil, fleetError(name, err)
	}
	c := &fleetCheck{name: name, tree: tree}
	c.all(file)
	return file, errors.Join(c.problems...)
}

// fleetError puts the place of a YAML error in front of it.
func fleetError(name string, err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
		p := at.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", name, p.Line, p.Column, at.GetMessage())
	}
	return fmt.Errorf("%s: %w", name, err)
}

// fleetCheck finds what a file lacks.
type fleetCheck struct {
	name     string
	tree     *ast.File
	problems []error
}

// bad reports a problem at the value of path, or at the beginning where it is missing.
func (c *fleetCheck) bad(path, format string, args ...any) {
	where := "1:1"
	if p, err := yaml.PathString(path); err == nil {
		if node, err := p.FilterFile(c.tree); err == nil && node != nil && node.GetToken() != nil {
			at := node.GetToken().Position
			where = fmt.Sprintf("%d:%d", at.Line, at.Column)
		}
	}
	c.problems = append(c.problems, fmt.Errorf("%s:%s: %s", c.name, where, fmt.Sprintf(format, args...)))
}

// isSite says whether text is the URL of a site and of nothing below it.
func isSite(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.Trim(u.Path, "/")+u.RawQuery == ""
}

func (c *fleetCheck) all(f *FleetFile) {
	if f.Site == "" {
		c.bad("$", "site is missing: the URL that the load goes to")
	} else if !isSite(f.Site) {
		c.bad("$.site", "site: want http://HOST:PORT or https://HOST:PORT, got %q", f.Site)
	}
	f.Site = strings.TrimRight(f.Site, "/")
	if f.Runtime == "" {
		c.bad("$", "runtime is missing: the path of the balancer's socket, or HOST:PORT")
	}
	if f.Backend == "" {
		c.bad("$", "backend is missing: whose servers are broken")
	}
	if f.Timeout != "" {
		var err error
		if f.limit, err = time.ParseDuration(f.Timeout); err != nil || f.limit <= 0 {
			c.bad("$.timeout", "timeout: want a time such as 30s, got %q", f.Timeout)
		}
	}
	if len(f.Servers) == 0 {
		c.bad("$", "servers is missing: a list of name and commands")
		return
	}
	var names []string
	for i := range f.Servers {
		c.server(fmt.Sprintf("$.servers[%d]", i), &f.Servers[i], names)
		names = append(names, f.Servers[i].Name)
	}
	if f.Victim == "" {
		f.Victim = names[0]
	} else if !slices.Contains(names, f.Victim) {
		c.bad("$.victim", "victim: no server is named %q", f.Victim)
	}
	for i, without := range f.Without {
		if !slices.Contains(faultNames(), without) {
			c.bad(fmt.Sprintf("$.without[%d]", i), "no fault is named %q: want some of %s", without, strings.Join(faultNames(), ", "))
		}
	}
}

// server wants a way back for each way to break something.
func (c *fleetCheck) server(path string, s *FleetServer, before []string) {
	switch {
	case s.Name == "":
		c.bad(path, "name of the server is missing")
	case slices.Contains(before, s.Name):
		c.bad(path+".name", "server %s is there twice", s.Name)
	}
	for _, pair := range []struct{ way, command, back, restores string }{
		{"kill", s.Kill, "start", s.Start},
		{"stop", s.Stop, "start", s.Start},
		{"freeze", s.Freeze, "thaw", s.Thaw},
		{"cut", s.Cut, "join", s.Join},
	} {
		if pair.command != "" && pair.restores == "" {
			c.bad(path+"."+pair.way, "server %s: %s needs %s, which restores it", s.Name, pair.way, pair.back)
		}
	}
}

// faultNames are those of the catalogue, in its order.
func faultNames() []string {
	var names []string
	for _, fault := range Faults(&Target{}) {
		names = append(names, fault.Name)
	}
	return names
}
