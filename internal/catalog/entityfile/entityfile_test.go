package entityfile

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pave-platform/pave"
)

// TestParse reads testdata/golden.txt: a case begins with "== name", then the file, then
// "-- want --" and what is read of it, an entity or fault a line.
func TestParse(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cases := strings.Split("\n"+string(text), "\n== ")[1:]
	for _, c := range cases {
		name, rest, _ := strings.Cut(c, "\n")
		file, want, ok := strings.Cut("\n"+rest, "\n-- want --")
		if !ok {
			t.Fatalf("%s: no -- want --", name)
		}
		got := print(Parse([]byte(strings.TrimPrefix(file, "\n") + "\n")))
		fmt.Fprintf(&out, "== %s%s\n-- want --\n%s", name, file, got)
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s: got\n%swant\n%s", name, got, want)
		}
	}
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile("testdata/golden.txt", []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func print(entities []Entity, faults []error) string {
	var b strings.Builder
	for _, e := range entities {
		fmt.Fprintf(&b, "%s %s at %s", e.Kind, e.Ref(), e.Where)
		for _, kv := range [][2]string{{"title", e.Title}, {"description", e.Description}, {"type", e.Type}, {"lifecycle", e.Lifecycle}, {"owner", e.Owner.String()}} {
			if kv[1] != "" {
				fmt.Fprintf(&b, ", %s %q", kv[0], kv[1])
			}
		}
		for _, r := range e.Relations {
			fmt.Fprintf(&b, ", %s %s", r.Kind, r.To)
		}
		if len(e.Tags)+len(e.Targets)+len(e.Links) > 0 || e.Definition {
			fmt.Fprintf(&b, ", tags %q, targets %q, links %q, definition %v", e.Tags, e.Targets, e.Links, e.Definition)
		}
		for _, m := range []map[string]string{e.Labels, e.Annotations} {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				fmt.Fprintf(&b, ", %s=%s", k, m[k])
			}
		}
		b.WriteByte('\n')
	}
	for _, f := range faults {
		fmt.Fprintf(&b, "! %v (%s)\n", f, pave.HintOf(f))
	}
	return b.String()
}

// What is too large is refused soon, whatever it is made of.
func TestBounds(t *testing.T) {
	t.Parallel()
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	long := strings.Repeat("x", 80<<10)
	for name, file := range map[string]string{
		"bytes":     strings.Repeat("#", MaxBytes+1),
		"documents": strings.Repeat("---\nkind: X\n", maxDocuments+1),
		"depth":     "a: " + strings.Repeat("[", 100_000),
		"closed":    "a: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
		"laughs":    strings.Repeat("---\n"+laughs, 150),
		"a text":    "a: &a " + long + "\nb: [" + strings.Repeat("*a, ", 12_000) + "]",
		"texts":     strings.Repeat("---\na: &a "+long[:3000]+"\nb: ["+strings.Repeat("*a, ", 600)+"]\n", 150),
		"itself":    "a: &a [*a]",
		"values":    "a: [" + strings.Repeat("1,", 300_000) + "1]",
		"keys":      "{" + strings.Repeat("a: 1, ", 100_000) + "}",
		"no UTF-8":  "a: \xff",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			entities, faults := Parse([]byte(file))
			if len(entities) > 0 || len(faults) == 0 {
				t.Errorf("%d entities, faults %v", len(entities), faults)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// Of a long list the first values are read, and that there are more is told.
func TestLongList(t *testing.T) {
	t.Parallel()
	entities, faults := Parse([]byte("apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: a, tags: [" + strings.Repeat("x,", 1000) + "]}"))
	if len(entities) != 1 || len(entities[0].Tags) != maxValues || len(faults) != 1 || !strings.Contains(faults[0].Error(), `metadata.tags "1000 values" are more than 200`) {
		t.Errorf("%d entities, %v", len(entities), faults)
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		f.Fatal(err)
	}
	for c := range bytes.SplitSeq(text, []byte("\n== ")) {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		entities, faults := Parse(file)
		for _, e := range entities {
			if !slices.Contains(Kinds, e.Kind) || !namePattern.MatchString(e.Name) || e.Where == "" {
				t.Errorf("entity %+v", e)
			}
			if _, wrong := ParseRef(e.Ref().String(), "", defaultNamespace); wrong != "" {
				t.Errorf("its own reference %s %s", e.Ref(), wrong)
			}
		}
		for _, fault := range faults {
			if pave.CodeOf(fault) != pave.Invalid {
				t.Errorf("%v", fault)
			}
		}
	})
}
