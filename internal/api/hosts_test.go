package api

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// hosting answers for a git host.
type hosting struct{ Platform }

var heard = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func (hosting) HostChecks(_ context.Context, _, commit string) (pave.HostList[pave.CommitCheck], error) {
	return pave.HostList[pave.CommitCheck]{Observed: heard, Reason: "away", Items: []pave.CommitCheck{
		{ID: "1", Name: "ci", State: pave.CheckSuccess, Commit: commit, Started: heard.Add(-time.Hour), Observed: heard},
		{ID: "2", Name: "ci", State: pave.CheckPending, Commit: commit, Started: heard.Add(-time.Minute), Observed: heard}}}, nil
}

func (hosting) Proposals(context.Context, string) (pave.HostList[pave.Proposal], error) {
	return pave.HostList[pave.Proposal]{Items: []pave.Proposal{}, Observed: heard}, nil
}

// Every page of what a host said tells when that was, an empty one too.
func TestHostLists(t *testing.T) {
	t.Parallel()
	d := open(t, hosting{})
	type page struct {
		Items        []pave.CommitCheck
		Next, Reason string
		Observed     time.Time
	}
	ask := func(path string) (p page) {
		t.Helper()
		w := d.do("GET", "/v1/services/shop/"+path, "")
		if err := json.Unmarshal(w.Body.Bytes(), &p); w.Code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %s, %v", path, w.Code, w.Body, err)
		}
		return p
	}
	first := ask("checks?limit=1")
	if len(first.Items) != 1 || first.Items[0].ID != "2" || first.Observed != heard || first.Items[0].Observed != heard || first.Reason != "away" {
		t.Errorf("the first page is %+v", first)
	}
	if last := ask("checks?limit=1&cursor=" + first.Next); len(last.Items) != 1 || last.Items[0].ID != "1" || last.Observed != heard || last.Reason != "away" || last.Next != "" {
		t.Errorf("the last page is %+v", last)
	}
	if none := ask("proposals"); none.Items == nil || len(none.Items) != 0 || none.Observed != heard || none.Reason != "" {
		t.Errorf("no proposals are %+v", none)
	}
}

// Who goes through commits is held up, and nobody else.
func TestHostCommits(t *testing.T) {
	t.Parallel()
	d := open(t, hosting{})
	const of = "/v1/services/shop/checks?commit=0123456789012345678901234567890123456789"
	refused := false
	for range 2 * limitCommits.burst {
		w := d.do("GET", of, "")
		if refused = w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "2"; refused {
			break
		}
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if !refused {
		t.Error("any number of commits may be asked for")
	}
	for name, w := range map[string]int{
		"the last ones":  d.do("GET", "/v1/services/shop/checks", "").Code,
		"another reader": d.do("GET", of, "", "Authorization", "Bearer "+d.viewer).Code,
	} {
		if w != http.StatusOK {
			t.Errorf("%s: %d", name, w)
		}
	}
}
