package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave/test/faultproxy"
	"github.com/pave-platform/pave/test/githost/gitea"
)

const outage = time.Minute

// The git host is gone for a minute in the midst of three creates: each run says what it
// waits for, calls without hurry, and comes to its end by itself soon after. What others
// do with providers of their own goes on as before.
func TestOutage(t *testing.T) { // alone: it measures
	real(t)
	l := newLab(t)
	l.pave("bind", "default", "repository", "git")
	l.done(l.Create(l.Fixture("warm", "others", "none")))
	before := l.measure(0)

	l.bind(l.git.Token)
	l.gitProxy.On(makes, 0, faultproxy.Refuse()) // so that they come no further
	var runs []string
	for i := range 3 {
		run, err := l.Create(l.Fixture(name(i), team, "none"))
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	l.await("the host is called", func() bool { return len(l.gitProxy.Calls(makes)) >= 3 })
	l.gitProxy.Clear()
	l.gitProxy.On("*", 0, faultproxy.Refuse())
	began := time.Now()
	l.pave("bind", "default", "repository", "git") // others keep theirs here
	host := strings.TrimPrefix(l.gitProxy.URL, "http://")
	for _, run := range runs {
		l.await("run "+run+" names the host", func() bool { reason, _ := l.told(run); return strings.Contains(reason, host) })
	}
	reason, hint := l.told(runs[0])
	t.Logf("it waits: %s (%s)", reason, hint)
	during := l.measure(1)
	time.Sleep(time.Until(began.Add(outage)))
	away := time.Since(began)
	for call, n := range l.calls() {
		if most := 30 * away.Minutes(); float64(n) > most {
			t.Errorf("%s was called %d times in %s", call, n, away.Round(time.Second))
		}
	}
	t.Logf("in %s of outage: %d calls for %d runs: %v", away.Round(time.Second), len(l.gitProxy.Calls("*")), len(runs), l.calls())
	for _, run := range runs {
		if r, err := l.Run(run); err != nil || r.State.Ended() {
			t.Errorf("run %s has not waited: %s, %s, %v", run, r.State, r.Reason, err)
		}
	}
	l.gitProxy.Clear()
	back := time.Now()
	for _, run := range runs {
		l.done(run, nil)
	}
	took := time.Since(back)
	t.Logf("all done %s after it was back", took.Round(100*time.Millisecond))
	if took > time.Minute {
		t.Errorf("it took %s to go on", took)
	}
	l.ratio("create", before.creates, during.creates)
	l.ratio("request", before.requests, during.requests)
}

// A host takes connections and says nothing, with four services on it: what is pushed to
// another one, which sends no messages, is built as soon as before, and the doctor says
// which system is left alone. Once it speaks again, it is looked at again.
func TestSilentHost(t *testing.T) { // alone: it measures
	real(t)
	l := newLab(t)
	for i := range 4 {
		l.done(l.Create(l.Fixture(name(i), team, "none")))
	}
	silent, from := l.gitProxy, l.git
	l.newHost()
	l.hookWay.Down() // its messages are lost: a look each minute finds what is pushed
	l.done(l.Create(l.Fixture("shop", team, "none")))
	push := func(at *gitea.Server, service, text string) time.Duration {
		t.Helper()
		commit, err := l.CommitTo(func() string {
			return strings.Replace(at.URL, "http://", "http://pave:"+at.Token+"@", 1) + "/" + at.Org + "/" + service + ".git"
		}, map[string]string{"note.txt": text})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := l.Built(service, commit); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	before := push(l.git, "shop", "before")
	silent.Clear()
	silent.On("*", 0, faultproxy.Delay(time.Hour))
	l.await("the silent host is asked", func() bool { return len(silent.Calls("*")) > 0 })
	during := push(l.git, "shop", "during")
	t.Logf("built %s after the push, and %s while another host says nothing", before.Round(time.Second), during.Round(time.Second))
	if most := 2 * time.Minute; during > most { // a minute, and what a build takes
		t.Errorf("while another host says nothing it took %s", during)
	}
	host := strings.TrimPrefix(silent.URL, "http://")
	told := ""
	for end := time.Now().Add(5 * time.Minute); !strings.Contains(told, "upkeep of gitea "+silent.URL); time.Sleep(5 * time.Second) {
		if time.Now().After(end) {
			t.Fatalf("the doctor says nothing of %s: %s", host, told)
		}
		told, _ = l.Command(t.Context(), "doctor")
	}
	silent.Clear()
	t.Logf("it is looked at again %s after it speaks", push(from, name(0), "after").Round(time.Second))
}

func (l *lab) await(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("in a minute not: %s", what)
		}
	}
}

// calls counts what came to the proxy of the host.
func (l *lab) calls() map[string]int {
	out := map[string]int{}
	for _, c := range l.gitProxy.Calls("*") {
		out[c]++
	}
	return out
}

// figures are how long others wait.
type figures struct{ creates, requests []time.Duration }

// measure makes services of another team with what this machine has, one after the other,
// and asks one that is there.
func (l *lab) measure(round int) (f figures) {
	l.t.Helper()
	for i := range 6 {
		at := time.Now()
		run, err := l.Create(l.Fixture(fmt.Sprintf("other%d%d", round, i), "others", "none"))
		l.done(run, err)
		f.creates = append(f.creates, time.Since(at))
		for range 50 {
			at := time.Now()
			if status, _, err := l.Get("warm", "staging", "/"); status == 0 || status >= 500 {
				l.t.Errorf("warm answers %d, %v", status, err)
			}
			f.requests = append(f.requests, time.Since(at))
		}
	}
	return f
}

// ratio compares the 95th of a hundred. A busy machine is no reason to fail before 3.
func (l *lab) ratio(what string, before, during []time.Duration) {
	l.t.Helper()
	p95 := func(d []time.Duration) time.Duration { slices.Sort(d); return d[(len(d)*95-1)/100] }
	ratio := float64(p95(during)) / float64(p95(before))
	l.t.Logf("p95 of a %s of others: %s before, %s in the outage, ratio %.2f (wanted: 1.5)", what, p95(before), p95(during), ratio)
	if ratio > 3 {
		l.t.Errorf("the p95 of a %s of others is %.1f times as long", what, ratio)
	}
}
