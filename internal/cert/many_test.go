package cert_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"runtime"
	"testing"

	"bascule/internal/cert"
	"bascule/internal/cert/certtest"
)

func TestWhatIsUnchangedIsNotParsedAgain(t *testing.T) {
	m := certtest.New(t)
	certificate, key := m.ECDSA("a.test")
	load := func(all map[string][]byte, name string) *cert.Certificate {
		t.Helper()
		list, err := cert.Load(name, files(all))
		if err != nil {
			t.Fatal(err)
		}
		return list[0]
	}
	both := append(bytes.Clone(certificate), key...)
	first := load(map[string][]byte{"a": both}, "a")
	for name, all := range map[string]map[string][]byte{"again": {"a": both}, "apart": {"a": certificate, "a.key": key}} {
		if load(all, "a").Leaf != first.Leaf {
			t.Errorf("%s: it was parsed again", name)
		}
	}
	if load(map[string][]byte{"a": m.Both("a.test")}, "a").Leaf == first.Leaf {
		t.Error("another certificate was taken for the first")
	}
	if c := load(map[string][]byte{"b": both}, "b"); c.Path != "b" || first.Path != "a" {
		t.Errorf("the files are %s and %s", first.Path, c.Path)
	}
}

// BenchmarkPick is what the choice of a certificate costs a handshake.
func BenchmarkPick(b *testing.B) {
	m := certtest.New(b)
	for _, n := range []int{1, 10_000} {
		list, err := cert.Load("a", files(map[string][]byte{"a": m.Both("a.test")}))
		if err != nil {
			b.Fatal(err)
		}
		all := make([]*cert.Certificate, n)
		for i := range all {
			c := *list[0]
			c.Names = []string{fmt.Sprintf("site-%05d.test", i)}
			all[i] = &c
		}
		set := cert.NewSet(entries(all))
		hello := tls.ClientHelloInfo{ServerName: fmt.Sprintf("site-%05d.test", n/2)}
		b.Run(fmt.Sprintf("of %d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := set.Pick(&hello, true); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoad is what a reload pays for each certificate: one that is new, and one
// that is in force already.
func BenchmarkLoad(b *testing.B) {
	m := certtest.New(b)
	data := map[string][]byte{"a": m.Both("a.test")}
	load := func() *cert.Certificate {
		list, err := cert.Load("a", files(data))
		if err != nil {
			b.Fatal(err)
		}
		return list[0]
	}
	kept := load()
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			load()
		}
	})
	runtime.KeepAlive(kept)
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			data["a"] = m.Both("a.test")
			b.StartTimer()
			load()
		}
	})
}
