package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/pave-platform/pave/internal/job"
)

// watchReady looks until the process answers, then routes to it.
func (r *replica) watchReady(ctx context.Context, p *job.Process, port int) {
	client := &http.Client{
		Timeout:       2 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		err := probe(ctx, client, port, r.g.spec.ReadyPath)
		if err == nil && portOnly(r.g.spec.ReadyPath) && stays(ctx, p) {
			err = probe(ctx, client, port, r.g.spec.ReadyPath)
		}
		r.mu.Lock()
		if ctx.Err() != nil || exited(p) {
			r.mu.Unlock()
			return
		}
		if err == nil && r.routable() {
			r.target, r.status.Ready, r.unready = newTarget(port), true, ""
			r.mu.Unlock()
			r.g.w.poke()
			return
		}
		if err != nil {
			r.unready = err.Error()
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// routable reports whether nobody has asked the replica to stop.
func (r *replica) routable() bool {
	select {
	case <-r.stopc:
		return false
	default:
		return true
	}
}

func exited(p *job.Process) bool {
	select {
	case <-p.Exited():
		return true
	default:
		return false
	}
}

// portOnly reports whether the port alone says that the program is ready.
func portOnly(path string) bool { return path == "" || path == readyTCP }

// settle is how long a program that is ready by its port must live on: some open
// it before they read what they need, and end.
const settle = 500 * time.Millisecond

// stays waits for settle, and reports whether the process goes on.
func stays(ctx context.Context, p *job.Process) bool {
	select {
	case <-p.Exited():
	case <-ctx.Done():
	case <-time.After(settle):
		return true
	}
	return false
}

// probe asks once whether the program is ready.
func probe(ctx context.Context, client *http.Client, port int, path string) error {
	if portOnly(path) {
		d := net.Dialer{Timeout: time.Second}
		c, err := d.DialContext(ctx, "tcp", loopback(port))
		if err != nil {
			return fmt.Errorf("nothing listens on PORT (%d)", port)
		}
		return c.Close()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+loopback(port)+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("User-Agent", "pave-node")
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("GET %s on PORT (%d) got no answer", path, port)
	}
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s gave %d, not 200", path, res.StatusCode)
	}
	return nil
}
