package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pave-platform/pave"
)

var createArgs = []string{"create", "service", "--name", "payment-processor", "--template", "go-http", "--team", "payment-squad"}

func createRun(state pave.RunState) pave.Run {
	return pave.Run{ID: runID, Kind: pave.RunApply, Title: "create service payment-processor", Service: svcID, State: state, Attempts: 1}
}

var goodStory = [][3]string{
	{"run.started", "", `{"title":"create service payment-processor","attempt":1}`},
	{"step.started", "team", `{"title":"Team"}`},
	{"step.done", "team", `{"title":"Team","summary":"payment-squad (new)","took_ms":12}`},
	{"step.done", "template", `{"title":"Template","summary":"go-http 1.0 (31 files, first commit 3f2c1ab)","took_ms":99}`},
	{"child:step.done", "test", `{"title":"Test","summary":"passed","took_ms":1000}`},
	{"child:run.done", "", `{}`},
	{"step.done", "pipeline", `{"title":"Pipeline","summary":"test, build","took_ms":2100}`},
	{"step.done", "settle", `{"title":"Settle","quiet":true}`},
	{"run.done", "", `{}`},
}

func TestCreateTranscript(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.plan = pave.Plan{ID: "plan_1", Service: "payment-processor", Target: 1}
	f.story(createRun(pave.RunDone), goodStory...)
	got := f.pave(t, nil, "", createArgs...)
	want := `[+] Team            payment-squad (new)                          0.0s
[+] Template        go-http 1.0 (31 files, first commit 3f2c1ab) 0.1s
[+] Pipeline        test, build                                  2.1s
Service "payment-processor" is live.
  URL    http://payment-processor.production.localhost:7080
  Repo   URL/git/payment-processor.git   (pave clone payment-processor)
  CI/CD  URL/services/payment-processor/runs   (pave list runs --service payment-processor)
  Undo   pave undo run_01JD4T9XK2M7
`
	if diff := cmp.Diff(want, strings.ReplaceAll(got.out, f.server.URL, "URL")); diff != "" || got.code != 0 || got.err != "" {
		t.Errorf("code %d, stderr %q, transcript (-want +got):\n%s", got.code, got.err, diff)
	}
	verbose := f.pave(t, nil, "", append(slices.Clone(createArgs), "-v")...)
	if !strings.Contains(verbose.out, "    [+] Test            passed") {
		t.Errorf("-v shows no step of the child run:\n%s", verbose.out)
	}
	quiet := f.pave(t, nil, "", append(slices.Clone(createArgs), "--quiet")...)
	if !strings.HasPrefix(quiet.out, `Service "payment-processor" is live.`) {
		t.Errorf("--quiet prints more than the answer:\n%s", quiet.out)
	}
	data := f.pave(t, nil, "", append(slices.Clone(createArgs), "--json", "id,state")...)
	var run map[string]string
	if err := json.Unmarshal([]byte(data.out), &run); err != nil || run["state"] != "done" || !strings.Contains(data.err, "[+] Team") {
		t.Errorf("--json: %v, stdout %q, stderr %q", err, data.out, data.err)
	}
}

func badStory() [][3]string {
	return append(slices.Clone(goodStory[:3]),
		[3]string{"child:step.output", "test", `{"lines":["FAIL \u001b[31mTestPay\u001b[0m","exit 1"]}`},
		[3]string{"child:step.failed", "test", `{"title":"Test","reason":"ended with exit code 1","took_ms":900}`},
		[3]string{"step.failed", "pipeline", `{"title":"Pipeline","reason":"test: ended with exit code 1","took_ms":900,"hint":"fix it and push again"}`},
		[3]string{"run.stopped", "", `{"reason":"pipeline: test: ended with exit code 1"}`})
}

func TestCreateThatStops(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.plan = pave.Plan{ID: "plan_1", Service: "payment-processor", Target: 1}
	run := createRun(pave.RunStopped)
	run.Reason = "pipeline: test: ended with exit code 1"
	f.story(run, badStory()...)
	got := f.pave(t, nil, "", createArgs...)
	wantOut := `[+] Team            payment-squad (new)                          0.0s
[!] Pipeline        test: ended with exit code 1                 0.9s
    last lines of test:
    | FAIL TestPay
    | exit 1
`
	wantErr := `pave: create service payment-processor stopped: pipeline: test: ended with exit code 1
  next: fix it and push again
  next: pave retry run_01JD4T9XK2M7, which goes on from there
  next: pave undo run_01JD4T9XK2M7, which takes it back
`
	if diff := cmp.Diff(answer{1, wantOut, wantErr}, got, cmp.AllowUnexported(answer{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	undo := pave.Run{ID: undoID, Kind: pave.RunApply, Title: "undo payment-processor", Service: svcID, State: pave.RunDone, Attempts: 1}
	f.story(undo, [3]string{"step.done", "forget", `{"title":"Service","summary":"deleted","took_ms":5}`}, [3]string{"run.done", "", `{}`})
	f.services, f.deleted = f.services[1:], []pave.Service{{ID: svcID, Name: "payment-processor", Deleted: then, KeptUntil: then.AddDate(0, 0, 7)}}
	got = f.pave(t, nil, "", append(slices.Clone(createArgs), "--on-failure", "undo")...)
	if got.code != 1 || !strings.Contains(got.out, `Service "payment-processor" is gone; what it held is kept until 2026-11-27.`) ||
		!slices.Contains(f.made(), "POST /v1/plans/plan_undo/apply") {
		t.Errorf("--on-failure undo: %+v, made %v", got, f.made())
	}
	undo.Steps = []pave.Step{{Key: "database:staging", State: pave.StepDone, Summary: "payment-processor deleted" + pave.NotKept},
		{Key: "repository", State: pave.StepDone, Summary: "payment-processor set aside, kept until 2026-11-27"}}
	f.runs[undoID] = undo
	got = f.pave(t, nil, "", "watch", undoID)
	if want := `Service "payment-processor" is gone; database of staging was deleted with all that was in it, the rest is kept until 2026-11-27.`; !strings.Contains(got.out, want) {
		t.Errorf("want %s, got %+v", want, got)
	}
}

// TestRetriedRunShowsNoOldFailure: failures before the attempt that is watched
// are no news, and the end of an earlier attempt is not the end.
func TestRetriedRunShowsNoOldFailure(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	run := createRun(pave.RunDone)
	run.Attempts = 2
	f.story(run, append(badStory(), [3]string{"run.started", "", `{"attempt":2}`},
		[3]string{"step.done", "pipeline", `{"title":"Pipeline","summary":"test, build","took_ms":1}`}, [3]string{"run.done", "", `{}`})...)
	got := f.pave(t, nil, "", "watch", runID)
	if got.code != 0 || strings.Contains(got.out, "[!]") || !strings.Contains(got.out, "[+] Pipeline") || !strings.Contains(got.out, "is live") {
		t.Errorf("got %+v", got)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	gone := pave.Plan{ID: "plan_1", Service: "payment-processor", Base: 1, Target: 2, Changes: []pave.Change{{Action: pave.ActionAside,
		Ref: pave.Ref{Kind: "database", Service: "payment-processor", Name: "payment-processor"}, External: "payment-processor", Lost: "12 rows in 1 table"}}}
	harmless := pave.Plan{ID: "plan_1", Service: "payment-processor", Runs: []string{"rollout of release 1 to staging"}}
	tty := map[string]string{"PAVE_FORCE_TTY": "1", "TERM": "dumb"}
	cases := map[string]struct {
		reason string
		plan   pave.Plan
		env    map[string]string
		stdin  string
		args   []string
		code   int
		made   bool
		says   string
	}{
		"pipe":          {"nobody can be asked", gone, nil, "", []string{"delete", "service", "payment-processor"}, 2, false, "--confirm payment-processor, or --yes"},
		"pipe yes text": {"a pipe is not asked, whatever is in it", gone, nil, "payment-processor\n", []string{"delete", "service", "payment-processor"}, 2, false, "nothing was changed"},
		"yes":           {"the flag answers, and what is lost is said", gone, nil, "", []string{"delete", "service", "payment-processor", "--yes"}, 0, true, "12 rows in 1 table"},
		"confirm":       {"the name answers", gone, nil, "", []string{"delete", "service", "payment-processor", "--confirm", "payment-processor"}, 0, true, ""},
		"other name":    {"another name does not", gone, nil, "", []string{"delete", "service", "payment-processor", "--confirm", "shop"}, 2, false, "shop"},
		"other and yes": {"not even with --yes", gone, nil, "", []string{"delete", "service", "payment-processor", "--yes", "--confirm", "shop"}, 2, false, "shop"},
		"typed":         {"a terminal types the name", gone, tty, "payment-processor\n", []string{"delete", "service", "payment-processor"}, 0, true, "12 rows in 1 table (kept 7 days"},
		"typed wrong":   {"or not", gone, tty, "y\n", []string{"delete", "service", "payment-processor"}, 2, false, "declined"},
		"end of input":  {"no answer is no", gone, tty, "", []string{"delete", "service", "payment-processor"}, 2, false, "declined"},
		"undo":          {"undo that takes away asks too", gone, nil, "", []string{"undo", runID}, 2, false, "--yes"},
		"undo rollout":  {"undo that takes nothing away does not", harmless, nil, "", []string{"undo", runID}, 0, true, ""},
		"deploy":        {"nor does a deploy", harmless, nil, "", []string{"deploy", "payment-processor"}, 0, true, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.plan = tc.plan
			for _, id := range []string{runID, undoID} {
				run := createRun(pave.RunDone)
				run.ID = id
				f.story(run, goodStory...)
				f.plan.Hash = "h"
			}
			got := f.pave(t, tc.env, tc.stdin, tc.args...)
			if got.code != tc.code || (len(f.made()) > 0) != tc.made || !strings.Contains(got.err, tc.says) {
				t.Errorf("%s: code %d, made %v, stderr:\n%s", tc.reason, got.code, f.made(), got.err)
			}
		})
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	plan := pave.Plan{ID: "plan_1", Service: "payment-processor", Target: 1, Hash: "abc", Rows: []string{"team payment-squad (new)"},
		Changes: []pave.Change{{Action: pave.ActionCreate, Ref: pave.Ref{Kind: "database", Env: "production", Service: "payment-processor", Name: "payment-processor"},
			Provider: "postgres", External: "payment-processor", Price: "not priced"}},
		Verdicts: []pave.Verdict{{Guard: "no-public-database", Allowed: true, Reason: "only its own role may connect"}}}
	f := newFake(t)
	f.plan = plan
	got := f.pave(t, nil, "", append([]string{"plan"}, createArgs...)...)
	want := `Plan: create service payment-processor, revision 0 -> 1
   +  create  database  production  payment-processor  postgres  not priced
  +  team payment-squad (new)
Guards
   ok  no-public-database  -  only its own role may connect
`
	if diff := cmp.Diff(answer{0, want, ""}, got, cmp.AllowUnexported(answer{})); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	dry := append(slices.Clone(createArgs), "--dry-run", "--detailed-exitcode")
	if got := f.pave(t, nil, "", dry...); got.code != 7 || got.out != want {
		t.Errorf("--detailed-exitcode: %+v", got)
	}
	f.plan = pave.Plan{ID: "plan_1", Service: "payment-processor", Run: runID}
	if got := f.pave(t, nil, "", dry...); got.code != 0 || !strings.Contains(got.out, "nothing to do: run run_01JD4T9XK2M7 did it") {
		t.Errorf("an empty plan: %+v", got)
	}
	file := filepath.Join(t.TempDir(), "shop.plan")
	f.plan = plan
	if got := f.pave(t, nil, "", append(slices.Clone(createArgs), "--out", file)...); got.code != 0 {
		t.Errorf("--out: %+v", got)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("plan file: %v %v", err, info)
	}
	if len(f.made()) > 0 {
		t.Errorf("plans made %v", f.made())
	}
	f.story(createRun(pave.RunDone), goodStory...)
	if got := f.pave(t, nil, "", "apply", file); got.code != 0 || !slices.Contains(f.made(), "POST /v1/plan-files/apply") {
		t.Errorf("apply: %+v", got)
	}
	refused := plan
	refused.Verdicts = []pave.Verdict{{Guard: "no-public-database", Reason: "it would be public", Subject: "database:production/shop/shop"}}
	f.plan, f.calls = refused, nil
	for _, args := range [][]string{createArgs, dry, append([]string{"plan"}, createArgs...)} {
		if got := f.pave(t, nil, "", args...); got.code != 6 || !strings.Contains(got.err, "it would be public") || len(f.made()) > 0 {
			t.Errorf("a refused plan, %v: %+v, made %v", args, got, f.made())
		}
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.plan = pave.Plan{ID: "plan_1", Service: "payment-processor", Target: 1}
	f.story(createRun(pave.RunRunning), goodStory[:3]...)
	got := f.pave(t, nil, "", append(slices.Clone(createArgs), "--no-wait")...)
	if got.code != 0 || got.out != "run_01JD4T9XK2M7\n" || !strings.Contains(got.err, "pave watch run_01JD4T9XK2M7") {
		t.Errorf("--no-wait: %+v", got)
	}
	if got := f.pave(t, nil, "", "watch", "run_01JD4T9XK2M7", "--timeout", "300ms"); got.code != 8 || !strings.Contains(got.err, "goes on: pave watch run_01JD4T9XK2M7") {
		t.Errorf("--timeout: %+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	if got := runPave(ctx, f.deps(nil), "", createArgs...); got.code != 130 || !strings.Contains(got.err, "goes on: pave watch run_01JD4T9XK2M7") {
		t.Errorf("interrupt: %+v", got)
	}
}

// TestStalePlansArePlannedAgain: many creates at once make each other's plans
// stale; nobody approved them, so they are made again.
func TestStalePlansArePlannedAgain(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.plan = pave.Plan{ID: "plan_1", Service: "payment-processor", Target: 1, Hash: "same"}
	f.problems["POST /v1/plans/plan_1/apply"] = pave.Error{Code: pave.Conflict, Message: "the plan no longer fits"}
	if got := f.pave(t, nil, "", createArgs...); got.code != 5 || f.plans != 2 {
		t.Errorf("a conflict that another plan does not heal: code %d after %d plans", got.code, f.plans)
	}
}
