//go:build !race

package ansible

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func file(t *testing.T, words ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(words...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBalancersUnitIsThePackagesUnit: the role renders deploy/systemd/bascule.service in
// HAProxy's place, and every other line is the same. UPDATE=1 writes the template again.
func TestBalancersUnitIsThePackagesUnit(t *testing.T) {
	inPlace := strings.NewReplacer(
		"User=bascule\n", "User=haproxy\n", "Group=bascule\n", "Group=haproxy\n",
		"RuntimeDirectory=bascule\n", "RuntimeDirectory=haproxy\n",
		"/etc/bascule/bascule.cfg", "{{ haproxy_config_dir }}/haproxy.cfg",
		"/etc/default/bascule", "/etc/default/haproxy",
		"/usr/bin/bascule", "{{ haproxy_bascule_path }}",
	)
	_, unit, _ := strings.Cut(file(t, "../../deploy/systemd/bascule.service"), "[Unit]")
	path := filepath.Join(deploy, "roles/haproxy/templates/bascule.service.j2")
	head, template, _ := strings.Cut(file(t, path), "[Unit]")
	if os.Getenv("UPDATE") != "" {
		template = inPlace.Replace(unit)
		if err := os.WriteFile(path, []byte(head+"[Unit]"+template), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := template, inPlace.Replace(unit); got != want {
		t.Errorf("roles/haproxy/templates/bascule.service.j2: got\n%s\nwant\n%s", got, want)
	}
	if got, want := file(t, deploy, "roles/haproxy/files/relieve"), file(t, "../../deploy/systemd/relieve"); got != want {
		t.Errorf("roles/haproxy/files/relieve differs from deploy/systemd/relieve:\n%s", got)
	}
	if got, want := file(t, deploy, "roles/haproxy/files/503.http"), file(t, "../../examples/active-active/503.http"); got != want {
		t.Errorf("roles/haproxy/files/503.http differs from the example's:\n%s", got)
	}
}

// TestRolesOfTheFleetDifferInNames: what is mended in one of them is mended in both.
func TestRolesOfTheFleetDifferInNames(t *testing.T) {
	names := strings.NewReplacer("backend_api", "stream_server", "backend-api", "stream-server", "API server", "stream server")
	for _, name := range []string{
		"tasks/main.yml", "tasks/assert.yml", "tasks/install.yml", "tasks/ready.yml", "tasks/restart.yml",
		"handlers/main.yml", "templates/environment.j2", "templates/unit.service.j2",
	} {
		got := strings.ReplaceAll(file(t, deploy, "roles/stream_server", name), "A stream server", "An stream server")
		if want := names.Replace(file(t, deploy, "roles/backend_api", name)); got != want {
			t.Errorf("%s: role stream_server has\n%s\nwant backend_api's with other names\n%s", name, got, want)
		}
	}
}
