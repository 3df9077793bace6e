package crash_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/test/world"
)

// A transition is one change of a service, as a person asks for it.
type transition struct {
	name string
	// begin makes what the change starts from; its state is left in the lab.
	begin func(*lab) (service string, err error)
	// do asks for the change, waits for its end, and notes what there should be.
	do func(l *lab, service string) error
	// kind narrows the points to runs of one kind, where others cover the rest.
	kind string
}

// The transitions. Create begins with a name that was never there; the others
// take up a service again where they can, since to make one takes longest.
func createDB() transition {
	return transition{name: "create", begin: fresh, do: func(l *lab, name string) error {
		if os.Getenv("PAVE_TEST_STORES") == "" { // make kills sets it
			return l.create(name, "postgresql", "redis") // a third of the steps
		}
		spec := l.Fixture(name, teamName(l.r), "postgresql")
		spec.Cache, spec.Queue, spec.Bucket = "redis", "nats", "s3"
		_, err := l.finish(l.Create(spec))
		l.change(name, func(s *world.Service) { s.Database, s.Cache, s.Stores = true, true, true })
		return err
	}}
}

func fresh(l *lab) (string, error) { return l.fresh(), nil }

func (l *lab) create(name, database, cache string) error {
	spec := l.Fixture(name, teamName(l.r), database)
	spec.Cache = cache
	if _, err := l.finish(l.Create(spec)); err != nil {
		return err
	}
	l.change(name, func(s *world.Service) { s.Database, s.Cache = database == "postgresql", cache == "redis" })
	return nil
}

func (l *lab) remove(name string) error {
	_, err := l.finish(l.Delete(name))
	l.change(name, func(s *world.Service) { s.Kept = true })
	return err
}

// reuse begins with the service of the call before, or with a new one.
func reuse(create func(l *lab, name string) error) func(*lab) (string, error) {
	name := ""
	return func(l *lab) (string, error) {
		if name != "" {
			return name, nil
		}
		name = l.fresh()
		return name, create(l, name)
	}
}

func withDatabase(l *lab, name string) error { return l.create(name, "postgresql", "redis") }

// push builds and rolls out one more commit.
func push() transition {
	return transition{name: "push", begin: reuse(withDatabase), do: func(l *lab, name string) error { return l.push(name) }}
}

func (l *lab) push(name string) error {
	n := max(1, l.want[name].Commits) + 1
	files := map[string]string{"change.txt": fmt.Sprintf("change %d\n", n)}
	if l.slowPipelines {
		files[".pave/pipeline.yaml"] = fmt.Sprintf("version: 1\nsteps:\n- {name: test, test: true, run: [sleep, \"0.5\"]}\nrun: [%q]\n", l.Binaries.Fixture)
	}
	commit, err := l.Commit(name, files)
	if err != nil {
		return err
	}
	if _, err := l.Built(name, commit); err != nil {
		return err
	}
	l.change(name, func(s *world.Service) {
		s.Commits, s.Releases, s.Serving = n, min(n, 5), fmt.Sprint(n)
	})
	return nil
}

// twoReleases is a service with two releases, the second of which serves.
func twoReleases(l *lab, name string) error { return twoReleasesOf(l, name, "postgresql", "redis") }

func twoReleasesOf(l *lab, name, database, cache string) error {
	if err := l.create(name, database, cache); err != nil {
		return err
	}
	return l.push(name)
}

// deploy brings the release that does not serve.
func deploy() transition {
	return transition{name: "deploy", begin: reuse(twoReleases), do: func(l *lab, name string) error {
		_, err := l.deploy(name, other(l.want[name].Serving))
		return err
	}}
}

func other(release string) string {
	if release == "1" {
		return "2"
	}
	return "1"
}

func (l *lab) deploy(name, release string) (string, error) {
	id, err := l.finish(l.Change(name, "deploy", map[string]string{"name": name, "environment": "staging", "release": release}))
	l.change(name, func(s *world.Service) { s.Serving = release })
	return id, err
}

// undoDeploy takes a deploy back that was done before.
func undoDeploy() transition {
	begin, run := reuse(twoReleases), ""
	return transition{name: "undo deploy", begin: func(l *lab) (name string, err error) {
		if name, err = begin(l); err == nil {
			run, err = l.deploy(name, other(l.want[name].Serving))
		}
		return name, err
	}, do: func(l *lab, name string) error {
		_, err := l.finish(l.Undo(name, "undo rollout", run))
		l.change(name, func(s *world.Service) { s.Serving = other(s.Serving) })
		return err
	}}
}

// live is a service of the call before, brought back if it is deleted.
func live() func(*lab) (string, error) {
	begin := reuse(withDatabase)
	return func(l *lab) (string, error) {
		name, err := begin(l)
		if err == nil && l.want[name].Kept {
			err = l.restore(name)
		}
		return name, err
	}
}

// gone is a service of the call before, deleted if it is live.
func gone() func(*lab) (string, error) {
	begin := reuse(withDatabase)
	return func(l *lab) (string, error) {
		name, err := begin(l)
		if err == nil && !l.want[name].Kept {
			err = l.remove(name)
		}
		return name, err
	}
}

func (l *lab) restore(name string) error {
	_, err := l.finish(l.Change(name, "restore service", map[string]string{"name": name}))
	l.change(name, func(s *world.Service) { s.Kept = false })
	return err
}

func remove() transition {
	return transition{name: "delete", begin: live(), do: func(l *lab, name string) error { return l.remove(name) }}
}

func restore() transition {
	return transition{name: "restore", begin: gone(), do: func(l *lab, name string) error { return l.restore(name) }}
}

// undoCreate takes a new service back whole.
func undoCreate() transition {
	run := ""
	return transition{name: "undo create", begin: func(l *lab) (name string, err error) {
		name = l.fresh()
		spec := l.Fixture(name, teamName(l.r), "postgresql")
		spec.Cache, spec.Queue, spec.Bucket = "redis", "nats", "s3"
		run, err = l.finish(l.Create(spec))
		l.change(name, func(s *world.Service) { s.Database, s.Cache, s.Stores = true, true, true })
		return name, err
	}, do: func(l *lab, name string) error {
		_, err := l.finish(l.Undo(name, "undo", run))
		l.change(name, func(s *world.Service) { s.Kept = true })
		return err
	}}
}

// undoDelete brings a deleted service back by undoing its delete.
func undoDelete() transition {
	begin, run := live(), ""
	return transition{name: "undo delete", begin: func(l *lab) (name string, err error) {
		if name, err = begin(l); err == nil {
			run, err = l.finish(l.Delete(name))
			l.change(name, func(s *world.Service) { s.Kept = true })
		}
		return name, err
	}, do: func(l *lab, name string) error {
		_, err := l.finish(l.Undo(name, "undo", run))
		l.change(name, func(s *world.Service) { s.Kept = false })
		return err
	}}
}

// failing creates a service whose program ends at once: the run stops and says why,
// whenever the server dies, and an undo takes all of it back.
func failing() transition {
	return transition{name: "failing create", kind: "rollout", begin: fresh, do: func(l *lab, name string) error {
		spec := l.Fixture(name, teamName(l.r), "postgresql")
		spec.Inputs["binary"] = "/bin/false"
		run, err := l.finish(l.Create(spec))
		if err == nil || !strings.Contains(err.Error(), "did not become ready") {
			return fmt.Errorf("a service that cannot start: run %s ended with %w", run, err)
		}
		_, err = l.finish(l.Undo(name, "undo", run))
		l.change(name, func(s *world.Service) { s.Database, s.Kept = true, true })
		return err
	}}
}

// setSecret gives the processes another value, which was sealed before.
func setSecret() transition {
	begin, n, id, value := reuse(withDatabase), 0, "", ""
	return transition{name: "set secret", begin: func(l *lab) (name string, err error) {
		if name, err = begin(l); err != nil {
			return name, err
		}
		n++
		value = fmt.Sprintf("value-%d", n)
		var sealed struct{ ID string }
		err = l.Call(http.MethodPost, "/v1/services/"+name+"/secrets", map[string]string{"name": "KEY", "value": value}, &sealed)
		id = sealed.ID
		return name, err
	}, do: func(l *lab, name string) error {
		_, err := l.finish(l.Change(name, "set secret", map[string]string{"service": name, "name": "KEY", "value": id}))
		if err != nil {
			return err
		}
		if err := l.check(); err != nil { // the old processes are gone
			return err
		}
		if got, err := l.Variable(name, "staging", "KEY"); err != nil || got != value {
			return fmt.Errorf("the processes have %q, want %q: %w", got, value, err)
		}
		return nil
	}}
}

// adopt makes a service of a repository that was sent before.
func adopt() transition {
	var source pave.Repository
	return transition{name: "adopt", begin: func(l *lab) (string, error) {
		dir := l.t.TempDir()
		text := fmt.Sprintf("version: 1\nrun: [%q]\nready: /health/ready\n", l.Binaries.Fixture)
		err := l.Repository(dir, ".pave/pipeline.yaml", text, text+"# again\n")
		if err == nil {
			source, err = l.Bring(dir)
		}
		return l.fresh(), err
	}, do: func(l *lab, name string) error {
		_, err := l.finish(l.Change(name, "adopt", pave.Adopt{Name: name, Team: teamName(l.r), Source: source.ID, Database: "postgresql", Cache: "redis"}))
		l.change(name, func(s *world.Service) { s.Database, s.Cache, s.Commits = true, true, 2 })
		return err
	}}
}

// restart starts the processes of a service anew.
func restart() transition {
	return transition{name: "restart", begin: reuse(withDatabase), do: func(l *lab, name string) error {
		_, err := l.finish(l.Change(name, "restart", map[string]string{"service": name}))
		return err
	}}
}

// rotate gives the database new credentials; of the old ones nothing is left.
func rotate() transition {
	return transition{name: "rotate", begin: reuse(withDatabase), do: func(l *lab, name string) error {
		_, err := l.finish(l.Change(name, "rotate", map[string]string{"service": name, "kind": "database"}))
		l.change(name, func(s *world.Service) { s.Rotations++ })
		return err
	}}
}

// rotateCache gives the cache new credentials.
func rotateCache() transition {
	return transition{name: "rotate cache", kind: "apply", begin: reuse(withDatabase), do: func(l *lab, name string) error {
		_, err := l.finish(l.Change(name, "rotate", map[string]string{"service": name, "kind": "cache"}))
		return err
	}}
}

// relink links a service to another one, or takes the link away.
func relink() transition {
	begin, linked, other := reuse(withDatabase), false, ""
	return transition{name: "link", kind: "apply", begin: func(l *lab) (name string, err error) {
		if other == "" {
			other = l.fresh()
			if err := l.create(other, "none", "none"); err != nil {
				return "", err
			}
		}
		return begin(l)
	}, do: func(l *lab, name string) error {
		verb := map[bool]string{false: "link", true: "unlink"}[linked]
		linked = !linked
		_, err := l.finish(l.Change(name, verb, map[string]string{"service": name, "to": other}))
		return err
	}}
}

// renameService gives a service another name, by which all that is named after it is
// found, and nothing else is changed.
func renameService() transition {
	return transition{name: "rename", begin: func(l *lab) (string, error) {
		name := l.fresh()
		return name, l.create(name, "none", "none")
	}, do: func(l *lab, name string) error {
		to := l.fresh()
		if _, err := l.finish(l.Change(name, "rename service", map[string]string{"name": name, "to": to})); err != nil {
			return err
		}
		var was, is map[string]any
		if err := l.Call(http.MethodGet, "/v1/services/"+name, nil, &was); err != nil { // the old name still means it
			return err
		}
		if err := l.Call(http.MethodGet, "/v1/services/"+to, nil, &is); err != nil || is["id"] != was["id"] {
			return fmt.Errorf("%v is called %s, and %v %s: %w", is["id"], to, was["id"], name, err)
		}
		_, err := l.finish(l.Change(to, "rename service", map[string]string{"name": to, "to": name}))
		return err
	}}
}
