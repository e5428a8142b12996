//go:build !race

package ansible

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"bascule/internal/cert/certtest"
)

// deploy is the directory of the playbooks, seen from this package.
const deploy = "../../deploy/ansible"

// run starts a program of Ansible in dir and returns what it said.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	said, err := try(t, dir, env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said)
	}
	return said
}

// try is run for a program that may fail.
func try(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	config, err := filepath.Abs(filepath.Join(deploy, "ansible.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	// A home of its own, so that no settings of a user count and nothing is left there.
	cmd.Env = append(os.Environ(), "ANSIBLE_CONFIG="+config, "NO_COLOR=1", "ANSIBLE_NOCOLOR=1", "HOME="+t.TempDir(),
		"ANSIBLE_PIPELINING=1", "ANSIBLE_INVENTORY_UNPARSED_FAILED=1")
	cmd.Env = append(cmd.Env, env...)
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// binDir is where bascule is built; TestMain makes and removes it.
var binDir string

// built is bascule, made once.
var built = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(binDir, "bascule")
	text, err := exec.Command("go", "build", "-o", bin, "bascule/cmd/bascule").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return bin, err
})

func bascule(t *testing.T) string {
	t.Helper()
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// haproxy is Debian's; sbin is not in every user's path.
func haproxy() string {
	if path, err := exec.LookPath("haproxy"); err == nil {
		return path
	}
	return "/usr/sbin/haproxy"
}

func TestLintFindsNothing(t *testing.T) {
	t.Parallel()
	run(t, deploy, nil, "yamllint", "--strict", ".")
	said := run(t, deploy, nil, "ansible-lint", "--nocolor", "--offline")
	if !strings.Contains(said, "Passed with production profile") {
		t.Errorf("ansible-lint said\n%s\nwant that the production profile is passed", said)
	}
}

func TestPlaybooksParse(t *testing.T) {
	t.Parallel()
	books, err := filepath.Glob(filepath.Join(deploy, "playbooks", "*.yml"))
	if err != nil || len(books) < 4 {
		t.Fatalf("%d playbooks, %v", len(books), err)
	}
	args := []string{"--syntax-check"}
	for _, book := range books {
		args = append(args, filepath.Join("playbooks", filepath.Base(book)))
	}
	if said := run(t, deploy, nil, "ansible-playbook", args...); strings.Contains(said, "WARNING") {
		t.Errorf("ansible-playbook warns:\n%s", said)
	}
}

// refused is what the roles say to the wrong variables of the inventory.
var refused = map[string]string{
	"program":                   "value of front_door must be one of: bascule, haproxy, got: nginx",
	"port-as-a-word":            "argument 'haproxy_listen_http' is of type",
	"port-out-of-range":         "haproxy_backend_api_port is 80800: a port is a number from 1 to 65535.",
	"fall-of-nothing":           "haproxy_health_check_fall is 0: it has to be at least 1.",
	"cookie-of-two-words":       `haproxy_sticky_cookie_name is "A B": the name of a cookie is one word`,
	"one-port-for-both":         "haproxy_listen_http and haproxy_listen_https are both 80; with a certificate they have to differ.",
	"hsts-before-now":           "haproxy_hsts_seconds is -1: a time, or 0 for none.",
	"no-servers":                "api_pool has no server: the inventory names none, and haproxy_backend_api_fallback is empty.",
	"server-without-an-address": "missing required arguments: address found in haproxy_backend_api_fallback",
	"server-without-a-number":   "api_pool/spare-server has no id: end its name in a number, as backend-api-1 does, or give it haproxy_server_id",
	"servers-of-one-id":         "two servers of stream_pool have the same id: 1, 1.",
	"fleet-port":                "backend_api_port is 0: a port is a number from 1 to 65535.",
	"fleet-path":                `stream_server_dir is "opt/veza": want a path from the root, without blanks.`,
	"fleet-user":                `backend_api_user is "Veza API": want the name of a system user`,
}

func TestVariablesMakeTheConfigurationOrAreRefused(t *testing.T) {
	t.Parallel()
	out, bin := t.TempDir(), bascule(t)
	dir, err := filepath.Abs(filepath.Join(deploy, "roles"))
	if err != nil {
		t.Fatal(err)
	}
	certificate(t, filepath.Join(out, "with-a-certificate"))
	certificate(t, filepath.Join(out, "in-clear-too"))
	run(t, "testdata", nil, "ansible-playbook", "-i", "inventory.yml", "roles.yml", "-e", "out="+out, "-e", "roles_dir="+dir,
		"-e", "haproxy_config_dir="+out+"/{{ inventory_hostname }}", "-e", "haproxy_bascule_path="+bin)

	files, err := filepath.Glob(filepath.Join(out, "*", "haproxy.cfg"))
	if err != nil || len(files) != 6 {
		t.Fatalf("%d configurations, %v; want 6", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) { rendered(t, file, name, bin) })
	}
	var said map[string]string
	if text, err := os.ReadFile(filepath.Join(out, "said.json")); err != nil || json.Unmarshal(text, &said) != nil {
		t.Fatalf("what was said: %v\n%s", err, text)
	}
	for name, want := range refused {
		if got := said[name]; !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// certificate writes site.pem into a new directory dir.
func certificate(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "site.pem"), certtest.New(t).Both("site.example"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rendered compares a configuration with the one in testdata, which UPDATE=1 writes
// again, and asks both programs for their verdict.
func rendered(t *testing.T, file, name, bin string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := bytes.ReplaceAll(text, []byte(filepath.Dir(file)), []byte("/etc/haproxy"))
	golden := filepath.Join("testdata", name+".cfg")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Every port of the file is systemd's to open, and no other.
	unit, err := os.ReadFile(filepath.Join(filepath.Dir(file), "haproxy.socket"))
	if err != nil {
		t.Fatal(err)
	}
	if binds, opened := bytes.Count(got, []byte("\n    bind ")), bytes.Count(unit, []byte("\nListenStream=")); binds != opened {
		t.Errorf("%d binds and %d ports opened by systemd:\n%s", binds, opened, unit)
	}
	want, err := os.ReadFile(golden)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v; got\n%s\nwant %s; UPDATE=1 writes it", err, got, golden)
	}
	if said, err := exec.Command(haproxy(), "-c", "-f", file).CombinedOutput(); err != nil {
		t.Errorf("haproxy: %v\n%s", err, said)
	}
	if said, err := exec.Command(bin, "check", file).CombinedOutput(); err != nil {
		t.Errorf("bascule: %v\n%s", err, said)
	}
}

func TestContainersAreMadeByTheClientsCommands(t *testing.T) {
	t.Parallel()
	dir, path := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"incus", "lxc"} {
		if err := os.Symlink(self, filepath.Join(path, client)); err != nil {
			t.Fatal(err)
		}
	}
	old := &container{ // stopped, with another device, else as wanted
		"lxd-old", "Stopped", map[string]string{"boot.autostart": "true", "limits.memory": "512MiB", "python": "there"},
		map[string]map[string]string{"http": {"type": "proxy", "listen": "tcp:0.0.0.0:8080", "connect": "tcp:127.0.0.1:80"}},
	}
	if err := old.write(filepath.Join(dir, "lxd-old.json")); err != nil {
		t.Fatal(err)
	}
	env := []string{standinDir + "=" + dir, "PATH=" + path + ":" + os.Getenv("PATH")}
	provision := func(hosts string) string {
		return run(t, "testdata", env, "ansible-playbook", "-i", "inventory.yml", "containers.yml", "--limit", hosts)
	}
	provision("containers")
	for _, test := range []struct {
		client, name string
		want         []string
	}{
		{"incus", "incus-new", made}, {"lxc", "lxd-new", made}, {"lxc", "lxd-old", mended},
	} {
		if got, want := recorded(t, dir, test.name), spell(test.client, test.name, test.want); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "nobody.record")); err == nil {
		t.Error("front_door_container: none called a client")
	}
	if said := provision("incus-new"); !strings.Contains(said, " changed=0 ") {
		t.Errorf("the second run changed something:\n%s", said)
	}
}

// made and mended are what is done for a container that is not there, and for one that
// differs; C is the client and N the name.
var (
	made = []string{
		"C list N --format json",
		"C launch images:debian/12 N --profile=default",
		"C config set N boot.autostart=true",
		"C config set N limits.memory=512MiB",
		"C config device add N http proxy listen=tcp:0.0.0.0:80 connect=tcp:127.0.0.1:80",
		"C exec N -- systemctl is-system-running",
		"C exec N -- test -x /usr/bin/python3",
		"C exec N -- sh -c apt-get -q update && apt-get -q -y install python3",
	}
	mended = []string{
		"C list N --format json",
		"C config device remove N http",
		"C config device add N http proxy listen=tcp:0.0.0.0:80 connect=tcp:127.0.0.1:80",
		"C start N",
		"C exec N -- systemctl is-system-running",
		"C exec N -- test -x /usr/bin/python3",
	}
)

func spell(client, name string, lines []string) []string {
	words := strings.NewReplacer("C ", client+" ", " N", " "+name)
	spelled := make([]string, len(lines))
	for i, line := range lines {
		spelled[i] = words.Replace(line)
	}
	return spelled
}

func recorded(t *testing.T, dir, name string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name+".record"))
	if err != nil {
		t.Error(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}
