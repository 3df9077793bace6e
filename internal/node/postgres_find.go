package node

import (
	"cmp"
	"context"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

// FindPostgres returns the folder of the PostgreSQL server programs of this
// machine and their version: the ones in the PATH, else the highest under
// /usr/lib/postgresql. NotFound when there are none.
func FindPostgres() (dir, version string, err error) {
	return findPostgres("")
}

// findPostgres looks for a major version, or for any.
func findPostgres(major string) (dir, version string, err error) {
	for _, dir := range postgresDirs() {
		version := postgresVersion(dir)
		if version != "" && (major == "" || majorOf(version) == major) {
			return dir, version, nil
		}
	}
	if major != "" {
		return "", "", pave.Errorf(pave.NotFound, "the database was made by PostgreSQL %s, whose programs are not on this machine", major).
			WithHint("apt-get install -y postgresql-%s", major)
	}
	return "", "", pave.Errorf(pave.NotFound, "the PostgreSQL server programs are not on this machine").
		WithHint("apt-get install -y postgresql")
}

// postgresDirs lists folders that hold initdb and postgres, best first.
func postgresDirs() []string {
	candidates := filepath.SplitList(os.Getenv("PATH"))
	var versioned []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"} {
		found, _ := filepath.Glob(pattern)
		versioned = append(versioned, found...)
	}
	slices.SortStableFunc(versioned, func(a, b string) int { return cmp.Compare(numberIn(b), numberIn(a)) })
	var dirs []string
	for _, dir := range append(candidates, versioned...) {
		if filepath.IsAbs(dir) && isProgram(filepath.Join(dir, "initdb")) && isProgram(filepath.Join(dir, "postgres")) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// numberIn returns the version in a folder's name: 15 for .../15/bin.
func numberIn(dir string) float64 {
	_, name, at := strings.Cut(filepath.Base(filepath.Dir(dir)), "@")
	if !at {
		name = filepath.Base(filepath.Dir(dir))
	}
	v, _ := strconv.ParseFloat(name, 64)
	return v
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+(?:\.\d+)?)`)

func postgresVersion(dir string) string {
	var out strings.Builder
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := job.Run(ctx, job.Spec{
		Command: []string{filepath.Join(dir, "postgres"), "--version"}, Dir: "/",
		Output: func(l job.Line) { out.WriteString(l.Text + "\n") },
	})
	if m := versionPattern.FindStringSubmatch(out.String()); err == nil && m != nil {
		return m[1]
	}
	return ""
}

func majorOf(version string) string {
	major, _, _ := strings.Cut(version, ".")
	return major
}

// An account is a user of this machine.
type account struct {
	name     string
	uid, gid int
}

// serverAccount is who servers of a kind run as: never root, and a user with an
// entry in passwd, without which initdb refuses.
func serverAccount(kind string) (account, error) {
	if os.Geteuid() != 0 {
		u, err := user.Current()
		if err != nil {
			return account{}, pave.Errorf(pave.Invalid, "the user of the node has no entry in passwd: %w", err).
				WithHint("run pave as a user that has one")
		}
		return account{u.Username, os.Geteuid(), os.Getegid()}, nil
	}
	users := serverKinds[kind].users
	for _, name := range users {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return account{name, uid, gid}, nil
		}
	}
	return account{}, pave.Errorf(pave.NotFound, "there is no user to run %s as, and it must not run as root", kind).
		WithHint("useradd --system --user-group --no-create-home --shell /usr/sbin/nologin %s", users[len(users)-1])
}
