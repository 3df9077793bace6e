// Package source brings what lies elsewhere: a folder, a zip, or a git repository
// at a branch, tag or commit. What it brings is a read-only tree of files; what the
// files mean it does not know. Addresses come from people and may be hostile.
package source

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/git"
)

// Forms are the kinds of addresses.
const (
	Folder = "folder"
	Zip    = "zip"
	Git    = "git"
)

// An Address says where files lie: URL, perhaps a folder in it, perhaps a revision.
type Address struct {
	Form   string       // Folder, Zip or Git
	URL    string       // of a folder: its path
	Folder string       // within it; "" for all of it
	Rev    git.Revision // of a repository; "" for its default branch
}

// hosts are short names of git hosts, as cookiecutter has them.
var hosts = map[string]string{"gh": "https://github.com/", "gl": "https://gitlab.com/", "bb": "https://bitbucket.org/"}

var (
	shortForm = regexp.MustCompile(`^([a-z]{2}):(.*)$`)
	scheme    = regexp.MustCompile(`^[a-z+]+://`)
	helper    = regexp.MustCompile(`^[\w+-]+::`) // git's own word for programs that bring a repository
	sshForm   = regexp.MustCompile(`^[\w.-]+@[\w.-]+:`)
)

// examples of addresses, for hints.
const examples = "for example gh:team/templates, https://git.example.com/team/templates.git//service@v1, " +
	"https://example.com/template.zip or ./template"

// IsAddress tells an address from the name of a template: names have neither
// slashes nor colons.
func IsAddress(s string) bool {
	return strings.ContainsAny(s, "/:\\") || s == "." || s == ".."
}

// Parse reads an address: FOLDER, URL.zip, gh:OWNER/REPOSITORY or the http(s) URL of
// a repository; then //FOLDER within it and, for a repository, @REVISION. The error
// is Invalid.
func Parse(s string) (Address, error) {
	bad := func(rule, hint string) (Address, error) { return Address{}, pave.BadField("source", s, rule, hint) }
	text := strings.TrimSpace(s)
	switch {
	case text == "" || len(text) > 2000 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return bad("is not an address", examples)
	case sshForm.MatchString(text) || strings.HasPrefix(text, "ssh://") || strings.HasPrefix(text, "git://"):
		return bad("needs a protocol that is not spoken", "use the https:// address of the repository")
	case helper.MatchString(text):
		return bad("is not an address", examples)
	}
	if m := shortForm.FindStringSubmatch(text); m != nil {
		host, ok := hosts[m[1]]
		if !ok {
			return bad("begins with an unknown short name", "gh:, gl: and bb: are known")
		}
		return remote(s, host+m[2])
	}
	text = strings.TrimPrefix(text, "git+")
	if !scheme.MatchString(text) {
		return Address{Form: Folder, URL: text}, nil
	}
	if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		return bad("is neither a folder nor an http(s) address", examples)
	}
	return remote(s, text)
}

// remote takes folder and revision off a URL.
func remote(s, text string) (Address, error) {
	a := Address{Form: Git}
	bad := func(rule, hint string) (Address, error) { return Address{}, pave.BadField("source", s, rule, hint) }
	head, rest, _ := strings.Cut(text, "://")
	if at := strings.LastIndex(rest, "@"); at > strings.Index(rest, "/") && at > 0 {
		rev, err := git.ParseRevision(rest[at+1:])
		if err != nil {
			return Address{}, err
		}
		a.Rev, rest = rev, rest[:at]
	}
	if base, folder, ok := strings.Cut(rest, "//"); ok {
		rest, a.Folder = base, path.Clean(strings.Trim(folder, "/"))
		if git.CheckPath(a.Folder) != nil {
			return bad("names a folder that cannot be", "write the folder as it lies in the repository: URL//some/folder")
		}
	}
	u, err := url.Parse(head + "://" + rest)
	switch {
	case err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") == "":
		return bad("is not an address", examples)
	case u.User != nil:
		return bad("holds a login", "leave it out; logins lie in the file of PAVE_CREDENTIALS")
	case u.Fragment != "" || u.RawQuery != "" && !strings.HasSuffix(u.Path, ".zip"):
		return bad("holds a query or fragment", "write URL//FOLDER@REVISION")
	}
	if strings.HasSuffix(u.Path, ".zip") {
		a.Form = Zip
		if a.Rev != "" {
			return bad("is a zip, which has no revisions", "leave @"+string(a.Rev)+" out")
		}
	}
	a.URL = u.String()
	return a, nil
}

// String is the address as Parse reads it.
func (a Address) String() string {
	s := a.URL
	if a.Folder != "" {
		s += "//" + a.Folder
	}
	if a.Rev != "" {
		s += "@" + string(a.Rev)
	}
	return s
}

// Name is what the address is called when it has to have a short name: the last
// part of it.
func (a Address) Name() string {
	from := a.URL
	if a.Folder != "" {
		from = a.Folder
	}
	base := path.Base(strings.TrimRight(strings.ReplaceAll(from, "\\", "/"), "/"))
	return strings.TrimSuffix(strings.TrimSuffix(base, ".git"), ".zip")
}
