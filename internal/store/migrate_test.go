package store

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pave-platform/pave"
)

func files(names map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range names {
		m["migrations/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	url := "sqlite:" + filepath.Join(t.TempDir(), "a b?c%d.db") // needs escaping in a DSN
	first := map[string]string{"0001_a.sql": "-- a comment; here\nCREATE TABLE a (\n  id TEXT\n);\nINSERT INTO a (id) VALUES ('x;y');\n"}
	both := map[string]string{"0001_a.sql": first["0001_a.sql"], "0002_b.sql": "CREATE TABLE b (id TEXT);"}
	broken := map[string]string{"0001_a.sql": first["0001_a.sql"], "0002_b.sql": "CREATE TABLE b (id TEXT);\nCREATE NONSENSE;"}

	steps := []struct {
		reason string
		from   map[string]string
		code   pave.Code
		text   string
	}{
		{"a new store gets everything", first, "", ""},
		{"the same again changes nothing", first, "", ""},
		{"a broken migration leaves no trace", broken, pave.Internal, "0002_b.sql"},
		{"the mended one applies whole", both, "", ""},
		{"an older pave refuses", first, pave.Conflict, "0002_b.sql"},
	}
	for _, s := range steps {
		db, err := open(ctx, url, files(s.from))
		if pave.CodeOf(err) != s.code || (err != nil && !strings.Contains(err.Error(), s.text)) {
			t.Fatalf("%s: got %v", s.reason, err)
		}
		if err == nil {
			db.Close()
		} else if s.code == pave.Conflict && pave.HintOf(err) == "" {
			t.Fatalf("%s: no hint", s.reason)
		}
	}
}

func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	url := "sqlite:" + filepath.Join(t.TempDir(), "pave.db")
	from := files(map[string]string{"0001_a.sql": "CREATE TABLE a (id TEXT);\nINSERT INTO a (id) VALUES ('x');"})
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			db, err := open(context.Background(), url, from)
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			defer db.Close()
			var n int
			if err := db.QueryRow(context.Background(), `SELECT count(*) FROM a`).Scan(&n); err != nil || n != 1 {
				t.Errorf("rows %d, %v; want 1", n, err)
			}
		})
	}
	wg.Wait()
}

// A home from before there were caches gets their binding, and one that somebody
// made stays.
func TestOldHomeGetsCaches(t *testing.T) {
	t.Parallel()
	for reason, tc := range map[string]struct{ own, want string }{
		"without a binding": {"", "redis {}"},
		"with one already":  {`INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'cache', 'other', '{"a":"b"}')`, `other {"a":"b"}`},
	} {
		url := "sqlite:" + filepath.Join(t.TempDir(), "pave.db")
		before := fstest.MapFS{}
		names, err := migrations.ReadDir("migrations")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if n.Name() < "0007" {
				data, err := migrations.ReadFile("migrations/" + n.Name())
				if err != nil {
					t.Fatal(err)
				}
				before["migrations/"+n.Name()] = &fstest.MapFile{Data: data}
			}
		}
		old, err := open(t.Context(), url, before)
		if err == nil && tc.own != "" {
			_, err = old.Exec(t.Context(), tc.own)
		}
		if err != nil {
			t.Fatal(err)
		}
		old.Close()
		db, err := Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		var provider, settings string
		err = db.QueryRow(t.Context(), `SELECT provider, settings FROM bindings WHERE environment = '' AND kind = 'cache'`).Scan(&provider, &settings)
		if got := provider + " " + settings; err != nil || got != tc.want {
			t.Errorf("%s: %q, %v; want %q", reason, got, err, tc.want)
		}
		db.Close()
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	got := statements("-- x;\nA\n  B;\n\nC ';' D;\r\nE")
	if want := []string{"A\n  B", "C ';' D", "E"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}
