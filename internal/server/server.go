package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/node"
	"github.com/pave-platform/pave/internal/platform"
	"github.com/pave-platform/pave/internal/seal"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/webhook"
	"github.com/pave-platform/pave/internal/workflow"
)

// localToken labels the token of server.json; each start makes a new one.
const localToken = "local"

// Run runs the server until ctx ends. One server of a name runs for a home: a second
// one is a Conflict, unless the first no longer answers; then it is ended.
func Run(ctx context.Context, c Config, out io.Writer) error {
	if err := errors.Join(c.check(), c.checkName()); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	lock, err := takeOver(ctx, c)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := c.setDown(false); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: logLevel()}))
	if _, err := c.openKey(); err != nil { // before there is a store
		return err
	}
	listener, err := c.listen()
	if err != nil {
		return err
	}
	defer listener.Close()
	db, err := store.Open(ctx, c.store())
	if err != nil {
		return err
	}
	defer db.Close()
	listeners := []net.Listener{listener}
	public, fingerprint := "", ""
	if c.TLS.on() {
		other, print, err := c.listenTLS()
		if err != nil {
			return err
		}
		defer other.Close()
		listeners, public, fingerprint = append(listeners, other), c.TLS.address(other), print
	}
	s, err := assemble(ctx, c, db, State{URL: "http://" + listener.Addr().String(), Public: public, Fingerprint: fingerprint}, log)
	if err != nil {
		return err
	}
	return s.serve(ctx, listeners)
}

// logLevel is info, or debug with PAVE_LOG=debug.
func logLevel() slog.Level {
	if os.Getenv("PAVE_LOG") == "debug" {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// takeOver takes the server's lock. A holder that does not answer is ended.
func takeOver(ctx context.Context, c Config) (*os.File, error) {
	for try := 0; ; try++ {
		lock, err := lockFile(c.serverLock(), false)
		if err == nil || pave.CodeOf(err) != pave.Conflict {
			return lock, err
		}
		s, ok, serr := c.readState()
		if serr != nil {
			return nil, serr
		}
		if ok && alive(ctx, s) == nil {
			return nil, pave.Errorf(pave.Conflict, "a server runs already for %s (pid %d)", c.Home, s.PID).WithHint("pave down")
		}
		if try >= 20 { // it has had 10 s to come up or to end
			if err := endProcess(ctx, s.PID, 0); err != nil {
				return nil, err
			}
		}
		if try >= 60 {
			return nil, pave.Errorf(pave.Conflict, "another process holds %s and does not answer", c.serverLock())
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// listen opens the API's address. With port 0 it takes the port it had before,
// if that is free, so that the addresses of clones stay good.
func (c Config) listen() (net.Listener, error) {
	host, port, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, pave.BadField("PAVE_LISTEN", c.Listen, "is not a loopback address with a port", "for example 127.0.0.1:7070")
	}
	if s, ok, serr := c.readState(); port == "0" && ok && serr == nil {
		if l, err := net.Listen("tcp", addressOf(s.URL)); err == nil {
			return l, nil
		}
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, pave.Errorf(pave.Unavailable, "cannot listen on %s: %w", c.Listen, err).
			WithHint("end the program that has the port, or choose another: PAVE_LISTEN=127.0.0.1:PORT")
	}
	return l, nil
}

// instance is a server that runs.
type instance struct {
	cfg      Config
	log      *slog.Logger
	access   *access.Access
	engine   *workflow.Engine
	platform *platform.Platform
	webhooks *webhook.Webhooks
	node     *node.Client
	handler  http.Handler
	state    State
}

// serve answers requests and carries out runs until ctx ends, then lets requests
// end within 5 s.
func (s *instance) serve(ctx context.Context, listeners []net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	defer group.Wait()
	failed := make(chan error, len(listeners)+1)
	srv := &http.Server{Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn), BaseContext: func(net.Listener) context.Context { return ctx }}
	for _, l := range listeners {
		group.Go(func() {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	group.Go(func() { s.watchNode(ctx) })
	group.Go(func() {
		if err := s.execute(ctx); err != nil {
			failed <- err
		}
	})
	if err := s.cfg.writeState(s.state); err != nil {
		cancel()
		srv.Close()
		return err
	}
	s.log.Info("ready", "url", s.state.URL, "version", s.cfg.Version, "pid", s.state.PID)
	if s.state.Public != "" {
		s.log.Info("reachable from other machines", "url", s.state.Public, "ca_sha256", s.state.Fingerprint)
	}
	group.Go(func() { s.revive(ctx) })
	group.Go(func() { s.cfg.boundLog(ctx, s.cfg.serverName()+".log") })
	group.Go(func() { s.platform.Upkeep(ctx, s.engine.Executing) })
	group.Go(func() { s.webhooks.Run(ctx, s.engine.Executing) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel() // streams end, handlers of steps are interrupted
	bye, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	return errors.Join(err, ignoreDeadline(srv.Shutdown(bye)))
}

// execute carries out runs whenever this server is the executor. One that lost
// that right, since it was stopped for a while, stands by again.
func (s *instance) execute(ctx context.Context) error {
	for {
		err := s.engine.Run(ctx)
		if pave.CodeOf(err) != pave.Conflict {
			return err
		}
		s.log.Warn("another server carries out runs; this one stands by", "cause", err)
	}
}

func ignoreDeadline(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// signIn makes the user who runs the server an admin and gives the commands of
// this machine a new token.
func (c Config) signIn(ctx context.Context, a *access.Access) (pave.Secret, error) {
	name, label := "local", localToken
	if c.Name != "" {
		label += "-" + c.Name
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	who, err := a.EnsureUser(ctx, name, true)
	if err != nil {
		return pave.Secret{}, err
	}
	if err := a.RevokeLabel(ctx, label); err != nil {
		return pave.Secret{}, err
	}
	return a.IssueToken(ctx, who.ID, label, time.Time{})
}

// ready says why the server cannot work, or nil.
func (s *instance) ready(ctx context.Context) error {
	_, err := s.platform.Environments(ctx)
	return err
}

// keys are the public keys of workload identities.
func (s *instance) keys(ctx context.Context) (json.RawMessage, error) {
	keys, err := s.node.JWKS(ctx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(keys)
}

// openKey opens the server's key, which seals secrets and from which credentials
// are derived. The first start makes it; a key that is gone is not made again.
func (c Config) openKey() (*seal.Key, error) {
	if err := c.keyLost(); err != nil {
		return nil, err
	}
	return seal.LoadOrCreate(c.serverKey())
}

// keyLost is an error where the store is there and the key is not.
func (c Config) keyLost() error {
	if _, err := os.Stat(c.serverKey()); !errors.Is(err, fs.ErrNotExist) || c.Store != "" {
		return nil
	}
	if info, err := os.Stat(c.path("pave.db")); err != nil || info.Size() == 0 {
		return nil
	}
	return pave.Errorf(pave.Denied, "the key %s is gone, and %s holds secrets that only it opens", c.serverKey(), c.path("pave.db")).
		WithHint("restore the key from your backup of keys; to begin anew, move %s away", c.Home)
}
