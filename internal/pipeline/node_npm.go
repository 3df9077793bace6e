package pipeline

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// manager is the program that installs the packages of a Node repository.
type manager struct {
	name    string
	install []string
	prune   []string // leaves what runs; nil where that is not cheap
	runs    []string // before the name of a script
}

func (m manager) run(script string) []string { return append(slices.Clone(m.runs), script) }

var versioned = regexp.MustCompile(`^(npm|pnpm|yarn)@(\d+\.\d+\.\d+)`)

// manager tells from the lock file, or from packageManager, who installs. Programs
// other than npm come through npm, in a fixed version.
func (n nodeApp) manager() manager {
	name, version := "npm", ""
	lock := n.r.first("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock")
	switch lock {
	case "pnpm-lock.yaml":
		name = "pnpm"
	case "yarn.lock":
		name = "yarn"
	}
	if m := versioned.FindStringSubmatch(n.pkg.PackageManager); m != nil && (lock == "" || m[1] == name) {
		name, version = m[1], m[2]
	}
	if lock != "" {
		n.note("dependencies", lock, 1, "the lock file of "+name)
	}
	switch name {
	case "pnpm":
		return pnpm(version, lock != "")
	case "yarn":
		return yarn(version, n.r.read("yarn.lock"))
	}
	m := manager{name: "npm", runs: []string{"npm", "run"}, install: []string{"npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"},
		prune: []string{"npm", "prune", "--omit=dev", "--no-audit", "--no-fund"}}
	if lock == "" {
		m.install = []string{"npm", "install", "--no-package-lock", "--no-audit", "--no-fund"}
		if len(n.pkg.Dependencies)+len(n.pkg.Dev) == 0 {
			return m
		}
		n.note("note", packageFile, 1, "there is no lock file: each build takes the newest packages that fit")
	}
	return m
}

func pnpm(version string, locked bool) manager {
	run := []string{"npx", "--yes", "pnpm@" + orElse(version, "9.15.9")}
	// Copies, not links: a release shares no file with the cache of builds.
	m := manager{name: "pnpm", runs: append(slices.Clone(run), "run"), install: append(slices.Clone(run), "install", "--package-import-method=copy")}
	if locked {
		m.install = append(m.install, "--frozen-lockfile")
	}
	return m
}

func yarn(version, lock string) manager {
	if modern := strings.Contains(lock, "__metadata:"); !modern && !(len(version) > 0 && version[0] > '1') {
		run := []string{"npx", "--yes", "yarn@" + orElse(version, "1.22.22")}
		m := manager{name: "yarn", runs: append(slices.Clone(run), "run"), install: append(slices.Clone(run), "install")}
		if lock != "" {
			m.install = append(m.install, "--frozen-lockfile")
		}
		return m
	}
	// The plain folder of packages, so that node itself finds them.
	run := []string{"env", "YARN_ENABLE_GLOBAL_CACHE=false", "YARN_NODE_LINKER=node-modules", "npx", "--yes", "@yarnpkg/cli-dist@" + orElse(version, "4.9.2")}
	m := manager{name: "yarn", runs: append(slices.Clone(run), "run"), install: append(slices.Clone(run), "install")}
	if lock != "" {
		m.install = append(m.install, "--immutable")
	}
	return m
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// argvOf finds the programs of packages, and what scripts of scripts run.
func (n nodeApp) argvOf(argv []string) []string { return n.resolve(argv, 0) }

func (n nodeApp) resolve(argv []string, depth int) []string {
	if len(argv) == 0 || depth > 5 {
		return argv
	}
	script := ""
	switch {
	case slices.Contains([]string{"npm", "yarn", "pnpm"}, argv[0]) && len(argv) >= 2:
		script = argv[1]
		if script == "run" && len(argv) > 2 {
			script = argv[2]
		}
		if rest := argv[slices.Index(argv, script)+1:]; len(rest) > 0 || n.pkg.Scripts[script] == "" {
			return argv
		}
	case argv[0] == "npx" && len(argv) >= 2 && !strings.HasPrefix(argv[1], "-"):
		return n.resolve(argv[1:], depth+1)
	case argv[0] == "node" || argv[0] == "npx" || strings.Contains(argv[0], "/"):
		return argv
	case slices.Contains([]string{"npm", "yarn", "pnpm", "bun", "deno", "sh", "bash", "python3", "python"}, argv[0]):
		return argv
	default:
		return append([]string{path.Join("node_modules/.bin", argv[0])}, argv[1:]...)
	}
	l := parseLine(n.pkg.Scripts[script])
	if l.shell {
		return n.argv(l)
	}
	for k, v := range l.set {
		n.set[k] = v
	}
	return n.resolve(l.argv, depth+1)
}
