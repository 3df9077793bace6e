package backup

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/store"
	"github.com/pave-platform/pave/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// ownKey derives from its own text.
type ownKey string

func (k ownKey) Derive(purpose, id string) pave.Secret {
	sum := sha256.Sum256([]byte(string(k) + "\x00" + purpose + "\x00" + id))
	return pave.NewSecret(hex.EncodeToString(sum[:]))
}

// written makes a file of entries with a manifest before and an end after them.
func written(t *testing.T, m Manifest, entries map[string]string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m.ID, m.Key = "bak_1", fingerprint(ownKey("a"), "bak_1")
	w := newWriter(f)
	err = w.addJSON("manifest.json", m)
	for name, text := range entries {
		err = errors.Join(err, w.addBytes(name, []byte(text)))
	}
	if err = errors.Join(err, w.close(ownKey("a"), m.ID)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInspect(t *testing.T) {
	t.Parallel()
	for reason, tc := range map[string]struct {
		m    Manifest
		key  ownKey
		code pave.Code
		text string
	}{
		"as it should be":   {Manifest{Format: 1, Migrations: []string{"0001_access.sql"}}, "a", "", ""},
		"a newer format":    {Manifest{Format: 2, Version: "9.9"}, "a", pave.Conflict, "newer pave (9.9, format 2"},
		"unknown migration": {Manifest{Format: 1, Migrations: []string{"9999_later.sql"}, Version: "9.9"}, "a", pave.Conflict, "newer pave (9.9)"},
		"another key":       {Manifest{Format: 1}, "b", pave.Denied, "not the one that sealed"},
	} {
		_, err := Inspect(written(t, tc.m, map[string]string{"store/teams.jsonl": "[]\n"}), tc.key)
		if pave.CodeOf(err) != tc.code || err != nil && !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v, want %s %q", reason, err, tc.code, tc.text)
		}
		if err != nil && !strings.Contains(pave.HintOf(err), "nothing was changed") {
			t.Errorf("%s: hint %q", reason, pave.HintOf(err))
		}
	}
}

// A file whose digest was made again without the key is not ours.
func TestForged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "b")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(f)
	m := Manifest{Format: 1, ID: "bak_1", Key: fingerprint(ownKey("a"), "bak_1")} // copied from a true one
	err = errors.Join(w.addJSON("manifest.json", m), w.close(ownKey("forger"), m.ID), f.Close())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(path, ownKey("a")); err == nil || !strings.Contains(err.Error(), "without the key") {
		t.Errorf("got %v", err)
	}
}

// Cut anywhere, a file is refused.
func TestCut(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(written(t, Manifest{Format: 1}, map[string]string{"store/a.jsonl": strings.Repeat("x", 3000)}))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut")
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Inspect(path, ownKey("a")); err == nil {
			t.Fatalf("%d of %d bytes were taken for whole", n, len(whole))
		}
	}
}

// What leads out of the home is refused.
func TestPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	home, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	if err := place(home, &tar.Header{Typeflag: tar.TypeSymlink, Linkname: "/tmp"}, "link", nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../x", "/x", "link/x", "a/../../x"} {
		if err := place(home, &tar.Header{Typeflag: tar.TypeReg, Mode: 0o644}, name, strings.NewReader("x")); err == nil {
			t.Errorf("%q was written", name)
		}
	}
}

// A store moves from each dialect to each, byte for byte.
func TestStoreMoves(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, from string) {
		for _, make := range []func(testing.TB) string{storetest.SQLite, storetest.PostgreSQL} {
			text, names := dump(t, storetest.Open(t, from), true)
			db, err := store.OpenAt(context.Background(), make(t), names)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for table := range text {
				list = append(list, table)
			}
			order := tablesOf(t, db)
			err = db.Load(context.Background(), func() (string, io.Reader, error) {
				if len(order) == 0 {
					return "", nil, io.EOF
				}
				table := order[0]
				order = order[1:]
				return table, strings.NewReader(text[table]), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			got, _ := dump(t, db, false)
			for _, table := range list {
				if table != "executor" && got[table] != text[table] {
					t.Errorf("table %s: %q, want %q", table, got[table], text[table])
				}
			}
			db.Close()
		}
	})
}

func tablesOf(t *testing.T, db *store.DB) []string {
	s, err := db.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tables, err := s.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// dump fills a database with awkward values, if asked, and returns its tables.
func dump(t *testing.T, db *store.DB, fill bool) (text map[string]string, migrations []string) {
	t.Helper()
	if fill {
		_, err := db.Exec(t.Context(), `INSERT INTO command_uses (id, at, actor, command, version) VALUES ($1, $2, $3, '', '') ON CONFLICT DO NOTHING`,
			"a", int64(1)<<53+1, "<\"é\n\u2028>&")
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := db.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text = map[string]string{}
	tables, err := s.Tables(t.Context())
	for _, table := range tables {
		var b strings.Builder
		_, err = s.Dump(t.Context(), table, &b)
		text[table] = b.String()
	}
	if err == nil {
		migrations, err = s.Migrations(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return text, migrations
}
