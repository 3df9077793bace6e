package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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
	l.hunt(20, []victim{{"server", func(l *lab) int { return l.KillServer() }}})
}

// Everything that runs is killed, 80 times.
func TestRandomKillsOfEverything(t *testing.T) {
	long(t)
	l := newLab(t, dice(t))
	l.hunt(80, []victim{
		{"server", func(l *lab) int { return l.KillServer() }},
		{"node", func(l *lab) int { return killed(l.NodePID()) }},
		{"postmaster", (*lab).killPostmaster},
		{"git", (*lab).killGit},
		{"job", (*lab).killJob},
		{"service", (*lab).killService},
		{"server and node", func(l *lab) int { l.KillServer(); return killed(l.NodePID()) }},
	})
}

// A victim is a program to kill; kill returns its process id, 0 where there was
// none at that moment.
type victim struct {
	name string
	kill func(*lab) int
}

func killed(pid int) int {
	world.Kill(pid)
	return pid
}

// moves are the changes under which things are killed.
var moves = []struct {
	name   string
	lasts  time.Duration // about how long it takes undisturbed
	wanted func(world.Service) bool
	do     func(l *lab, name string) error
}{
	{"create", 600 * time.Millisecond, nil, func(l *lab, name string) error { return l.create(name, pick(l.r, "postgresql", "none")) }},
	{"push", 800 * time.Millisecond, isLive, (*lab).push},
	{"delete", 500 * time.Millisecond, isLive, (*lab).remove},
	{"restore", 500 * time.Millisecond, func(s world.Service) bool { return s.Kept }, (*lab).restore},
}

func isLive(s world.Service) bool { return !s.Kept }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// hunt kills at random times during random changes, and checks the world after
// each. At most six services live at a time.
func (l *lab) hunt(kills int, victims []victim) {
	l.t.Helper()
	for done, tries := 0, 0; done < kills && tries < 10*kills; tries++ {
		m, name := l.move()
		v, wait := pick(l.r, victims...), time.Duration(l.r.Int64N(int64(time.Second)))
		wait = wait * m.lasts / time.Second
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
		if err != nil {
			l.t.Fatalf("kill %d: %s (%d) %s after the beginning of %s %s: %v", done, v.name, pid, wait, m.name, name, err)
		}
		if pid == 0 {
			continue // there was none to kill
		}
		done++
		l.t.Logf("%3d %-8s %-9s %-15s at %-14s took %s", done, m.name, name, v.name, wait.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	}
}

// move picks a change and a service for it.
func (l *lab) move() (m struct {
	name   string
	lasts  time.Duration
	wanted func(world.Service) bool
	do     func(l *lab, name string) error
}, name string) {
	for {
		m = moves[l.r.IntN(len(moves))]
		if m.wanted == nil {
			if l.living() < 6 {
				return m, l.fresh()
			}
			continue
		}
		for _, n := range l.names() {
			if s := l.want[n]; m.wanted(s) && s.Commits < 5 && (name == "" || l.r.IntN(2) == 0) {
				name = n
			}
		}
		if name != "" {
			return m, name
		}
	}
}
