package node

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A socket has its mode before anybody can see it, whatever the umask is.
func TestListenPrivately(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := listenPrivately(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Nobody is answered before what is wanted has been started: what they put would be started
// twice, and the node would know of one alone.
func TestAnswersAfterTheStart(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	n, err := New(Options{Home: home, KeyFile: home + "-key/node.key", Socket: filepath.Join(home, "run", "s"), RouterAddr: "127.0.0.1:0", guest: true})
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock() // so that starting takes a while
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- n.Run(ctx) }()
	answer := make(chan int, 1)
	go func() {
		for c := Dial(n.opts.Socket).http; ; time.Sleep(5 * time.Millisecond) {
			if res, err := c.Get("http://node/v1/nothing"); err == nil { // a call that needs no mu
				res.Body.Close()
				answer <- res.StatusCode
				return
			}
		}
	}()
	select {
	case status := <-answer:
		t.Error("it answers while it is starting")
		answer <- status
	case <-time.After(300 * time.Millisecond):
	}
	n.mu.Unlock()
	if got := <-answer; got != http.StatusNotFound {
		t.Errorf("status %d", got)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
