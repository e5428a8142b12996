package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

const (
	clientPath = "/usr/local/bin/hosts"
	// openLimit is for all WebSockets of a load to be open.
	openLimit = 2 * time.Minute
)

// users are the load that runs on the client host.
type users struct {
	cmd       *exec.Cmd
	in        io.WriteCloser
	out       *json.Decoder
	complaint bytes.Buffer
}

// startUsers starts a load and waits until all its WebSockets are open.
func (l *lab) startUsers(ctx context.Context, flags string) (*users, error) {
	u := &users{}
	u.cmd = l.hosts["client"].ssh(ctx, "exec "+clientPath+" client --site http://"+l.hosts["haproxy"].Addr+":80 "+flags)
	var err error
	if u.in, err = u.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := u.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	u.out = json.NewDecoder(out)
	u.cmd.Stderr = &u.complaint
	if err := u.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(openLimit); ; {
		now, err := u.ask("status")
		if err != nil {
			return nil, err
		}
		if now.Connected == now.Clients && now.Requests > 0 {
			return u, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("the load: %d of %d WebSockets are open after %v", now.Connected, now.Clients, openLimit)
		}
		if err := wait(ctx, poll); err != nil {
			return nil, err
		}
	}
}

// ask sends a word and reads what the load says to it.
func (u *users) ask(word string) (seen, error) {
	var now seen
	if _, err := io.WriteString(u.in, word+"\n"); err != nil {
		return now, u.failed(err)
	}
	if err := u.out.Decode(&now); err != nil {
		return now, u.failed(err)
	}
	return now, nil
}

// finish ends the load and returns its figures.
func (u *users) finish() (seen, error) {
	var last seen
	_ = u.in.Close()
	if err := u.out.Decode(&last); err != nil {
		return last, u.failed(err)
	}
	if err := u.cmd.Wait(); err != nil {
		return last, u.failed(err)
	}
	if last.Error != "" {
		return last, errors.New("the load: " + last.Error)
	}
	return last, nil
}

func (u *users) failed(err error) error {
	return fmt.Errorf("the load: %w: %s", err, end(u.complaint.String()))
}

// wait lets time pass.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
