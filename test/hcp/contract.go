package hcp

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/go-tfe"
)

// mediaType is that of JSON:API.
const mediaType = "application/vnd.api+json"

// types are those that answers are read into.
var types = map[string]reflect.Type{
	"applies":                reflect.TypeFor[tfe.Apply](),
	"configuration-versions": reflect.TypeFor[tfe.ConfigurationVersion](),
	"organizations":          reflect.TypeFor[tfe.Organization](),
	"plans":                  reflect.TypeFor[tfe.Plan](),
	"policy-checks":          reflect.TypeFor[tfe.PolicyCheck](),
	"runs":                   reflect.TypeFor[tfe.Run](),
	"state-version-outputs":  reflect.TypeFor[tfe.StateVersionOutput](),
	"users":                  reflect.TypeFor[tfe.User](),
	"vars":                   reflect.TypeFor[tfe.Variable](),
	"workspaces":             reflect.TypeFor[tfe.Workspace](),
}

// A document is an object of JSON:API.
type document struct {
	Type          string         `json:"type"`
	ID            string         `json:"id"`
	Attributes    map[string]any `json:"attributes"`
	Relationships map[string]any `json:"relationships,omitempty"`
}

func object(kind, id string, attributes, relationships map[string]any) document {
	return document{kind, id, attributes, relationships}
}

func related(kind, id string) map[string]any {
	return map[string]any{"data": map[string]any{"type": kind, "id": id}}
}

// keep sees that a document says nothing that the type it is read into does not have.
func (s *Server) keep(d document) {
	t, known := types[d.Type]
	if !known {
		s.t.Errorf("there are no %s", d.Type)
		return
	}
	var has []string
	for i := range t.NumField() {
		words := strings.Split(t.Field(i).Tag.Get("jsonapi"), ",")
		if len(words) > 1 {
			has = append(has, words[0]+" "+words[1])
		}
	}
	for name := range d.Attributes {
		if !slices.Contains(has, "attr "+name) {
			s.t.Errorf("%s have no %s", d.Type, name)
		}
	}
	for name := range d.Relationships {
		if !slices.Contains(has, "relation "+name) {
			s.t.Errorf("%s lead to no %s", d.Type, name)
		}
	}
}

// answer sends one document, with others that were asked for beside.
func (s *Server) answer(w http.ResponseWriter, status int, d document, included ...document) {
	for _, one := range append(included, d) {
		s.keep(one)
	}
	body := map[string]any{"data": d}
	if len(included) > 0 {
		body["included"] = included
	}
	send(w, status, body)
}

// list sends the page of many that was asked for.
func (s *Server) list(w http.ResponseWriter, r *http.Request, all []document) {
	for _, one := range all {
		s.keep(one)
	}
	number, size := max(asked(r, "page[number]"), 1), asked(r, "page[size]")
	if size == 0 {
		size = 20
	}
	size = min(size, 100)
	pages := max((len(all)+size-1)/size, 1)
	from := min((number-1)*size, len(all))
	pagination := map[string]any{"current-page": number, "page-size": size, "total-pages": pages, "total-count": len(all), "prev-page": nil, "next-page": nil}
	if number > 1 {
		pagination["prev-page"] = number - 1
	}
	if number < pages {
		pagination["next-page"] = number + 1
	}
	send(w, http.StatusOK, map[string]any{"data": append([]document{}, all[from:min(from+size, len(all))]...), "meta": map[string]any{"pagination": pagination}})
}

func asked(r *http.Request, name string) (n int) {
	_ = json.Unmarshal([]byte(r.URL.Query().Get(name)), &n) // 0 where it is not said
	return n
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// sent is the document of a call.
type sent struct {
	Type          string
	Attributes    map[string]any
	Relationships map[string]struct {
		Data struct{ Type, ID string }
	}
}

// read takes the document of a call, which has to be of a type; 422 is answered where it
// is not.
func read(w http.ResponseWriter, r *http.Request, kind string) (sent, bool) {
	var in struct{ Data sent }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Data.Type != kind {
		refuse(w, http.StatusUnprocessableEntity, "invalid request", "it is no document of type "+kind)
		return in.Data, false
	}
	return in.Data, true
}
