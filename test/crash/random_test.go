package crash_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave/internal/job"
	"github.com/pave-platform/pave/test/world"
)

// The server is killed 20 times while services are made and deleted.
func TestRandomKills(t *testing.T) {
	t.Parallel()
	l := newLab(t, dice(t))
	l.hunt(20, []victim{{"server", func(l *lab) int { return l.KillServer() }, ""}})
}

// Everything that runs is killed, 80 times.
func TestRandomKillsOfEverything(t *testing.T) {
	long(t)
	l := newLab(t, dice(t))
	l.slowPipelines = true
	l.hunt(80, []victim{
		{"server", func(l *lab) int { return l.KillServer() }, ""},
		{"node", func(l *lab) int { return killed(l.NodePID()) }, ""},
		{"postmaster", (*lab).killPostmaster, ""},
		{"cache", (*lab).killCache, ""},
		{"git", (*lab).killGit, "push"},
		{"job", (*lab).killJob, "push"},
		{"service", (*lab).killService, ""},
		{"server and node", func(l *lab) int { l.KillServer(); return killed(l.NodePID()) }, ""},
	})
}

// A victim is a program to kill; kill returns its process id, 0 where there was
// none at that moment.
type victim struct {
	name   string
	kill   func(*lab) int
	during string // the only move that has it; "" for any
}

func killed(pid int) int {
	world.Kill(pid)
	return pid
}

// A move is a change under which things are killed.
type move struct {
	name  string
	lasts time.Duration // about how long it takes undisturbed
	fits  func(world.Service) bool
	do    func(l *lab, name string) error
}

var moves = []move{
	{"create", 450 * time.Millisecond, nil, func(l *lab, name string) error {
		return l.create(name, pick(l.r, "postgresql", "none"), pick(l.r, "redis", "none"))
	}},
	{"push", 900 * time.Millisecond, func(s world.Service) bool { return isLive(s) && s.Commits < 5 }, (*lab).push}, // of the sixth release on, old ones are removed
	{"delete", 300 * time.Millisecond, isLive, (*lab).remove},
	{"restore", 300 * time.Millisecond, func(s world.Service) bool { return s.Kept }, (*lab).restore},
}

func isLive(s world.Service) bool { return !s.Kept }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// hunt kills at random times during random changes, and checks the world after
// each. At most six services live at a time.
func (l *lab) hunt(kills int, victims []victim) {
	l.t.Helper()
	done := 0
	for tries := 0; done < kills && tries < 20*kills; tries++ {
		v := pick(l.r, victims...)
		m, name := l.move()
		if v.during != "" && v.during != m.name {
			continue
		}
		wait := time.Duration(l.r.Int64N(int64(m.lasts)))
		began := time.Now()
		var pid int
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(wait)
			pid = v.kill(l)
			if v.name == "server and node" {
				l.Up() // nobody is left to start them: the next command does
			}
		})
		err := m.do(l, name)
		wg.Wait()
		if err == nil {
			err = l.check()
		}
		if err == nil { // who watches the other must be there before the other is killed
			err = l.Call(http.MethodGet, "/v1/environments", nil, nil)
			for end := time.Now().Add(l.Patience); l.NodePID() == 0 && time.Now().Before(end); {
				time.Sleep(20 * time.Millisecond)
			}
		}
		if err != nil {
			l.t.Fatalf("kill %d: %s (%d) %s after the beginning of %s %s: %v", done, v.name, pid, wait, m.name, name, err)
		}
		if pid == 0 {
			continue // there was none to kill
		}
		done++
		l.t.Logf("%3d %-8s %-9s %-15s at %-14s took %s", done, m.name, name, v.name, wait.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	}
	if done < kills {
		l.t.Errorf("only %d of %d kills met a process", done, kills)
	}
}

// move picks a change and a service for it.
func (l *lab) move() (move, string) {
	living := 0
	for _, s := range l.want {
		if isLive(s) {
			living++
		}
	}
	for {
		m := pick(l.r, moves...)
		if m.fits == nil {
			if living < 6 {
				return m, l.fresh()
			}
			continue
		}
		var names []string
		for name, s := range l.want {
			if m.fits(s) {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			slices.Sort(names)
			return m, pick(l.r, names...)
		}
	}
}

// killPostmaster kills the first process of PostgreSQL.
func (l *lab) killPostmaster() int {
	s, err := l.Look(context.Background())
	if err != nil || len(s.Servers) == 0 {
		return 0
	}
	return killed(s.Servers[0].PID)
}

// killCache kills a server of Redis, NATS or S3, if there is one.
func (l *lab) killCache() int {
	return l.catch(func(p job.Proc) bool {
		engine, _, _ := strings.Cut(p.Env("PAVE_ITEM"), "-")
		return slices.Contains([]string{"redis", "nats", "s3"}, engine) && l.Inside(p)
	})
}

// killGit waits a moment for a git of the server to kill.
func (l *lab) killGit() int {
	return l.catch(func(p job.Proc) bool {
		exe, _, _ := strings.Cut(world.CommandLine(p.PID), " ")
		return filepath.Base(exe) == "git" && p.Env("PAVE_NODE") == "" && l.Inside(p)
	})
}

// killJob waits a moment for a process of a pipeline to kill.
func (l *lab) killJob() int {
	return l.catch(func(p job.Proc) bool { return strings.HasPrefix(p.Env("PAVE_ITEM"), "run_") && l.Inside(p) })
}

// killService kills a process of a service, if there is one.
func (l *lab) killService() int {
	return l.catch(func(p job.Proc) bool { return p.Env("PAVE_TOKEN_FILE") != "" && l.Inside(p) })
}

// catch kills the first process that matches within a second.
func (l *lab) catch(match func(job.Proc) bool) int {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); {
		if found := job.Find(match); len(found) > 0 {
			return killed(found[0].PID)
		}
	}
	return 0
}
