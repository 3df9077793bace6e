package githost

import (
	"slices"
	"strings"

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

// unmarked is a description without its mark.
func unmarked(text, id string) string { return strings.TrimSuffix(text, mark(id)) }

// asideName is the name of a repository that was set aside.
func asideName(r resource.Resource) string {
	return r.ExternalID + "-aside-" + strings.ToLower(r.ID[max(0, len(r.ID)-12):])
}
