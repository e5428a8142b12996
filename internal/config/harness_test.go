package config

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"bascule/internal/lang"
)

// printed is what -c would say.
func printed(p *lang.Problems) string {
	var b strings.Builder
	_ = WriteProblems(&b, p, 1)
	return b.String()
}

// inMemory lets env see these files besides those on disk.
func inMemory(env Env, files map[string]string) Env {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	readDisk := env.ReadFile
	if readDisk == nil {
		readDisk = os.ReadFile
	}
	env.ReadFile = func(name string) ([]byte, error) {
		if data, err := m.ReadFile(name); err == nil {
			return data, nil
		}
		return readDisk(name)
	}
	env.Stat = m.Stat
	env.ReadDir = func(name string) ([]fs.DirEntry, error) { return m.ReadDir(name) }
	return env
}

// loadText loads one file with this text.
func loadText(t testing.TB, text string, env Env) (*Config, *lang.Problems) {
	t.Helper()
	return Load([]string{"t.cfg"}, inMemory(env, map[string]string{"t.cfg": text}))
}
