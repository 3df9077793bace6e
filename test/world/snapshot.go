package world

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/internal/node"
)

// A Snapshot is what is really there of a home.
type Snapshot struct {
	Repositories map[string]Repository          // by folder, without .git
	Roles        map[string]string              // comment by role; PostgreSQL's own left out
	Databases    map[string]string              // owner by database; PostgreSQL's own left out
	Services     map[string][]Process           // processes of services, by NAME/ENV
	Servers      []Process                      // of PostgreSQL: postmasters
	Stores       map[string]string              // owner by folder of a server with one: redis-NAME, nats-NAME, s3-NAME
	StoreServers map[string][]Process           // those that run, likewise
	Jobs         []Process                      // of pipelines
	Routes       map[string]node.RouteStatus    // by host
	Workloads    map[string]node.WorkloadStatus // by NAME/ENV
	Identities   map[string]node.IdentityStatus // by NAME/ENV
	Releases     []string                       // folders of built trees
	Strays       []string                       // what has no place: temporary files, processes nobody owns, folders of nobody
}

// A Repository is a bare repository as git sees it.
type Repository struct {
	Marker  string
	Commits int
}

// A Process is a program the node runs.
type Process struct {
	PID     int
	Item    string
	Release string
	Listens int
}

// Look takes a snapshot. A node or a PostgreSQL that does not answer is an error.
func (h *Home) Look(ctx context.Context) (Snapshot, error) {
	s := Snapshot{}
	for _, look := range []func(context.Context, *Snapshot) error{h.lookGit, h.lookNode, h.lookPostgres, h.lookProcesses, h.lookStores, h.lookFiles} {
		if err := look(ctx, &s); err != nil {
			return s, err
		}
	}
	slices.Sort(s.Strays)
	return s, nil
}

func (s *Snapshot) stray(format string, args ...any) {
	s.Strays = append(s.Strays, fmt.Sprintf(format, args...))
}

// lookGit asks git itself for marker and commits of each folder. What is no whole
// repository is a stray.
func (h *Home) lookGit(_ context.Context, s *Snapshot) error {
	s.Repositories = map[string]Repository{}
	entries, err := os.ReadDir(filepath.Join(h.Dir, "git"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".git")
		dir := filepath.Join(h.Dir, "git", e.Name())
		if !ok {
			s.stray("git: %s", e.Name())
			continue
		}
		r, err := h.repository(dir)
		if err != nil {
			s.stray("git: %s is no whole repository: %v", e.Name(), err)
		}
		s.Repositories[name] = r
	}
	return nil
}

// repository reads the marker and counts the commits; a head that was counted
// before is not counted again.
func (h *Home) repository(dir string) (r Repository, err error) {
	config, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		return r, err
	}
	if m := markerLine.FindSubmatch(config); m != nil {
		r.Marker = string(m[1])
	}
	head, err := os.ReadFile(filepath.Join(dir, "refs", "heads", "main"))
	if errors.Is(err, fs.ErrNotExist) { // packed
		var out string
		out, err = git(dir, "rev-parse", "main")
		head = []byte(out)
	}
	if err != nil {
		return r, err
	}
	key := dir + " " + string(head)
	h.mu.Lock()
	n, known := h.commits[key]
	h.mu.Unlock()
	if known {
		r.Commits = n
		return r, nil
	}
	count, err := git(dir, "rev-list", "--count", "main")
	if err == nil {
		_, err = git(dir, "fsck", "--no-dangling", "--no-progress")
	}
	if err == nil {
		_, err = fmt.Sscan(count, &r.Commits)
	}
	if err == nil {
		h.mu.Lock()
		h.commits[key] = r.Commits
		h.mu.Unlock()
	}
	return r, err
}

var markerLine = regexp.MustCompile(`(?m)^\s*resource = "?([^"\s]+)"?$`)

// lookNode asks the node what it runs.
func (h *Home) lookNode(ctx context.Context, s *Snapshot) error {
	n := h.Node()
	workloads, err := n.Workloads(ctx)
	if err != nil {
		return err
	}
	s.Workloads = map[string]node.WorkloadStatus{}
	for _, w := range workloads {
		add(s, "workload", s.Workloads, w.Service+"/"+w.Env, w)
	}
	identities, err := n.Identities(ctx)
	if err != nil {
		return err
	}
	s.Identities = map[string]node.IdentityStatus{}
	for _, i := range identities {
		add(s, "identity", s.Identities, i.Service+"/"+i.Env, i)
	}
	routes, err := n.Routes(ctx)
	if err != nil {
		return err
	}
	s.Routes = map[string]node.RouteStatus{}
	for _, r := range routes {
		add(s, "route", s.Routes, r.Host, r)
	}
	servers, err := n.Servers(ctx)
	kinds := map[string]int{}
	for _, server := range servers {
		kinds[server.Kind]++
	}
	if kinds["postgres"] > 1 || len(kinds) > 4 {
		s.stray("node: servers %v", kinds)
	}
	return err
}

// add keeps one thing under a name; a second one of that name is a stray.
func add[T any](s *Snapshot, kind string, to map[string]T, name string, v T) {
	if _, twice := to[name]; twice {
		s.stray("node: a second %s of %s", kind, name)
	}
	to[name] = v
}

// lookPostgres connects as the superuser over the socket, where there is one.
func (h *Home) lookPostgres(ctx context.Context, s *Snapshot) error {
	s.Roles, s.Databases = map[string]string{}, map[string]string{}
	conn, err := h.Superuser(ctx)
	if err != nil || conn == nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for into, query := range map[*map[string]string]string{
		&s.Roles: `SELECT r.rolname, COALESCE(d.description, '') FROM pg_roles r LEFT JOIN pg_shdescription d
			ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass WHERE r.rolname !~ '^pg_' AND r.rolname <> 'postgres'`,
		&s.Databases: `SELECT d.datname, r.rolname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
			WHERE d.datname NOT IN ('postgres', 'template0', 'template1')`,
	} {
		rows, err := conn.Query(ctx, query)
		if err != nil {
			return err
		}
		var k, v string
		if _, err := pgx.ForEachRow(rows, []any{&k, &v}, func() error { (*into)[k] = v; return nil }); err != nil {
			return err
		}
	}
	return nil
}

// Superuser connects to the node's PostgreSQL; nil where none was ever wanted.
func (h *Home) Superuser(ctx context.Context) (*pgx.Conn, error) {
	all, err := h.Node().Servers(ctx)
	all = slices.DeleteFunc(all, func(s node.ServerStatus) bool { return s.Kind != "postgres" })
	if err != nil || len(all) == 0 {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return pgx.Connect(ctx, fmt.Sprintf("host='%s' port=%d user=postgres dbname=postgres sslmode=disable", all[0].SocketDir, all[0].Port))
}

// lookProcesses finds everything in /proc that carries the node's mark or works in
// this home.
func (h *Home) lookProcesses(_ context.Context, s *Snapshot) error {
	s.Services, s.StoreServers = map[string][]Process{}, map[string][]Process{}
	mark, nodePID, serverPID, secondPID := nodeMark(h.Dir), h.NodePID(), h.stat("").PID, h.stat("b").PID
	sockets := listening()
	job.Find(func(p job.Proc) bool {
		marked := p.Env("PAVE_NODE") == mark
		switch {
		case p.PID == nodePID || p.PID == serverPID || p.PID == secondPID:
		case marked:
			h.place(s, p, sockets)
		case p.Env("PAVE_HOME") == h.Dir || strings.Contains(CommandLine(p.PID), h.Dir+"/"):
			s.stray("process %d: %s", p.PID, CommandLine(p.PID))
		}
		return false
	})
	return nil
}

// place finds out what a marked process is.
func (h *Home) place(s *Snapshot, p job.Proc, sockets map[string]bool) {
	argv := CommandLine(p.PID)
	q := Process{PID: p.PID, Item: p.Env("PAVE_ITEM"), Release: p.Env("PAVE_RELEASE"), Listens: listens(p.PID, sockets)}
	service := p.Env("SERVICE_NAME")
	switch {
	case argv == "":
		// it ended while we looked
	case service != "" && p.Env("PAVE_TOKEN_FILE") != "":
		key := service + "/" + p.Env("PAVE_ENVIRONMENT")
		s.Services[key] = append(s.Services[key], q)
	case q.Item == "postgres":
		if exe, _, _ := strings.Cut(argv, " "); strings.HasSuffix(exe, "/postgres") {
			s.Servers = append(s.Servers, q)
		}
	case storeEngine(q.Item) != "":
		s.StoreServers[q.Item] = append(s.StoreServers[q.Item], q)
	default:
		s.Jobs = append(s.Jobs, q)
		s.stray("job process %d of %s: %s", p.PID, q.Item, argv)
	}
}

// Inside reports whether a process belongs to this home: it has the node's mark,
// works in a folder of the home or names one.
func (h *Home) Inside(p job.Proc) bool {
	return p.Env("PAVE_NODE") == nodeMark(h.Dir) || strings.HasPrefix(p.Dir(), h.Dir+"/") || strings.Contains(CommandLine(p.PID), h.Dir+"/")
}

// CommandLine is what ps shows of a process.
func CommandLine(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
}

// listening returns the inodes of all listening TCP sockets.
func listening() map[string]bool {
	out := map[string]bool{}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, _ := os.ReadFile(file)
		for _, line := range strings.Split(string(data), "\n") {
			if f := strings.Fields(line); len(f) > 9 && f[3] == "0A" {
				out["socket:["+f[9]+"]"] = true
			}
		}
	}
	return out
}

func listens(pid int, sockets map[string]bool) int {
	n := 0
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && sockets[to] {
			n++
		}
	}
	return n
}

// places are the files and folders that may lie in a home, by folder.
var places = map[string][]string{
	"": {"builds", "cache", "git", "hooks", "logs", "node", "releases", "pave.db", "pave.db-wal", "pave.db-shm", "pave.db.lock", "server.json", "server.lock",
		"server-b.json", "server-b.lock", "start.lock", "down", "sources", "templates", "tmp"},
	"builds":                {},
	"hooks":                 {"post-receive"},
	"logs":                  {"server.log", "server-b.log", "node.log"},
	"node":                  {"bin", "identities", "logs", "node.lock", "run", "servers", "wanted.age", "work"},
	"node/bin":              {"pave"}, // what servers of our own program run from
	"node/run":              {"node.sock"},
	"node/servers/postgres": {"data", "run"},
	"node/logs":             {"server", "workload", "job"},
}

// lookFiles lists what lies where nothing should, and the folders of items.
func (h *Home) lookFiles(_ context.Context, s *Snapshot) error {
	for dir, known := range places {
		for _, name := range h.names(dir) {
			if !slices.Contains(known, name) {
				s.stray("file: %s", filepath.Join(dir, name))
			}
		}
	}
	s.Releases = h.names("releases")
	workloads, identities := map[string]bool{}, map[string]bool{}
	for _, w := range s.Workloads {
		workloads[w.ID] = true
	}
	for _, i := range s.Identities {
		identities[i.ID] = true
	}
	for dir, id := range map[string]func(string) bool{
		"node/work":          func(n string) bool { return workloads[strings.TrimPrefix(n, "workload-")] },
		"node/logs/server":   func(n string) bool { return n == "postgres" || s.Stores[n] != "" },
		"node/logs/workload": func(n string) bool { return workloads[n] },
		"node/identities":    func(n string) bool { return identities[strings.TrimSuffix(n, ".jwt")] },
		"releases":           func(n string) bool { return strings.HasPrefix(n, "rel_") },
		"sources":            func(n string) bool { return strings.HasPrefix(n, "src_") },
	} {
		for _, name := range h.names(dir) {
			if !id(name) {
				s.stray("file: %s", filepath.Join(dir, name))
			}
		}
	}
	return nil
}

func (h *Home) names(dir string) []string {
	entries, _ := os.ReadDir(filepath.Join(h.Dir, dir))
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
