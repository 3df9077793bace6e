package world

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/job"
)

// A Secret is a value that belongs in some places and in no other.
type Secret struct {
	Name  string
	Value string
	// May says whether the secret may be at a place, which is named as Scan names
	// it: "file server.json", "environment of shop/staging".
	May func(place string) bool
}

// needles are the forms a secret is looked for in: plain, and base64 at each of
// the three offsets it may have within something longer.
func needles(value string) [][]byte {
	out := [][]byte{[]byte(value)}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for offset := range 3 {
			text := enc.EncodeToString(append(make([]byte, offset), value...))
			first := []int{0, 2, 3}[offset]              // characters that the bytes before have a part in
			whole := (offset + len(value)) / 3 * 4       // characters of whole groups
			out = append(out, []byte(text[first:whole])) // the rest depends on what follows
		}
	}
	return out
}

// A Sighting is a secret where it does not belong.
type Sighting struct{ Secret, Place string }

func (s Sighting) String() string { return s.Secret + " in " + s.Place }

// A scan collects sightings.
type scan struct {
	secrets []Secret
	found   []Sighting
	places  int
}

func (c *scan) look(place string, data []byte) {
	c.places++
	for _, s := range c.secrets {
		if s.May != nil && s.May(place) {
			continue
		}
		for _, n := range needles(s.Value) {
			if bytes.Contains(data, n) {
				c.found = append(c.found, Sighting{s.Name, place})
				break
			}
		}
	}
}

// Scan looks for secrets in all a home has: every file of it (logs, the store, the
// files of PostgreSQL), every object of its repositories, every answer of the API,
// arguments and environments of all its processes. It returns the sightings and
// how many places it looked at.
func (h *Home) Scan(secrets ...Secret) ([]Sighting, int, error) {
	c := &scan{secrets: secrets}
	for _, look := range []func(*scan) error{h.scanFiles, h.scanGit, h.scanAPI, h.scanProcesses} {
		if err := look(c); err != nil {
			return nil, 0, err
		}
	}
	return c.found, c.places, nil
}

func (h *Home) scanFiles(c *scan) error {
	return filepath.WalkDir(h.Dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // it went while we looked
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(h.Dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		c.look("file "+name, data)
		return err
	})
}

// scanGit reads all objects, unpacked.
func (h *Home) scanGit(c *scan) error {
	repos, err := filepath.Glob(filepath.Join(h.Dir, "git", "*.git"))
	for _, dir := range repos {
		all, err := git(dir, "cat-file", "--batch", "--batch-all-objects")
		if err != nil {
			return err
		}
		c.look("git "+filepath.Base(dir), []byte(all))
	}
	return err
}

// scanAPI reads every list, and each item of those that have more to say.
func (h *Home) scanAPI(c *scan) error {
	var listed []string
	get := func(path string) ([]byte, error) {
		var raw []byte
		err := h.Call(http.MethodGet, path, nil, &raw)
		c.look("answer "+path, raw)
		return raw, err
	}
	for _, path := range []string{"/v1/resources", "/v1/templates", "/v1/environments", "/v1/teams", "/v1/entities", "/v1/doctor",
		"/v1/whoami", "/v1/services", "/v1/services?deleted=true", "/v1/runs?limit=200", "/v1/events", "/v1/audit", "/openapi.json"} {
		raw, err := get(path)
		if err != nil {
			return err
		}
		listed = append(listed, idsIn(raw, "run_")...)
	}
	for _, id := range listed {
		for _, path := range []string{"/v1/runs/" + id, "/v1/runs/" + id + "/logs", "/v1/events?run=" + id} {
			if _, err := get(path); err != nil {
				return err
			}
		}
	}
	h.mu.Lock()
	plans, services := h.plans, []string{}
	for what := range h.starts {
		if name, ok := strings.CutPrefix(what, "create service service:"); ok {
			services = append(services, name)
		}
	}
	h.mu.Unlock()
	for _, id := range plans {
		if _, err := get("/v1/plans/" + id); err != nil {
			return err
		}
	}
	for _, name := range services {
		for _, more := range []string{"", "/status", "/explain", "/revisions", "/releases", "/variables", "/secrets", "/logs"} {
			_, err := get("/v1/services/" + url.PathEscape(name) + more)
			if p, ok := err.(*Problem); err != nil && !(ok && p.Status == http.StatusNotFound) {
				return err
			}
		}
	}
	return nil
}

// idsIn returns the ids of a prefix in a text, each once.
func idsIn(text []byte, prefix string) []string {
	seen := map[string]bool{}
	var out []string
	for rest := string(text); ; {
		i := strings.Index(rest, `"`+prefix)
		if i < 0 {
			return out
		}
		rest = rest[i+1:]
		id, _, _ := strings.Cut(rest, `"`)
		if pave.IsIDPrefix(strings.TrimSuffix(prefix, "_"), id) && !seen[id] {
			out = append(out, id)
		}
		seen[id] = true
	}
}

// scanProcesses reads arguments and environments of all that belongs to the home.
func (h *Home) scanProcesses(c *scan) error {
	server, node := h.Stat().PID, h.NodePID()
	job.Find(func(p job.Proc) bool {
		name := ""
		switch {
		case p.PID == server:
			name = "server"
		case p.PID == node:
			name = "node"
		case p.Env("PAVE_TOKEN_FILE") != "" && h.Inside(p):
			name = p.Env("SERVICE_NAME") + "/" + p.Env("PAVE_ENVIRONMENT")
		case p.Env("PAVE_HOOK_SERVICE") != "": // git and its hook, with the rights of who pushes
			name = "a push to " + p.Env("PAVE_HOOK_SERVICE")
		case h.Inside(p) || p.Env("PAVE_HOME") == h.Dir:
			name = "process " + p.Env("PAVE_ITEM")
		default:
			return false
		}
		c.look("arguments of "+name, []byte(CommandLine(p.PID)))
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		if err == nil {
			c.look("environment of "+name, env)
		}
		return false
	})
	return nil
}

// Variable reads a variable from the environment of a running process of a
// service: what the service itself sees.
func (h *Home) Variable(service, env, name string) (string, error) {
	value := ""
	job.Find(func(p job.Proc) bool {
		if p.Env("SERVICE_NAME") == service && p.Env("PAVE_ENVIRONMENT") == env && p.Env("PAVE_TOKEN_FILE") != "" && h.Inside(p) {
			value = p.Env(name)
		}
		return false
	})
	if value == "" {
		return "", fmt.Errorf("no process of %s in %s has %s", service, env, name)
	}
	return value, nil
}
