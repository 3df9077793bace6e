package api

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
)

// TestPagesAreStable walks lists page by page while others insert and remove: what
// was there all the time is given once, in order, and nothing twice.
func TestPagesAreStable(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		there, stays := map[string]bool{}, map[string]bool{}
		for range r.IntN(60) {
			name := fmt.Sprintf("s%03d", r.IntN(500))
			there[name], stays[name] = true, true
		}
		items := func() (out []pave.Team) {
			for n := range there {
				out = append(out, pave.Team{Name: pave.Name(n)})
			}
			return out
		}
		seen := map[string]int{}
		page, last := Page{Limit: 1 + r.IntN(7)}, ""
		for rounds := 0; ; rounds++ {
			l, err := paged(page, byTeamName)(items(), nil)
			if err != nil || rounds > 600 {
				t.Fatalf("seed %d: round %d: %v", seed, rounds, err)
			}
			for _, v := range l.Body.Items {
				if seen[string(v.Name)]++; string(v.Name) <= last {
					t.Errorf("seed %d: %s after %s", seed, v.Name, last)
				}
				last = string(v.Name)
			}
			if page.Cursor = l.Body.Next; page.Cursor == "" {
				break
			}
			for range r.IntN(4) { // others come and go, the item of the cursor too
				name := fmt.Sprintf("s%03d", r.IntN(500))
				if there[name] {
					delete(there, name)
					delete(stays, name)
				} else {
					there[name] = true
				}
			}
		}
		for n := range stays {
			if seen[n] != 1 {
				t.Errorf("seed %d: %s was there all the time and was given %d times", seed, n, seen[n])
			}
		}
		for n, times := range seen {
			if times > 1 {
				t.Errorf("seed %d: %s was given %d times", seed, n, times)
			}
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("")
	f.Add("c2hvcA")
	f.Add("%%%")
	f.Fuzz(func(t *testing.T, cursor string) {
		l, err := paged(Page{Cursor: cursor, Limit: 2}, byTeamName)([]pave.Team{{Name: "a"}, {Name: "b"}, {Name: "c"}}, nil)
		if err != nil && pave.CodeOf(err) != pave.Invalid || err == nil && len(l.Body.Items) > 2 {
			t.Errorf("%q: %v %v", cursor, l, err)
		}
		if p, err := readPlaces(cursor); err == nil {
			_ = p.after(func(pave.LogLine) error { return nil })(pave.LogLine{Source: "x"})
		}
	})
}

// TestEveryListHasPages: every route that answers with items takes limit and cursor.
func TestEveryListHasPages(t *testing.T) {
	t.Parallel()
	d := open(t, fake{})
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name string }
			Responses  map[string]struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	if err := json.Unmarshal(d.do("GET", "/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	lists := 0
	for path, item := range doc.Paths {
		ref, _ := item["get"].Responses["200"].Content["application/json"].Schema["$ref"].(string)
		schema := doc.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
		if schema.Properties["items"] == nil || path == "/v1/doctor" { // a report, not a list
			continue
		}
		lists++
		has := map[string]bool{}
		for _, p := range item["get"].Parameters {
			has[p.Name] = true
		}
		if !has["limit"] || !has["cursor"] || schema.Properties["next"] == nil {
			t.Errorf("GET %s is a list without pages", path)
		}
	}
	if lists < 16 {
		t.Errorf("%d lists found", lists)
	}
	if w := d.do("GET", "/v1/teams?cursor="+url.QueryEscape("!"), ""); w.Code != 400 {
		t.Errorf("a cursor that is none: %d %s", w.Code, w.Body)
	}
}
