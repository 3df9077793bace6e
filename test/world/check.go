package world

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/access"
	"github.com/pave-platform/pave/internal/store"
)

// engines are those of its servers.
func (s Service) engines() (out []string) {
	if s.Cache {
		out = append(out, "redis")
	}
	if s.Stores {
		out = append(out, "nats", "s3")
	}
	return out
}

// A Service is what there must be of a service, and nothing more.
type Service struct {
	Name     string
	Database bool
	Cache    bool
	Stores   bool   // a queue and a bucket
	Commits  int    // 0: one
	Releases int    // trees kept; 0: one
	Serving  string // number of the release that serves; "": "1"
	// Rotations is how often the credentials of its database were rotated.
	Rotations int
	Kept      bool // deleted: what holds data is set aside, all else is gone
}

// settle is how long the world may take after a run is done: old processes drain
// for up to 10 s.
const settle = 25 * time.Second

// Check compares the world with all the services there should be in a home. It
// returns every difference.
func (h *Home) Check(services ...Service) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*settle)
	defer cancel()
	err := eventually(settle, func() error {
		s, err := h.Look(ctx)
		if err != nil {
			return err
		}
		return s.compare(services)
	})
	for _, svc := range services {
		if !svc.Kept {
			err = errors.Join(err, h.answers(svc))
		}
	}
	return errors.Join(err, h.checkAudit(ctx), h.checkStore(ctx))
}

// compare returns every difference between what is there and what should be.
func (s Snapshot) compare(services []Service) error {
	d := differences{s: s, markers: map[string]string{}}
	releases := 0
	for _, svc := range services {
		releases += max(1, svc.Releases)
		if svc.Kept {
			d.kept(svc)
		} else {
			d.live(svc)
		}
	}
	if len(s.Releases) != releases {
		d.add("%d trees of releases, want %d", len(s.Releases), releases)
	}
	d.nothingElse()
	for _, stray := range s.Strays {
		d.add("stray: %s", stray)
	}
	return errors.Join(d.all...)
}

// differences collects what is wrong, and ticks off what was expected.
type differences struct {
	s       Snapshot
	all     []error
	markers map[string]string // thing by marker: no two things have one
	seen    []string          // ticked off
}

func (d *differences) add(format string, args ...any) {
	d.all = append(d.all, fmt.Errorf(format, args...))
}

// tick notes that a thing was expected; it must have a marker of its own.
func (d *differences) tick(kind, name, marker string) {
	d.seen = append(d.seen, kind+" "+name)
	if !strings.HasPrefix(strings.TrimPrefix(marker, "pave:"), "res_") {
		d.add("%s %s has the marker %q", kind, name, marker)
	}
	if other, twice := d.markers[kind+marker]; twice {
		d.add("%s %s and %s have one marker", kind, name, other)
	}
	d.markers[kind+marker] = name
}

func (d *differences) live(svc Service) {
	key, host := svc.Name+"/staging", svc.Name+".staging.localhost"
	repo, ok := d.s.Repositories[svc.Name]
	if !ok || repo.Commits != max(1, svc.Commits) {
		d.add("repository %s: there %v, %d commits, want %d", svc.Name, ok, repo.Commits, max(1, svc.Commits))
	}
	d.tick("repository", svc.Name, repo.Marker)
	if svc.Database {
		d.database(svc.Name + "_staging")
		d.credentials(svc)
	}
	for _, engine := range svc.engines() {
		name := engine + "-" + svc.Name + "_staging"
		d.tick("store", name, d.s.Stores[name])
		d.seen = append(d.seen, "store server "+name)
		if running := d.s.StoreServers[name]; len(running) != 1 || running[0].Listens != 1 {
			d.add("%s is served by %+v, want one process on one port", name, running)
		}
	}
	d.tick("workload", key, d.s.Workloads[key].ID)
	d.tick("identity", key, d.s.Identities[key].ID)
	route := d.s.Routes[host]
	d.tick("route", host, route.ID)
	if !route.Ready || !route.Listener || route.Targets != pave.DefaultReplicas {
		d.add("route %s: ready %v, open %v, %d targets", host, route.Ready, route.Listener, route.Targets)
	}
	d.seen = append(d.seen, "processes "+key)
	running := d.s.Services[key]
	if len(running) != pave.DefaultReplicas {
		d.add("service %s has %d processes, want %d", key, len(running), pave.DefaultReplicas)
	}
	serving := svc.Serving
	if serving == "" {
		serving = "1"
	}
	for _, p := range running {
		if p.Listens != 1 || p.Item != d.s.Workloads[key].ID || p.Release != serving {
			d.add("process %d of %s: item %s, release %s (want %s), listens on %d ports", p.PID, key, p.Item, p.Release, serving, p.Listens)
		}
	}
}

func (d *differences) database(name string) {
	if d.s.Databases[name] != name {
		d.add("database %s is owned by %q", name, d.s.Databases[name])
	}
	d.seen = append(d.seen, "database "+name)
	d.tick("role", name, d.s.Roles[name])
}

// credentials looks for the role of the newest credentials, where they were rotated:
// there is that one alone, and its mark says whose it is.
func (d *differences) credentials(svc Service) {
	if svc.Rotations == 0 {
		return
	}
	owner := strings.TrimPrefix(d.s.Roles[svc.Name+"_staging"], "pave:")
	want := fmt.Sprintf("pave login:%s:%d", owner, svc.Rotations)
	found := 0
	for name, mark := range d.s.Roles {
		if mark == want {
			d.seen = append(d.seen, "role "+name)
			found++
		}
	}
	if found != 1 {
		d.add("%d roles have the mark %q, want 1", found, want)
	}
}

// kept looks for what was set aside, one of each.
func (d *differences) kept(svc Service) {
	find := func(kind, prefix string, names []string) string {
		var found []string
		for _, n := range names {
			if strings.HasPrefix(n, prefix+"~") {
				found = append(found, n)
			}
		}
		if len(found) != 1 {
			d.add("%s %s: %d set aside, want 1", kind, prefix, len(found))
			return ""
		}
		return found[0]
	}
	if n := find("repository", svc.Name, keys(d.s.Repositories)); n != "" {
		d.tick("repository", n, d.s.Repositories[n].Marker)
		if got := d.s.Repositories[n].Commits; got != max(1, svc.Commits) {
			d.add("repository %s keeps %d commits, want %d", n, got, max(1, svc.Commits))
		}
	}
	if svc.Database {
		if n := find("database", svc.Name+"_staging", keys(d.s.Databases)); n != "" {
			d.database(n)
		}
	}
	for _, engine := range svc.engines() {
		if n := find("store", engine+"-"+svc.Name+"_staging", keys(d.s.Stores)); n != "" {
			d.tick("store", n, d.s.Stores[n])
		}
	}
}

// nothingElse names what is there and was not expected.
func (d *differences) nothingElse() {
	for kind, names := range map[string][]string{
		"repository": keys(d.s.Repositories), "role": keys(d.s.Roles), "database": keys(d.s.Databases), "workload": keys(d.s.Workloads),
		"identity": keys(d.s.Identities), "route": keys(d.s.Routes), "processes": keys(d.s.Services),
		"store": keys(d.s.Stores), "store server": keys(d.s.StoreServers),
	} {
		for _, n := range names {
			if !slices.Contains(d.seen, kind+" "+n) {
				d.add("orphan: %s %s", kind, n)
			}
		}
	}
	if wanted := len(d.s.Databases) > 0; wanted && len(d.s.Servers) != 1 {
		d.add("%d PostgreSQL servers run, want 1", len(d.s.Servers))
	}
}

func keys[T any](m map[string]T) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

// answers asks a service over the router; with a database or a cache it must write
// and read there.
func (h *Home) answers(svc Service) error {
	return eventually(settle, func() error {
		if svc.Cache {
			status, body, err := h.Get(svc.Name, "staging", "/cache")
			if hits, _ := body["hits"].(float64); err != nil || status != 200 || hits == 0 {
				return fmt.Errorf("the cache of %s answers %d %v, %w", svc.Name, status, body, err)
			}
		}
		status, body, err := h.Get(svc.Name, "staging", "/")
		if err != nil {
			return err
		}
		rows, _ := body["rows"].(float64) // of the fixture
		database := rows > 0 || body["database"] != nil
		if status != 200 || body["service"] != svc.Name || svc.Database != database {
			return fmt.Errorf("%s answers %d %v", svc.Name, status, body)
		}
		return nil
	})
}

// checkAudit wants an unbroken chain with one start of each change.
func (h *Home) checkAudit(ctx context.Context) error {
	db, err := store.Open(ctx, h.Store)
	if err != nil {
		return err
	}
	defer db.Close()
	log := access.New(db)
	broken, err := log.VerifyAudit(ctx)
	if err != nil {
		return err
	}
	if broken.Broken != 0 {
		return fmt.Errorf("audit: the chain is broken at %d", broken)
	}
	got := map[string]int{}
	for after := int64(0); ; {
		page, err := log.Audit(ctx, pave.AuditFilter{After: after})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			got[e.Action+" "+e.Object]++
			after = e.Seq
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for what, want := range h.starts {
		if got[what] != want {
			errs = append(errs, fmt.Errorf("audit: %d starts of %q, want %d", got[what], what, want))
		}
	}
	return errors.Join(errs...)
}

// storage opens the store as a test looks into it.
func (h *Home) storage(ctx context.Context) (*store.DB, error) { return store.Open(ctx, h.Store) }

// checkStore has SQLite look at every page; PostgreSQL does so when it starts
// after a crash.
func (h *Home) checkStore(ctx context.Context) error {
	db, err := store.Open(ctx, h.Store)
	if err != nil {
		return err
	}
	defer db.Close()
	if db.Dialect() == store.PostgreSQL {
		return nil
	}
	var verdict string
	if err := db.QueryRow(ctx, `PRAGMA integrity_check`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("store: %s", verdict)
	}
	return nil
}
