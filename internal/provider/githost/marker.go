package githost

import (
	"slices"
	"strings"

	"github.com/pave-platform/pave/internal/git"
	"github.com/pave-platform/pave/internal/resource"
)

// topicPrefix begins the topic that carries the id of a resource.
const topicPrefix = "pave-"

func topic(id string) string {
	return topicPrefix + strings.ToLower(strings.ReplaceAll(id, "_", "-"))
}

// mark is what the description ends with until the topic is there.
func mark(id string) string { return " [pave " + id + "]" }

// marked are the ids of resources that a repository says it belongs to.
func marked(r Repository) []string {
	var out []string
	if i := strings.LastIndex(r.Description, mark("")[:7]); i >= 0 && strings.HasSuffix(r.Description, "]") {
		out = append(out, strings.TrimSuffix(r.Description[i+7:], "]"))
	}
	for _, t := range r.Topics {
		kind, id, ok := strings.Cut(strings.TrimPrefix(t, topicPrefix), "-")
		if ok && strings.HasPrefix(t, topicPrefix) && len(id) == 26 { // a ULID
			out = append(out, kind+"_"+strings.ToUpper(id))
		}
	}
	return out
}

// ours reports whether a repository carries the id.
func ours(r Repository, id string) bool {
	return id != "" && slices.Contains(marked(r), id) && !resource.Planted("no-marker")
}

// hostNote is the note in the mirror that has the host's own id of the repository: a topic
// anybody may set on a repository of theirs, that id nobody.
const hostNote = "host-id"

// mine reports whether a repository carries the id of a resource, and is the very one that
// its mirror knows. One whose mirror knows none is known by the marker alone.
func (d *Driver) mine(repo Repository, r resource.Resource) (bool, error) {
	if !ours(repo, r.ID) {
		return false, nil
	}
	return d.same(repo, r)
}

func (d *Driver) same(repo Repository, r resource.Resource) (bool, error) {
	if r.ID == "" {
		return true, nil
	}
	known, err := git.Note(d.Mirror.Place(r), hostNote)
	return known == "" || repo.ID == "" || known == repo.ID, err
}

// remember has the mirror know the repository; "" is none, for the moment in which another
// one is made.
func (d *Driver) remember(r resource.Resource, id string) error {
	return git.SetNote(d.Mirror.Place(r), hostNote, id)
}

// unmarked is a description without its mark.
func unmarked(text, id string) string { return strings.TrimSuffix(text, mark(id)) }

// asideName is the name of a repository that was set aside.
func asideName(r resource.Resource) string {
	return r.ExternalID + "-aside-" + strings.ToLower(r.ID[max(0, len(r.ID)-12):])
}
