package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/internal/seal"
)

// Options of a node. Home, KeyFile, Socket and RouterAddr are required.
type Options struct {
	Home       string // state folder; entered by the users programs run as, so 0711
	KeyFile    string // key that seals the state; made when absent
	Socket     string // unix socket of the API
	RouterAddr string // "127.0.0.1:7080"; port 0 picks one
	Version    string
	Logger     *slog.Logger
	// Watch runs beside the node for as long as it does, for example to start
	// the server again when it dies.
	Watch func(ctx context.Context)

	TokenLife time.Duration // of identities; 0: 10 minutes

	logLimits logLimits // smaller in tests
	guest     bool      // in tests: share the process with others
}

const (
	defaultTokenLife = 10 * time.Minute
	maxItems         = 2000 // of each kind
	housekeeping     = time.Minute
)

// markers of everything the node starts.
const (
	nodeMarker = "PAVE_NODE" // hash of the home
	itemMarker = "PAVE_ITEM" // id of the item
)

// A Node runs programs. Make one with New and call Run once.
type Node struct {
	opts     Options
	log      *slog.Logger
	key      *seal.Key
	mark     string // value of nodeMarker
	started  time.Time
	ports    *ports
	router   *router
	self     self
	sessions sessions

	life    context.Context // ends with Run; supervisors end, programs go on
	down    chan struct{}   // closed when a shutdown was asked for
	downNow sync.Once

	mu        sync.Mutex // guards what follows; held while the wanted file is written
	want      *wanted
	workloads map[string]*workload
	jobs      map[string]*jobRun // those of this node, running or ended
	servers   map[string]*server
	logs      map[string]*logFile
	tokens    map[string]time.Time // identity -> expiry
	signer    *ecdsa.PrivateKey
	stopping  bool
	group     sync.WaitGroup
}

// New checks the options, makes the home and opens the key. It starts nothing.
func New(o Options) (*Node, error) {
	for field, v := range map[string]string{"home": o.Home, "key file": o.KeyFile, "socket": o.Socket} {
		if !filepath.IsAbs(v) {
			return nil, pave.BadField(field, v, "is not an absolute path", "give a path that starts with /")
		}
	}
	if len(o.Socket) > 100 {
		return nil, pave.BadField("socket", o.Socket, "is longer than a unix socket path may be", "set PAVE_HOME to a shorter path")
	}
	host, _, err := net.SplitHostPort(o.RouterAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, pave.BadField("router address", o.RouterAddr, "is not a loopback address with a port", "for example 127.0.0.1:7080")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.TokenLife <= 0 {
		o.TokenLife = defaultTokenLife
	}
	if o.logLimits == (logLimits{}) {
		o.logLimits = defaultLogLimits
	}
	if err := os.MkdirAll(o.Home, 0o711); err != nil {
		return nil, diskError(o.Home, err)
	}
	// The kernel shows real paths: a home has one name, however it is reached.
	if o.Home, err = filepath.EvalSymlinks(o.Home); err != nil {
		return nil, diskError(o.Home, err)
	}
	if err := checkReachable(o.Home); err != nil {
		return nil, err
	}
	key, err := seal.LoadOrCreate(o.KeyFile)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(o.Home))
	n := &Node{
		opts: o, log: o.Logger, key: key, mark: hex.EncodeToString(sum[:8]), ports: newPorts(),
		down: make(chan struct{}), workloads: map[string]*workload{}, jobs: map[string]*jobRun{},
		servers: map[string]*server{}, logs: map[string]*logFile{}, tokens: map[string]time.Time{},
	}
	n.router = newRouter(n.log, n.ports)
	n.router.calls.holder = n.holderOf
	return n, nil
}

// Run runs the node until it was shut down: by the API, SIGTERM or SIGINT, which
// stop all programs first. When ctx ends, Run returns at once and leaves the
// programs behind, as a crash would; the next node of this home ends them and
// starts them anew. A home or an address in use is a Conflict.
func (n *Node) Run(ctx context.Context) error {
	signals := make(chan os.Signal, 1)
	if !n.opts.guest {
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		defer signal.Stop(signals)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.life, n.started = ctx, time.Now()
	unlock, err := n.prepare()
	if err != nil {
		return err
	}
	defer unlock()
	l, err := n.open()
	if err != nil {
		n.router.close()
		return err
	}
	n.startAll()
	// Not before: what somebody puts meanwhile would be started twice, and one of the two
	// would be nobody's. Until then callers wait in the queue of the socket.
	api := &http.Server{Handler: n.handler(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 32 << 10}
	n.group.Go(func() { _ = api.Serve(l) })
	go n.keepHouse(ctx)
	if n.opts.Watch != nil {
		n.group.Go(func() { n.opts.Watch(ctx) })
	}
	n.log.Info("node is up", "pid", os.Getpid(), "router", n.router.addr(), "home", n.opts.Home)
	select {
	case <-n.down:
		n.stopAll()
	case <-signals:
		n.stopAll()
	case <-ctx.Done():
		select { // a caller may end ctx by the same signal
		case <-signals:
			n.stopAll()
		case <-time.After(20 * time.Millisecond):
		}
	}
	cancel()
	n.router.close()
	end, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	if api.Shutdown(end) != nil { // followers of logs do not end by themselves
		api.Close()
	}
	n.group.Wait()
	n.log.Info("node is down", "pid", os.Getpid())
	return nil
}

// prepare takes the home for this node, ends what a dead node left behind and
// reads what is wanted.
func (n *Node) prepare() (unlock func(), err error) {
	for dir, mode := range map[string]os.FileMode{"logs": 0o700, "work": 0o711, "identities": 0o711, "servers": 0o711} {
		path := filepath.Join(n.opts.Home, dir)
		if err := errors.Join(os.MkdirAll(path, mode), os.Chmod(path, mode)); err != nil {
			return nil, diskError(path, err)
		}
	}
	unlock, err = lock(filepath.Join(n.opts.Home, "node.lock"))
	if err != nil {
		return nil, err
	}
	if !n.opts.guest {
		if err := job.BecomeReaper(); err != nil {
			n.log.Warn("orphans of programs will not come to the node", "err", err)
		}
	}
	n.endLeftovers()
	if n.want, err = loadWanted(n.wantedPath(), n.key); err == nil {
		err = n.loadSigner()
	}
	if err != nil {
		unlock()
		return nil, err
	}
	n.removeLeftovers()
	return unlock, nil
}

// open opens the router and the socket of the API, which nobody answers yet.
func (n *Node) open() (net.Listener, error) {
	if err := n.router.listen(n.opts.RouterAddr); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(n.opts.Socket), 0o700); err != nil {
		return nil, diskError(n.opts.Socket, err)
	}
	_ = os.Remove(n.opts.Socket) // of a dead node: we hold the lock of the home
	l, err := listenPrivately(n.opts.Socket)
	if err != nil {
		return nil, diskError(n.opts.Socket, err)
	}
	return l, nil
}

// listenPrivately listens on a socket that only this process's user can connect to, from
// its first moment on: Linux gives the file the mode of the socket it is bound to
// (elsewhere its folder, which is 0700, has to do). The umask would do the same, but it is
// the whole process's: a goroutine that makes a file meanwhile would have it too, and of
// two that set and restore it the later may restore the other's.
func listenPrivately(socket string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
	}}
	return config.Listen(context.Background(), "unix", socket)
}

func (n *Node) wantedPath() string { return filepath.Join(n.opts.Home, "wanted.age") }

// startAll starts everything wanted: servers first, since workloads need them.
func (n *Node) startAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loseJobs()
	if err := n.want.save(n.wantedPath(), n.key); err != nil {
		// A full disk is no reason to leave services down that ran on it.
		n.log.Error("cannot write the wanted file", "err", err)
	}
	n.serverFolders(func(_ string, m mark) { n.ports.reserve(m.Port) }) // what is set aside keeps its port
	for _, s := range n.want.Servers {
		n.ports.reserve(s.Port)
		n.startServer(s)
	}
	for _, i := range n.want.Identities {
		if err := n.renew(i); err != nil {
			n.log.Error("cannot write a token", "identity", i.ID, "err", err)
		}
	}
	n.tellParties()
	for _, r := range n.want.Routes {
		if err := n.router.put(r); err != nil {
			n.log.Error("cannot open a route", "route", r.ID, "err", err)
		}
	}
	for id, w := range n.want.Workloads {
		if err := n.startWorkload(id, w); err != nil {
			n.log.Error("cannot start a workload", "workload", id, "err", err)
		}
	}
}

// stopAll stops workloads and jobs, then the servers they use.
func (n *Node) stopAll() {
	n.mu.Lock()
	n.stopping = true
	var first, second sync.WaitGroup
	first.Go(n.sessions.stop)
	for _, w := range n.workloads {
		first.Go(w.stop)
	}
	for _, j := range n.jobs {
		first.Go(j.cancel)
	}
	servers := slices.Collect(maps.Values(n.servers))
	n.mu.Unlock()
	first.Wait()
	for _, s := range servers {
		second.Go(s.stop)
	}
	second.Wait()
}

// keepHouse renews tokens, forgets old jobs, collects orphans and retries what
// could not be opened.
func (n *Node) keepHouse(ctx context.Context) {
	var reaper job.Reaper
	slow := time.NewTicker(5 * time.Second)
	tokens := time.NewTicker(max(n.opts.TokenLife/20, 10*time.Millisecond))
	rest := time.NewTicker(housekeeping)
	defer slow.Stop()
	defer tokens.Stop()
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-slow.C:
			if !n.opts.guest {
				reaper.Look()
			}
			n.router.retryListeners()
			n.shutOut(time.Now())
		case <-tokens.C:
			n.renewAll()
		case <-rest.C:
			n.forgetJobs()
		}
	}
}

// shutdown asks Run to stop everything and return.
func (n *Node) shutdown() { n.downNow.Do(func() { close(n.down) }) }

func (n *Node) info() Info {
	n.mu.Lock()
	defer n.mu.Unlock()
	running := 0
	for _, j := range n.want.Jobs {
		if j.State == JobRunning {
			running++
		}
	}
	return Info{
		Version: n.opts.Version, PID: os.Getpid(), Started: n.started.UTC(), Router: n.router.addr(), Home: n.opts.Home,
		Workloads: len(n.want.Workloads), Routes: len(n.want.Routes), Jobs: running,
		Identities: len(n.want.Identities), Servers: len(n.want.Servers),
	}
}
