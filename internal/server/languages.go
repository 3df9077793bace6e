package server

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// languageTools are programs that only repositories of a language need.
var languageTools = []struct{ program, language, install string }{
	{"go", "Go", "install Go 1.26 or newer: https://go.dev/dl"},
	{"node", "Node", "apt-get install -y nodejs npm, or install Node 20 or newer: https://nodejs.org"},
	{"npm", "Node", "apt-get install -y npm, or install Node 20 or newer: https://nodejs.org"},
	{"python3", "Python", "apt-get install -y python3 python3-venv"},
	{"java", "Java", "apt-get install -y default-jdk-headless"},
	{"mvn", "Java", "apt-get install -y maven"},
	{"gradle", "Java", "apt-get install -y gradle, or add the Gradle wrapper to the repository"},
	{"hugo", "sites", "apt-get install -y hugo"},
	{"mkdocs", "sites", "apt-get install -y mkdocs"},
	{"jekyll", "sites", "apt-get install -y jekyll"},
}

// installs says how a program comes to this machine.
func installs(program string) string {
	program = strings.TrimSuffix(program, ".exe")
	for _, t := range languageTools {
		if t.program == program || program == "npx" && t.program == "npm" {
			return t.install
		}
	}
	return "install " + program + " in a folder of the PATH that every user may enter"
}

// languageChecks tell which languages this machine can build. A missing one is no
// fault: nobody may need it.
func languageChecks(c Config) []pave.Check {
	j := newJobs(c, nil, os.Geteuid() == 0)
	var out []pave.Check
	for _, t := range languageTools[1:6] {
		check := pave.Check{Name: t.program, OK: true, Detail: "found, for " + t.language + " services"}
		if j.Look(t.program) != nil {
			check.Detail = "not found; only " + t.language + " services need it: " + t.install
		}
		out = append(out, check)
	}
	return out
}

// nodeHeaders is the folder whose include/node holds the headers of the node on a
// PATH; "" where they are not installed.
func nodeHeaders(path string) string {
	for _, dir := range filepath.SplitList(path) {
		program, err := filepath.EvalSymlinks(filepath.Join(dir, "node"))
		if err != nil {
			continue
		}
		prefix := filepath.Dir(filepath.Dir(program))
		if _, err := os.Stat(filepath.Join(prefix, "include", "node", "node.h")); err == nil {
			return prefix
		}
		return ""
	}
	return ""
}

// openPath is a PATH without the folders that the user of builds cannot enter, and
// with the usual ones.
func openPath(path string) string {
	var out []string
	for _, dir := range slices.Concat(filepath.SplitList(path), filepath.SplitList("/usr/local/bin:/usr/bin:/bin")) {
		if filepath.IsAbs(dir) && !slices.Contains(out, dir) && openToAll(dir) {
			out = append(out, dir)
		}
	}
	return strings.Join(out, string(os.PathListSeparator))
}

// openToAll reports whether every user may enter a folder.
func openToAll(dir string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || !info.IsDir() || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
