package githost

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// fields are the settings and secrets of the bindings of every host.
var fields = []pave.BindingField{
	{Name: "org", Required: true, Description: "organisation or group that the repositories belong to"},
	{Name: "visibility", Default: "private", OneOf: []string{"private", "internal", "public"}, Description: "who may see a repository"},
	{Name: "topics", Description: "topics of every repository, with commas"},
	{Name: "protect", Default: "true", OneOf: []string{"true", "false"}, Description: "nobody pushes over the history of main"},
	{Name: "reviews", Default: "1", Description: "approvals that a change of main needs, 0 to 6"},
	{Name: "teams", Default: "same", Description: "teams of the host by those of pave: web=web-devs,pay=payments; same: by the same name; none"},
	{Name: "role", Default: "write", OneOf: []string{"read", "write", "admin"}, Description: "what the team of a service may do"},
	{Name: "environments", Default: "true", OneOf: []string{"true", "false"}, Description: "make the environments of a service there"},
	{Name: "variables", Description: "variables of every pipeline: NAME=value,NAME=value"},
	{Name: "checks", Default: "read", OneOf: []string{"read", "wait"}, Description: "whether a release waits for the host's own pipelines"},
	{Name: "callback", Description: "address at which the host reaches this server, for webhooks; without one pave looks each minute"},
	{Name: "allow", Description: "private addresses that the host may have, with commas"},
	{Name: "secrets", Secret: true, Description: "secrets of every pipeline, a line NAME=value for each"},
}

// A wanted is what a binding and a spec ask of one repository.
type wanted struct {
	spec       resource.RepositorySpec
	visibility string
	topics     []string
	protection Protection
	team, role string // "" is no grant
	envs       []string
	variables  map[string]string
	secrets    map[string]pave.Secret
}

func setting(b resource.Opened, name string) string {
	if v := strings.TrimSpace(b.Settings[name]); v != "" {
		return v
	}
	for _, f := range fields {
		if f.Name == name {
			return f.Default
		}
	}
	return ""
}

var (
	topicPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,49}$`)
	keyPattern   = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,99}$`) // some hosts make all letters large
)

// read says what a binding asks for. Invalid, by field, where a value is not good.
func read(b resource.Opened) (w wanted, err error) {
	for _, f := range fields {
		if v := setting(b, f.Name); len(f.OneOf) > 0 && !slices.Contains(f.OneOf, v) {
			return w, pave.BadField(f.Name, v, "is not known", "one of "+strings.Join(f.OneOf, ", "))
		}
	}
	w.visibility, w.role = setting(b, "visibility"), setting(b, "role")
	for _, t := range list(setting(b, "topics")) {
		if !topicPattern.MatchString(t) || strings.HasPrefix(t, topicPrefix) {
			return w, pave.BadField("topics", t, "is no topic", "small letters, digits and dashes, not beginning with "+topicPrefix)
		}
		w.topics = append(w.topics, t)
	}
	n, err := strconv.Atoi(setting(b, "reviews"))
	if err != nil || n < 0 || n > 6 {
		return w, pave.BadField("reviews", setting(b, "reviews"), "is not a number from 0 to 6", "--set reviews=1")
	}
	if setting(b, "protect") == "true" {
		w.protection = Protection{On: true, Reviews: n, CodeOwner: n > 0}
	}
	if w.variables, err = pairs("variables", list(setting(b, "variables"))); err != nil {
		return w, err
	}
	lines, err := pairs("secrets", strings.Split(b.Secrets["secrets"].Reveal(), "\n"))
	w.secrets = map[string]pave.Secret{}
	for k, v := range lines {
		w.secrets[k] = pave.NewSecret(v)
	}
	return w, err
}

// of adds what the spec of a resource says.
func (w wanted) of(b resource.Opened, spec json.RawMessage) (wanted, error) {
	if err := json.Unmarshal(spec, &w.spec); err != nil {
		return w, err
	}
	team, err := teamOf(b, string(w.spec.Team))
	if err != nil {
		return w, err
	}
	w.team = team
	w.protection.CodeOwner = w.protection.CodeOwner && team != "" && w.role != "read"
	if setting(b, "environments") == "true" {
		for _, env := range w.spec.Environments {
			w.envs = append(w.envs, string(env))
		}
	}
	return w, nil
}

// teamOf is the host's name of a team; "" is none.
func teamOf(b resource.Opened, team string) (string, error) {
	text := setting(b, "teams")
	if text == "same" {
		return team, nil
	}
	m, err := teamsOf(b)
	if err == nil && text != "none" && m[team] == "" {
		err = pave.BadField("teams", text, "has no team of the host for "+team, "--set teams="+text+","+team+"=TEAM, or same, or none")
	}
	return m[team], err
}

// teamsOf are the teams of the host that a binding names, by those of pave.
func teamsOf(b resource.Opened) (map[string]string, error) {
	text := setting(b, "teams")
	if text == "same" || text == "none" {
		return nil, nil
	}
	m, err := pairs("teams", list(text))
	if err != nil {
		err = pave.BadField("teams", text, "does not say which team of the host is which of pave", "--set teams=web=web-devs,pay=payments, or same, or none")
	}
	return m, err
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// pairs reads NAME=value. A value is in no error: it may be secret.
func pairs(field string, lines []string) (map[string]string, error) {
	out := map[string]string{}
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok || value == "" || field != "teams" && !keyPattern.MatchString(key) {
			return nil, pave.BadField(field, key, "is not of the form NAME=value, in large letters", "--set "+field+"=NAME=value,NAME=value")
		}
		out[key] = value
	}
	return out, nil
}

// mainBranch is the default branch of all repositories.
const mainBranch = string(git.MainBranch)
