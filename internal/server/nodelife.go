package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/node"
)

// watchEvery is how often server and node look after each other.
const watchEvery = 500 * time.Millisecond

// startNode makes sure that a node runs and learns where its router is.
func (s *instance) startNode(ctx context.Context) error {
	info, err := s.node.Info(ctx)
	if err == nil {
		s.state.Router = info.Router
		return nil
	}
	ended, err := spawn(s.cfg, "node")
	if err != nil {
		return err
	}
	deadline := time.Now().Add(startWithin)
	for time.Now().Before(deadline) {
		if info, err = s.node.Info(ctx); err == nil {
			s.state.Router = info.Router
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case cause := <-ended:
			text, _ := lastWords(s.cfg.path("logs", "node.log"), cause)
			return pave.Errorf(pave.Unavailable, "the node did not start: %s", text).
				WithHint("see %s", s.cfg.path("logs", "node.log"))
		case <-time.After(10 * time.Millisecond):
		}
	}
	return pave.Errorf(pave.Unavailable, "the node did not answer within %s: %w", startWithin, err)
}

// watchNode starts the node again when it has died.
func (s *instance) watchNode(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchEvery):
		}
		if s.cfg.isDown() {
			continue
		}
		if _, err := s.node.Info(ctx); pave.CodeOf(err) != pave.Unavailable || ctx.Err() != nil {
			continue
		}
		s.log.Warn("the node does not answer: starting it")
		if err := s.startNode(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("the node cannot be started", "err", err)
		}
	}
}

// RunNode runs the node until it is shut down. It starts the server again when
// that has died.
func RunNode(ctx context.Context, c Config, out io.Writer) error {
	c.Name = ""
	if err := c.prepare(); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: logLevel()}))
	n, err := node.New(node.Options{Home: c.path("node"), KeyFile: c.nodeKey(), Socket: c.socket(), RouterAddr: c.routerAddress(),
		Version: c.Version, Logger: log, Watch: func(ctx context.Context) {
			go c.boundLog(ctx, "node.log")
			watchServer(ctx, c, log)
		}})
	if err != nil {
		return err
	}
	return n.Run(ctx)
}

// routerAddress is where the router listens. With port 0 it takes the port it had
// before, if that is free, so that URLs stay good.
func (c Config) routerAddress() string {
	_, port, _ := net.SplitHostPort(c.Router)
	if s, ok, err := c.readState(); port == "0" && ok && err == nil && s.Router != "" {
		if l, err := net.Listen("tcp", s.Router); err == nil {
			l.Close()
			return s.Router
		}
	}
	return c.Router
}

// watchServer starts the server again when it has died: when nobody holds the lock
// that a server holds from its first moment to its last.
func watchServer(ctx context.Context, c Config, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchEvery):
		}
		held, err := lockFile(c.serverLock(), false)
		if err != nil {
			continue
		}
		held.Close()
		if c.isDown() {
			continue
		}
		log.Warn("the server is dead: starting it")
		lock, err := lockFile(c.path("start.lock"), false)
		if err != nil {
			continue // a command is starting it
		}
		ended, err := spawn(c, "server")
		if err == nil {
			_, err = awaitServer(ctx, c, ended)
		}
		lock.Close()
		if err != nil && ctx.Err() == nil {
			log.Error("the server cannot be started", "err", err)
			time.Sleep(watchEvery)
		}
	}
}
