package job

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
)

// minRedact is the shortest value that is taken out: a shorter one would tear
// holes into words that have nothing to do with it.
const minRedact = 4

// A Redactor replaces secrets by dots: the value itself, each of its lines, and
// its forms in JSON, URLs and base64. The zero value and nil replace nothing.
type Redactor struct {
	replace *strings.Replacer
	longest int
}

// NewRedactor returns a Redactor of the values. Values shorter than 4 bytes are
// not replaced.
func NewRedactor(secrets ...pave.Secret) *Redactor {
	var forms []string
	add := func(f string) {
		if len(f) >= minRedact && !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	for _, s := range secrets {
		v := s.Reveal()
		if len(v) < minRedact {
			continue
		}
		add(v)
		if strings.Contains(v, "\n") { // output comes in lines
			for line := range strings.Lines(v) {
				if line = strings.TrimSpace(line); len(line) >= 8 {
					add(line)
				}
			}
		}
		if quoted, err := json.Marshal(v); err == nil {
			add(string(quoted[1 : len(quoted)-1]))
		}
		add(url.QueryEscape(v))
		add(url.PathEscape(v))
		add(base64.StdEncoding.EncodeToString([]byte(v)))
		add(base64.URLEncoding.EncodeToString([]byte(v)))
	}
	if len(forms) == 0 {
		return &Redactor{}
	}
	// The replacer takes the first that fits: the longest must come first.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, f := range forms {
		pairs = append(pairs, f, pave.Secret{}.String())
	}
	return &Redactor{replace: strings.NewReplacer(pairs...), longest: len(forms[0])}
}

// String returns s without the secrets.
func (r *Redactor) String(s string) string {
	if r == nil || r.replace == nil {
		return s
	}
	return r.replace.Replace(s)
}

// Longest is the length of the longest form that is replaced.
func (r *Redactor) Longest() int {
	if r == nil {
		return 0
	}
	return r.longest
}
