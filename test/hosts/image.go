package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// imageScript makes an image. Its text is part of the image's name: another
// script makes another image.
//
//go:embed image.sh
var imageScript string

// imageSuite is the Debian that the roles are for.
const imageSuite = "bookworm"

// oldImage is for how long an image of another script stays in the cache.
const oldImage = 7 * 24 * time.Hour

// mirrorLimit is for a mirror that failed to answer a question at all.
const mirrorLimit = 20 * time.Second

// image returns the folder of the image and makes it first where it is missing.
// Runs at the same time wait for each other.
func image(ctx context.Context, cache, mirror string, out io.Writer) (string, error) {
	if mirror == "" {
		var err error
		if mirror, err = machineMirror(ctx); err != nil {
			return "", err
		}
	}
	debs := filepath.Join(cache, "debs")
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(cache, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("the lock of %s: %w", cache, err)
	}
	sum := sha256.Sum256([]byte(imageScript + "\x00" + mirror + "\x00" + imageSuite))
	made := filepath.Join(cache, fmt.Sprintf("image-%x", sum[:6]))
	if _, err := os.Stat(made); err == nil {
		now := time.Now()
		return made, os.Chtimes(made, now, now)
	}
	dropOldImages(cache)
	began := time.Now()
	fmt.Fprintf(out, "making the image of the hosts, once: Debian %s in %s\n", imageSuite, made)
	err = makeImage(ctx, made, mirror, debs)
	if err != nil && ctx.Err() == nil { // what was downloaded is kept for this
		fmt.Fprintf(out, "once more: %v\n", err)
		err = makeImage(ctx, made, mirror, debs)
	}
	if err != nil {
		return "", errors.Join(err, reached(ctx, mirror))
	}
	fmt.Fprintf(out, "the image took %.0f s\n", time.Since(began).Seconds())
	return made, nil
}

// reached says why a mirror does not answer.
func reached(ctx context.Context, mirror string) error {
	ctx, cancel := context.WithTimeout(ctx, mirrorLimit)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodHead, strings.TrimSuffix(mirror, "/")+"/dists/"+imageSuite+"/Release", nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return fmt.Errorf("%w: the mirror: %w", errUsage, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: the mirror answers %s to %s", errUsage, answer.Status, ask.URL)
	}
	return nil
}

// makeImage makes an image beside its place and moves it there when it is whole.
func makeImage(ctx context.Context, made, mirror, debs string) error {
	half := made + ".half"
	if err := os.RemoveAll(half); err != nil { // of a run that was interrupted
		return err
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", imageScript, "image.sh", half, mirror, imageSuite, debs)
	// debootstrap mounts /proc and /sys there: they go with the namespace.
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the image: %w\n%s", errors.Join(err, ctx.Err()), end(said.String()))
	}
	return os.Rename(half, made)
}

// dropOldImages removes images that no run has used for long. It holds the lock.
func dropOldImages(cache string) {
	old, _ := filepath.Glob(filepath.Join(cache, "image-*"))
	for _, dir := range old {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > oldImage {
			_ = os.RemoveAll(dir)
		}
	}
}

// machineMirror is where this machine gets the packages of the suite from.
func machineMirror(ctx context.Context) (string, error) {
	said, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format",
		"$(CREATED_BY) $(CODENAME) $(COMPONENT) $(REPO_URI)").Output()
	for line := range strings.Lines(string(said)) {
		word := strings.Fields(line)
		if len(word) == 4 && word[0] == "Packages" && word[1] == imageSuite && word[2] == "main" {
			return word[3], nil
		}
	}
	return "", errors.Join(fmt.Errorf("%w: apt knows no mirror of Debian %s here; name one with --mirror", errUsage, imageSuite), err)
}

// endBytes of an output are enough to see why it failed.
const endBytes = 4000

func end(text string) string { return strings.TrimSpace(text[max(0, len(text)-endBytes):]) }
