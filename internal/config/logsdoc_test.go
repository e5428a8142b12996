package config

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestTheExamplesOfTheLogPageAreTaken reads all blocks of docs/logs.md as one file,
// with the defaults and the backend that they take for granted.
func TestTheExamplesOfTheLogPageAreTaken(t *testing.T) {
	page, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d examples", len(blocks))
	}
	text := blocks[0][1] + "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n" +
		blocks[1][1] + "backend app\n    server a1 127.0.0.1:9001\n" + blocks[2][1]
	file := filepath.Join(t.TempDir(), "logs.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := Load([]string{file}, System())
	if cfg == nil || len(problems.List) > 0 {
		t.Fatalf("%v", problems.List)
	}
	if len(cfg.Rings) != 2 || cfg.Proxies[0].LogFormat == nil {
		t.Errorf("%d rings", len(cfg.Rings))
	}
}
