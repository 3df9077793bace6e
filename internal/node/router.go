package node

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pave-platform/pave"
)

// A router leads requests to the ready replicas of workloads: on one address by
// host name, and on one stable port per route.
type router struct {
	log       *slog.Logger
	ports     *ports
	transport *http.Transport
	calls     *calls
	main      *http.Server
	mainAddr  net.Addr

	mu     sync.RWMutex
	routes map[string]*route // by id
	hosts  map[string]*route
	also   map[string]*route // hosts that no route has of its own
	pools  map[string]*pool  // by workload id; made when first asked for
}

// A route is one way to a workload.
type route struct {
	Route
	pool    *pool
	proxy   http.Handler
	metrics *metrics
	calls   *calls
	server  *http.Server // of the stable port; nil while it is not open
}

func newRouter(log *slog.Logger, p *ports) *router {
	return &router{
		log: log, ports: p, calls: newCalls(log),
		routes: map[string]*route{}, hosts: map[string]*route{}, also: map[string]*route{}, pools: map[string]*pool{},
		transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			MaxIdleConnsPerHost:   64,
			IdleConnTimeout:       30 * time.Second,
			ExpectContinueTimeout: time.Second,
			DisableCompression:    true, // bodies pass as they are
		},
	}
}

// listen opens the router's own address.
func (r *router) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return pave.Errorf(pave.Conflict, "the router's address %s is taken: %w", addr, err).
			WithHint("stop the program that listens there: ss -ltnp 'sport = :%s'", addr[strings.LastIndexByte(addr, ':')+1:])
	}
	r.mainAddr = l.Addr()
	r.main = httpServer(http.HandlerFunc(r.byHost))
	go func() { _ = r.main.Serve(l) }()
	return nil
}

func httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), ConnContext: withPeer,
	}
}

func (r *router) addr() string {
	if r.mainAddr == nil {
		return ""
	}
	return r.mainAddr.String()
}

// close closes all listeners and connections.
func (r *router) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.main != nil {
		r.main.Close()
	}
	for _, rt := range r.routes {
		if rt.server != nil {
			rt.server.Close()
		}
	}
	r.transport.CloseIdleConnections()
}

// pool returns the targets of a workload, which need not exist yet.
func (r *router) pool(workload string) *pool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.poolLocked(workload)
}

func (r *router) poolLocked(workload string) *pool {
	p := r.pools[workload]
	if p == nil {
		p = &pool{}
		r.pools[workload] = p
	}
	return p
}

// byHost serves the router's own address.
func (r *router) byHost(w http.ResponseWriter, req *http.Request) {
	host := req.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	r.mu.RLock()
	rt := r.hosts[strings.ToLower(host)]
	if rt == nil {
		rt = r.also[strings.ToLower(host)]
	}
	r.mu.RUnlock()
	if rt == nil {
		http.Error(w, "No service answers to this host name.\nTo see which there are: pave list services", http.StatusNotFound)
		return
	}
	rt.ServeHTTP(w, req)
}

// check says whether the route may be put: Conflict names what is in its way.
func (r *router) check(want Route) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if other := r.hosts[want.Host]; want.Host != "" && other != nil && other.ID != want.ID {
		return pave.Errorf(pave.Conflict, "host %q belongs to route %q already", want.Host, other.ID).
			WithHint("delete that route first, or choose another host")
	}
	for _, other := range r.routes {
		if want.Port != 0 && other.Port == want.Port && other.ID != want.ID {
			return pave.Errorf(pave.Conflict, "port %d belongs to route %q already", want.Port, other.ID).
				WithHint("leave the port out, and the node picks a free one")
		}
	}
	return nil
}

// put opens a route, or changes it. A port that cannot be opened is a Conflict;
// the route then works by its host, and its port is tried again.
func (r *router) put(want Route) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rt := r.routes[want.ID]
	if rt != nil && rt.Route.equal(want) && rt.server != nil {
		return nil
	}
	next := &route{Route: want, pool: r.poolLocked(want.Workload), metrics: newMetrics(), calls: r.calls}
	next.proxy = r.newProxy(next.pool)
	var err error
	if rt != nil {
		next.metrics = rt.metrics
		delete(r.hosts, rt.Host)
	}
	if rt != nil && rt.Port == want.Port && rt.server != nil {
		next.server = rt.server // its handler looks the route up by id
	} else {
		next.server, err = r.openPort(want)
		if rt != nil {
			r.closePort(rt)
		}
	}
	r.routes[want.ID] = next
	if want.Host != "" {
		r.hosts[want.Host] = next
	}
	r.findAlso()
	return err
}

// findAlso looks up again which route leads from which further host. The caller holds
// mu.
func (r *router) findAlso() {
	clear(r.also)
	for _, id := range slices.Sorted(maps.Keys(r.routes)) {
		for _, host := range r.routes[id].Also {
			r.also[host] = r.routes[id]
		}
	}
}

func (r Route) equal(o Route) bool {
	return r.ID == o.ID && r.Host == o.Host && r.Workload == o.Workload && r.Port == o.Port && slices.Equal(r.Also, o.Also)
}

// openPort opens the stable port of a route. The caller holds mu.
func (r *router) openPort(want Route) (*http.Server, error) {
	r.ports.reserve(want.Port)
	l, err := net.Listen("tcp", loopback(want.Port))
	if err != nil {
		return nil, portTaken(want.Port, err)
	}
	id := want.ID
	s := httpServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.RLock()
		rt := r.routes[id]
		r.mu.RUnlock()
		if rt == nil {
			http.Error(w, "This route was deleted.\nTo see which services there are: pave list services", http.StatusNotFound)
			return
		}
		rt.ServeHTTP(w, req)
	}))
	go func() { _ = s.Serve(l) }()
	return s, nil
}

func portTaken(port int, err error) error {
	return pave.Errorf(pave.Conflict, "port %d is taken by a program that is not pave's: %w", port, err).
		WithHint("see which: ss -ltnp 'sport = :%d'; or leave the port out, and the node picks a free one", port)
}

func (r *router) closePort(rt *route) {
	if rt.server != nil {
		rt.server.Close()
	}
	r.ports.release(rt.Port)
}

// retryListeners opens the ports that were taken when their routes came.
func (r *router) retryListeners() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rt := range r.routes {
		if rt.server != nil {
			continue
		}
		if s, err := r.openPort(rt.Route); err == nil {
			rt.server = s
			r.log.Info("the port of a route is open again", "route", rt.ID, "port", rt.Port)
		}
	}
}

// remove closes a route.
func (r *router) remove(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rt := r.routes[id]; rt != nil {
		delete(r.routes, id)
		delete(r.hosts, rt.Host)
		r.findAlso()
		r.closePort(rt)
	}
}

func (r *router) status(want Route) RouteStatus {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := RouteStatus{Route: want}
	if rt := r.routes[want.ID]; rt != nil {
		s.Targets = len(rt.pool.targets())
		s.Ready, s.Listener = s.Targets > 0, rt.server != nil
	}
	return s
}

// all returns the routes in order of their ids.
func (r *router) all() []*route {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.SortedFunc(maps.Values(r.routes), func(a, b *route) int { return strings.Compare(a.ID, b.ID) })
}

func (r *Route) check() error {
	if err := checkID(r.ID); err != nil {
		return err
	}
	if err := checkID(r.Workload); err != nil {
		return pave.BadField("workload", r.Workload, "is not an id", "name the workload the route leads to")
	}
	r.Host = strings.ToLower(r.Host)
	for _, host := range append([]string{r.Host}, r.Also...) {
		if len(host) > 253 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
			return pave.BadField("host", host, "is not a host name without port", "for example shop.production.localhost")
		}
	}
	if r.Port < 0 || r.Port > 65535 {
		return pave.BadField("port", fmt.Sprint(r.Port), "is not a port", "use 1024 to 65535, or 0")
	}
	return nil
}

// putRoute opens a route and keeps it. With port 0 a route that is there keeps
// its port, and a new one gets a free one.
func (n *Node) putRoute(r Route) error {
	if err := r.check(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping {
		return errStopping()
	}
	old, had := n.want.Routes[r.ID]
	if r.Port == 0 {
		r.Port = old.Port
	}
	if err := n.router.check(r); err != nil {
		return err
	}
	picked := r.Port == 0
	if picked {
		port, err := n.ports.take()
		if err != nil {
			return err
		}
		r.Port = port
	} else if (!had || old.Port != r.Port) && !portFree(r.Port) {
		return portTaken(r.Port, errors.New("address in use"))
	}
	if err := put(n, n.want.Routes, r.ID, r); err != nil {
		if picked {
			n.ports.release(r.Port)
		}
		return err
	}
	return n.router.put(r)
}

func (n *Node) deleteRoute(id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := drop(n, n.want.Routes, id); err != nil {
		return err
	}
	n.router.remove(id)
	return nil
}
