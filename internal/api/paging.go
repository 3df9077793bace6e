package api

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pave-platform/pave"
)

// maxPage is how many items are given at once.
const maxPage = 200

// Page is the part of a list that is wanted. The library finds its parameters in
// exported types only.
type Page struct {
	Limit  int    `query:"limit" minimum:"0" maximum:"200" default:"200"`
	Cursor string `query:"cursor" maxLength:"1000" doc:"next of the page before"`
}

type (
	pageOnly  struct{ Page }
	pageNamed struct {
		Page
		Name string `path:"name"`
	}
	pageOfService struct {
		Page
		Service string `query:"service" doc:"name of a service"`
	}
)

// paged returns what cuts a page out of a list. The items are ordered by their key,
// which no two of them share, and a cursor is the key of the last item seen: what
// comes or goes meanwhile neither hides nor doubles another one.
func paged[T any](p Page, key func(T) string) func([]T, error) (*list[T], error) {
	return func(items []T, err error) (*list[T], error) {
		if err != nil {
			return nil, err
		}
		after, err := readCursor(p.Cursor)
		if err != nil {
			return nil, err
		}
		if p.Limit <= 0 || p.Limit > maxPage {
			p.Limit = maxPage
		}
		items = slices.Clone(items)
		slices.SortStableFunc(items, func(a, b T) int { return strings.Compare(key(a), key(b)) })
		if p.Cursor != "" {
			items = slices.DeleteFunc(items, func(v T) bool { return key(v) <= after })
		}
		out := &list[T]{}
		if len(items) > p.Limit {
			items = items[:p.Limit]
			out.Body.Next = base64.RawURLEncoding.EncodeToString([]byte(key(items[p.Limit-1])))
		}
		out.Body.Items = append([]T{}, items...)
		return out, nil
	}
}

func readCursor(cursor string) (string, error) {
	key, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", pave.BadField("cursor", cursor, "is no cursor", "the next of the page before, or none for the first page")
	}
	return string(key), nil
}

// The keys of lists.
func byServiceName(s pave.Service) string    { return string(s.Name) + "\x00" + s.ID }
func byResourceID(r pave.Resource) string    { return r.ID }
func byTeamName(t pave.Team) string          { return string(t.Name) }
func byEntity(e pave.Entity) string          { return e.Kind + "\x00" + e.Name + "\x00" + e.Ref }
func byRevision(r pave.Revision) string      { return number(r.Number) }
func byRelease(r pave.Release) string        { return number(math.MaxInt64 - r.Number) }
func byProvider(p pave.Provider) string      { return p.Kind + " " + p.Name }
func byModule(m pave.ModuleInfo) string      { return m.Name }
func byRank(e pave.Environment) string       { return number(e.Rank) + string(e.Name) }
func byTemplate(t pave.Template) string      { return t.Name + "\x00" + t.Version + "\x00" + t.Source }
func byAddress(t pave.TemplateSource) string { return t.Address }
func byUserName(u pave.User) string          { return u.Name }
func byMemberName(m pave.Member) string      { return m.User }
func byOwner(t pave.Token) string            { return t.User + "\x00" + t.ID }
func byVariable(v pave.Variable) string      { return v.Name + "\x00" + string(v.Environment) }
func bySecret(v pave.SecretName) string      { return v.Name + "\x00" + string(v.Environment) }
func byCall(c pave.Call) string {
	return string(c.Caller) + "\x00" + string(c.Target) + "\x00" + string(c.Environment)
}
func number(n int) string { return fmt.Sprintf("%020d", n) }

// pageAfter is the page of a list whose items have growing numbers: the next page
// begins after the number of the last item.
func pageAfter[T any](limit int, number func(T) int64) func([]T, error) (*list[T], error) {
	return func(items []T, err error) (*list[T], error) {
		out, err := listOf(items, err)
		if n := len(out.Body.Items); err == nil && n > 0 && n >= limit {
			out.Body.Next = strconv.FormatInt(number(out.Body.Items[n-1]), 10)
		}
		return out, err
	}
}

// cursorOr is the number that a cursor stands for; after is another word for it.
func cursorOr(cursor string, after int64) (int64, error) {
	if cursor == "" {
		return after, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 {
		return 0, pave.BadField("cursor", cursor, "is no cursor", "the next of the page before, or none for the first page")
	}
	return n, nil
}
