package engine

import (
	"os"
	"slices"
	"testing"
	"time"

	"bascule/internal/cert/certtest"
)

// TestUnreadableKnowsTheFilesOfTLS takes away one after the other what a configuration
// was read from.
func TestUnreadableKnowsTheFilesOfTLS(t *testing.T) {
	site := &tlsSite{balancer: &balancer{dir: shortDir(t)}, t: t}
	m := certtest.New(t)
	both := m.Both("web.test")
	chain, key := m.ECDSA("server.test")
	crl := m.CRL(time.Now().Add(time.Hour))
	for name, data := range map[string][]byte{
		"web.pem": both, "list": []byte(site.dir + "/line.pem [verify required ca-file " + site.dir + "/line-ca.pem crl-file " + site.dir + "/line-crl.pem]\n"), "line.pem": both,
		"ca.pem": m.Authority(), "unnamed-ca.pem": m.Authority(), "line-ca.pem": m.Authority(), "server-ca.pem": m.Authority(), "checked-ca.pem": m.Authority(), "crl.pem": crl, "line-crl.pem": crl, "checked-crl.pem": crl,
		"client.pem": chain, "client.pem.key": key,
	} {
		site.write(name, data)
	}
	cfg := parse(t, site.dir, `
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend f
  bind unix@$DIR/one ssl crt $DIR/web.pem ca-file $DIR/ca.pem ca-verify-file $DIR/unnamed-ca.pem crl-file $DIR/crl.pem verify required
  bind unix@$DIR/two ssl crt-list $DIR/list
  default_backend b
backend b
  server s 127.0.0.1:9 ssl verify required ca-file $DIR/server-ca.pem crt $DIR/client.pem
  server checked 127.0.0.1:9 check check-ssl verify required ca-file $DIR/checked-ca.pem crl-file $DIR/checked-crl.pem
  server system 127.0.0.1:9 ssl verify required ca-file @system-ca
`)
	was := Unreadable(cfg)
	for _, name := range []string{"web.pem", "list", "line.pem", "ca.pem", "unnamed-ca.pem", "line-ca.pem", "crl.pem", "line-crl.pem", "server-ca.pem", "checked-ca.pem", "checked-crl.pem", "client.pem", "client.pem.key"} {
		path := site.dir + "/" + name
		if slices.Contains(was, path) {
			t.Fatalf("%s cannot be read before it is gone", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(Unreadable(cfg), path) {
			t.Errorf("%s is not missed", name)
		}
	}
}
