package pipeline

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// choose finds the folder of the program and the best candidate in it: the root,
// or, where that holds none, the one folder below that does.
func choose(root *repo, folder string) (*found, *repo, string, error) {
	if folder != "" && folder != "." {
		r, err := root.sub(folder)
		if err != nil || len(r.files) == 0 {
			return nil, nil, "", pave.BadField("folder", folder, "is not a folder of the repository", "name one with a program in it")
		}
		f, err := best(r)
		return f, r, folder, err
	}
	f, err := best(root)
	if err != nil || f != nil && f.rank > rankFiles && !elsewhere(root, f) {
		return f, root, "", err
	}
	if f != nil && f.language == "go" && len(f.gaps) > 0 {
		return f, root, "", nil // a library: what else lies in its folders is not the service
	}
	var folders []string
	for _, dir := range manifestFolders(root) {
		r, err := root.sub(dir)
		if err != nil {
			continue
		}
		if inner, err := best(r); err == nil && inner != nil && inner.rank > rankFiles && len(inner.gaps) == 0 {
			folders = append(folders, dir)
		}
	}
	switch {
	case len(folders) == 1:
		r, err := root.sub(folders[0])
		if err != nil {
			return nil, nil, "", err
		}
		f, err = best(r)
		return f, r, folders[0], err
	case len(folders) > 1 && root.first(manifests...) == "":
		f = &found{}
		f.gap(flagFolder, "there are programs in several folders: "+strings.Join(folders[:min(len(folders), 8)], ", "))
	}
	return f, root, "", nil
}

// elsewhere reports whether a command is about a package that does not lie here: an
// image is made of a folder, and its Dockerfile lies beside that.
func elsewhere(root *repo, f *found) bool {
	argv := unwrap(f.command)
	return len(argv) > 0 && slices.Contains([]string{"npm", "npx", "yarn", "pnpm"}, argv[0]) && !root.has(packageFile)
}

// manifests are the files that begin a program.
var manifests = []string{"go.mod", "package.json", "requirements.txt", "pyproject.toml", "Pipfile", "pom.xml", "build.gradle", "build.gradle.kts", "Procfile", "manage.py"}

// manifestFolders are the folders, up to three deep, that hold a manifest.
func manifestFolders(r *repo) (out []string) {
	for _, f := range r.files {
		dir := path.Dir(f)
		if dir == "." || strings.Count(dir, "/") > 2 || !slices.Contains(manifests, path.Base(f)) || aside(f) || slices.Contains(out, dir) {
			continue
		}
		if out = append(out, dir); len(out) == 40 {
			break
		}
	}
	return out
}

// best is the candidate of the highest rank; nil if no detector knows the folder.
func best(r *repo) (*found, error) {
	d, err := readDockerfile(r)
	if err != nil {
		return nil, err
	}
	var all []*found
	var wrong error
	for _, detect := range detectors {
		f, err := detect(r)
		if err != nil {
			wrong = cmp.Or(wrong, err)
			continue
		}
		if f != nil {
			if d != nil && d.language() == f.language && f.rank > rankFiles {
				f.rank++ // who wrote the Dockerfile knew
			}
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b *found) int { return cmp.Compare(b.rank, a.rank) })
	if len(all) == 0 && r.has("Procfile") {
		f := &found{rank: rankFiles}
		f.note("language", "Procfile", 1, "a Procfile, and no language pave knows")
		f.gap(flagCommand, "the Procfile has no web line")
		all = append(all, f)
	}
	if len(all) == 0 || wrong != nil && all[0].rank <= rankFiles {
		return nil, wrong
	}
	f := all[0]
	applyProcfile(r, f)
	if len(f.command) == 0 && d != nil && slices.Contains([]string{"go", "node", "python", "java"}, f.language) {
		d.fill(f)
	}
	if len(f.command) > 0 && f.rank == rankFiles {
		f.rank = rankCommand
	}
	if at := r.first(otherManifests...); f.language == "" && at != "" {
		f.gap(flagBuild, at+" is of a language that pave does not build by itself")
	}
	return f, nil
}

// otherManifests begin programs that only given steps build.
var otherManifests = []string{"Gemfile", "composer.json", "Cargo.toml", "mix.exs", "build.sbt", "deps.edn", "project.clj", "Package.swift", "pubspec.yaml", "dune-project"}
