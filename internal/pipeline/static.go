package pipeline

import (
	"path"
	"strings"
)

// generators build a site by a program of their own.
var generators = []struct {
	files  []string
	name   string
	build  []string
	output string
}{
	{[]string{"hugo.toml", "hugo.yaml", "config/_default/hugo.toml"}, "hugo", []string{"hugo", "--minify"}, "public"},
	{[]string{"mkdocs.yml"}, "mkdocs", []string{"mkdocs", "build", "--site-dir", "site"}, "site"},
	{[]string{"_config.yml"}, "jekyll", []string{"jekyll", "build"}, "_site"},
	{[]string{"book.toml"}, "mdbook", []string{"mdbook", "build"}, "book"},
}

// detectStatic finds a site of files: as they are, or as a generator builds them.
func detectStatic(r *repo) (*found, error) {
	f := &found{language: "static", rank: rankCommand, ready: "/", port: "PORT"}
	alone := r.first(ownManifests...) == "" // else it is the documentation of a program
	for _, g := range generators {
		if at := r.first(g.files...); alone && at != "" {
			f.framework = g.name
			f.note("language", at, 1, "a site that "+g.name+" builds")
			f.steps = []Step{{Name: "build", Run: g.build}}
			f.command = []string{Self, "static", g.output}
			return f, nil
		}
	}
	for _, dir := range []string{".", "public", "dist", "site", "www", "html", "src", "docs", "app"} {
		at := path.Join(dir, "index.html")
		if !r.has(at) || !alone && (dir == "site" || dir == "docs") {
			continue
		}
		f.note("language", at, 1, "a site of files")
		f.note("command", at, 1, "the files of "+orElse(strings.TrimSuffix(dir, "."), "the root")+" are served")
		f.command = []string{Self, "static", dir}
		return f, nil
	}
	return nil, nil
}
