// Package soak_test holds pave to going on: services are made and deleted at a
// steady rate for a long time, and nothing fails, slows down or grows beyond what was
// made. SOAK says for how long (10m without), SOAK_RATE how many a second (2). make
// soak runs it; it is no part of CI.
package soak_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

const (
	alive = 12 // services that live at a time; older ones are deleted
	// Bounds. What a service leaves in the store: its rows, its runs and their events.
	rowsPerService = 64 << 10 // bytes
	memoryGrowth   = 1.25     // of server and node, last quarter to second
	slower         = 2.0      // 95th percentile of the last quarter to the second
)

// A soak is one run of the test.
type soak struct {
	*world.Home
	began time.Time

	mu       sync.Mutex
	took     []sample // creates that are done
	failures []string
	living   []string
	gone     int
	memory   []sample // bytes of server and node
}

type sample struct {
	at    time.Duration
	value float64
}

func TestSoak(t *testing.T) {
	length, rate := setting(t, "SOAK", 10*time.Minute, time.ParseDuration), setting(t, "SOAK_RATE", 2.0, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	if os.Getenv("SOAK") == "" {
		t.Skip("make soak runs this")
	}
	s := &soak{Home: world.New(t), began: time.Now()}
	before := s.storeSize(t)
	tick, report := time.NewTicker(time.Duration(float64(time.Second)/rate)), time.NewTicker(10*time.Second)
	defer tick.Stop()
	defer report.Stop()
	var work sync.WaitGroup
	for n := 0; time.Since(s.began) < length; {
		select {
		case <-tick.C:
			n++
			work.Go(func() { s.one(n) })
		case <-report.C:
			s.report(t, n)
		}
	}
	work.Wait()
	made := len(s.took)
	s.report(t, made)
	s.judge(t, length, before, made)
}

func setting[T any](t *testing.T, name string, standard T, parse func(string) (T, error)) T {
	v := os.Getenv(name)
	if v == "" {
		return standard
	}
	out, err := parse(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// one makes a service, looks whether it answers, and deletes the oldest where there
// are enough.
func (s *soak) one(n int) {
	name := fmt.Sprintf("soak%d", n)
	database := "none"
	if n%10 == 0 {
		database = "postgresql"
	}
	began := time.Now()
	id, err := s.Create(s.Fixture(name, "soakers", database))
	if err == nil {
		_, err = s.Wait(id)
	}
	took := time.Since(began)
	if err == nil {
		var status int
		if status, _, err = s.Get(name, "staging", "/"); err == nil && status != 200 {
			err = fmt.Errorf("it answers %d", status)
		}
	}
	oldest := ""
	s.mu.Lock()
	if err != nil {
		s.failures = append(s.failures, fmt.Sprintf("create %s: %v", name, err))
	} else {
		s.took = append(s.took, sample{began.Sub(s.began), took.Seconds()})
		s.living = append(s.living, name)
		if len(s.living) > alive {
			oldest, s.living = s.living[0], s.living[1:]
		}
	}
	s.mu.Unlock()
	if oldest != "" {
		s.remove(oldest)
	}
}

func (s *soak) remove(name string) {
	id, err := s.Delete(name)
	if err == nil {
		_, err = s.Wait(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone++
	if err != nil {
		s.failures = append(s.failures, fmt.Sprintf("delete %s: %v", name, err))
	}
}

// report prints how it goes.
func (s *soak) report(t *testing.T, asked int) {
	server, node := resident(s.Stat().PID), resident(s.NodePID())
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Since(s.began)
	s.memory = append(s.memory, sample{at, server + node})
	recent := between(s.took, at-30*time.Second, at)
	t.Logf("%6s  asked %4d  live %4d  deleted %4d  failures %d  create p50 %.2fs p95 %.2fs p99 %.2fs  server %.0f MB  node %.0f MB  store %.1f MB",
		at.Round(time.Second), asked, len(s.took), s.gone, len(s.failures), quantile(recent, 0.5), quantile(recent, 0.95), quantile(recent, 0.99),
		server/1e6, node/1e6, float64(s.storeSize(t))/1e6)
}

// judge holds the whole run to its bounds.
func (s *soak) judge(t *testing.T, length time.Duration, before int64, made int) {
	for _, f := range s.failures {
		t.Error(f)
	}
	perService := float64(s.storeSize(t)-before) / float64(max(1, made))
	early, late := length/4, length*3/4
	memory := mean(between(s.memory, late, length+time.Hour)) / mean(between(s.memory, early, length/2))
	latency := quantile(between(s.took, late, length+time.Hour), 0.95) / quantile(between(s.took, early, length/2), 0.95)
	t.Logf("%d services: %.1f KB of store each (bound %d), memory x %.2f (bound %.2f), p95 x %.2f (bound %.1f), last quarter to second",
		made, perService/1024, rowsPerService>>10, memory, memoryGrowth, latency, slower)
	if perService > rowsPerService || memory > memoryGrowth || latency > slower {
		t.Error("it grows or slows down beyond its bounds")
	}
	var all []world.Service
	for _, name := range s.living {
		n, _ := strconv.Atoi(strings.TrimPrefix(name, "soak"))
		all = append(all, world.Service{Name: name, Database: n%10 == 0})
	}
	snapshot, err := s.Look(context.Background())
	if err != nil || len(snapshot.Workloads) != len(all) || len(snapshot.Strays) > 0 {
		t.Errorf("%d workloads for %d services, strays %v, %v", len(snapshot.Workloads), len(all), snapshot.Strays, err)
	}
	if out, err := s.Command(t.Context(), "admin", "verify"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// storeSize is that of the store's files.
func (s *soak) storeSize(t *testing.T) (n int64) {
	for _, end := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(s.Dir, "pave.db"+end)); err == nil {
			n += info.Size()
		} else if !os.IsNotExist(err) {
			t.Error(err)
		}
	}
	return n
}

// resident is the memory of a process, in bytes.
func resident(pid int) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if f := strings.Fields(string(data)); len(f) > 1 {
		pages, _ := strconv.ParseFloat(f[1], 64)
		return pages * float64(os.Getpagesize())
	}
	return 0
}

func between(all []sample, from, to time.Duration) (out []float64) {
	for _, s := range all {
		if s.at >= from && s.at < to {
			out = append(out, s.value)
		}
	}
	return out
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(1, len(v)))
}

func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[min(len(v)-1, int(q*float64(len(v))))]
}
