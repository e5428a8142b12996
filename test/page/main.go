package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

func main() {
	pictures := flag.String("pictures", "", "write the pictures of the manual into this `directory`")
	trace := flag.Duration("trace", 0, "trace the page with 200 servers for so long and print its longest script task")
	flag.Parse()
	binary := os.Getenv("BASCULE")
	if binary == "" {
		binary = "bin/bascule"
	}
	var err error
	switch {
	case *pictures != "":
		err = takePictures(binary, *pictures)
	case *trace > 0:
		err = printTrace(binary, *trace)
	default:
		flag.Usage()
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "page:", err)
		os.Exit(1)
	}
}

// fleet is the small fleet of the pictures; who may change it has the password.
func fleet(binary string) plan {
	return plan{binary: binary, load: 220, sockets: 9,
		stats: []string{"stats enable", "stats uri /stats", "stats show-node edge-1", "stats show-legends", "stats auth operator:secret", "stats admin if { src 127.0.0.0/8 }"},
		backends: []backends{
			{"api", []string{"balance roundrobin", "option httpchk GET /health", "default-server inter 2s"}, []string{"api1", "api2", "api3 weight 2", "api4 backup"}},
			{"stream", []string{"balance uri depth 2", "hash-type consistent", "default-server inter 2s"}, []string{"stream1", "stream2", "stream3", "stream4 weight 2", "stream5"}},
		}}
}

// wall is one backend of n servers.
func wall(binary string, n int) plan {
	p := plan{binary: binary, load: 400, sockets: 4, stats: []string{"stats enable", "stats uri /stats", "stats show-node edge-1"},
		backends: []backends{{"cache", []string{"balance uri depth 2", "hash-type consistent", "default-server inter 5s"}, nil}}}
	for i := range n {
		p.backends[0].servers = append(p.backends[0].servers, fmt.Sprintf("cache%03d", i+1))
	}
	return p
}

// drawn says that the page has shown its first frames.
const drawn = `document.querySelector('#link')?.dataset.is === 'live' && document.querySelectorAll('.server .status').length && !document.querySelector('#sum dd').textContent.startsWith('0')`

// settle lets figures and curves become what they are under load.
const settle = 12 * time.Second

func takePictures(binary, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := start(context.Background())
	if err != nil {
		return err
	}
	defer b.close()
	if err := smallPictures(b, binary, dir); err != nil {
		return err
	}
	r, err := build(wall(binary, 200))
	if err != nil {
		return err
	}
	defer r.end()
	for _, name := range []string{"cache017", "cache113"} {
		r.kill(name)
	}
	if err := b.open("http://"+r.stats+"/stats;live", ""); err != nil {
		return err
	}
	time.Sleep(settle)
	return shot(b, dir, "dashboard-200", "light", 1440, 1100, false)
}

func smallPictures(b *browser, binary, dir string) error {
	r, err := build(fleet(binary))
	if err != nil {
		return err
	}
	defer r.end()
	if err := b.size(1440, 900, false); err != nil {
		return err
	}
	if err := b.open("http://"+r.stats+"/stats;live", "operator:secret"); err != nil {
		return err
	}
	if _, err := b.until(drawn, startTime); err != nil {
		return err
	}
	time.Sleep(settle)
	for _, scheme := range []string{"light", "dark"} {
		if err := shot(b, dir, "dashboard-"+scheme, scheme, 1440, 900, false); err != nil {
			return err
		}
	}
	r.kill("stream2")
	if _, err := b.until(`document.querySelector('[data-key="stream/stream2"]').dataset.state === 'down'`, startTime); err != nil {
		return err
	}
	if err := b.eval(`document.querySelector('[data-key="stream/stream2"]').click()`, nil); err != nil {
		return err
	}
	time.Sleep(4 * time.Second)
	if err := shot(b, dir, "dashboard-down", "light", 1440, 900, false); err != nil {
		return err
	}
	if err := b.eval(`document.querySelector('#detail-close').click()`, nil); err != nil {
		return err
	}
	return shot(b, dir, "dashboard-phone", "light", 390, 844, true)
}

// shot takes one picture.
func shot(b *browser, dir, name, scheme string, width, height int, mobile bool) error {
	if err := b.size(width, height, mobile); err != nil {
		return err
	}
	if err := b.prefer(scheme); err != nil {
		return err
	}
	if err := b.eval(`window.scrollTo(0, 0)`, nil); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // two frames in the new size
	return b.picture(filepath.Join(dir, name+".png"))
}
