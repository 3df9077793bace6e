package templates_test

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// navOf returns the pages of mkdocs.yml by section, in order.
func navOf(t *testing.T, text string) (sections []string, pages []string) {
	t.Helper()
	var config struct {
		SiteName string           `json:"site_name"`
		Plugins  []string         `json:"plugins"`
		Nav      []map[string]any `json:"nav"`
	}
	if err := yaml.UnmarshalStrict([]byte(text), &config, yaml.DisallowUnknownFields); err != nil {
		t.Fatal(err)
	}
	for _, entry := range config.Nav {
		for title, v := range entry {
			sections = append(sections, title)
			if page, ok := v.(string); ok {
				pages = append(pages, page)
				continue
			}
			for _, item := range v.([]any) {
				for _, page := range item.(map[string]any) {
					pages = append(pages, page.(string))
				}
			}
		}
	}
	return sections, pages
}

// The documentation has the standard sections; each page is in the navigation and
// is there, with a title and something to say.
func TestDocs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r rendered) {
		sections, pages := navOf(t, r.files["mkdocs.yml"])
		if want := []string{"Home", "Architecture", "Operations", "Development"}; !slices.Equal(sections, want) {
			t.Errorf("got the sections %v, want %v", sections, want)
		}
		if want := 10; len(pages) != want && len(pages) != want+1 {
			t.Errorf("got %d pages, want %d, and one more for a database", len(pages), want)
		}
		var there []string
		for file := range r.files {
			if page, ok := strings.CutPrefix(file, "docs/"); ok {
				there = append(there, page)
			}
		}
		slices.Sort(there)
		if sorted := slices.Sorted(slices.Values(pages)); !slices.Equal(sorted, there) {
			t.Errorf("the navigation has %v, docs has %v", sorted, there)
		}
		for _, page := range pages {
			if text := r.files["docs/"+page]; !strings.HasPrefix(text, "# ") || len(text) < 100 {
				t.Errorf("%s has no title or little to say:\n%s", page, text)
			}
		}
		readme := regexp.MustCompile("(?s)```\n(.*?)```").FindStringSubmatch(r.files["README.md"])
		if readme == nil || strings.Count(readme[1], "\n") != 3 {
			t.Errorf("README.md has not three commands but %q", readme)
		}
	})
}

var (
	link = regexp.MustCompile(`\]\(([^)#]+)\)`)
	code = regexp.MustCompile("`([^`\n]+)`")
	// aPath is how a file or folder of the tree is written in text.
	aPath = regexp.MustCompile(`^[a-zA-Z.][\w.-]*(/[\w.-]+)*(\.(go|ts|py|yaml|yml|sql|md|json|toml|txt|html|css)|/[\w.-]+)$`)
)

// Links and paths in the documentation lead to what is there.
func TestLinks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r rendered) {
		folders := map[string]bool{}
		for file := range maps.Keys(r.files) {
			for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
				folders[dir] = true
			}
		}
		there := func(p string) bool { _, ok := r.files[p]; return ok || folders[p] }
		for file, text := range r.files {
			if path.Ext(file) != ".md" {
				continue
			}
			for _, m := range link.FindAllStringSubmatch(text, -1) {
				if !strings.Contains(m[1], "://") && !there(path.Join(path.Dir(file), m[1])) {
					t.Errorf("%s links to %s, which is not there", file, m[1])
				}
			}
			for _, m := range code.FindAllStringSubmatch(text, -1) {
				if aPath.MatchString(m[1]) && !strings.HasPrefix(m[1], "application/") && !there(m[1]) {
					t.Errorf("%s speaks of %s, which is not there", file, m[1])
				}
			}
		}
	})
}
