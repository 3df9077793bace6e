package cli

import (
	"fmt"
	"slices"

	"github.com/pave-platform/pave"
)

// A folded is the first of things in a row of which people are told the same. --verbose
// shows each of them.
type folded[T any] struct {
	first T
	more  int
}

// named is a name that stands for all of them.
func (f folded[T]) named(name string) string {
	if f.more == 0 {
		return name
	}
	return fmt.Sprintf("%s and %d more", name, f.more)
}

func fold[T any](all []T, alike func(a, b T) bool) []folded[T] {
	var out []folded[T]
	for _, v := range all {
		if n := len(out); n > 0 && alike(out[n-1].first, v) {
			out[n-1].more++
			continue
		}
		out = append(out, folded[T]{first: v})
	}
	return out
}

// foldChanges makes one line of the secrets that come with one thing: a bucket has six.
func (a *app) foldChanges(all []pave.Change) []folded[pave.Change] {
	return fold(all, func(x, y pave.Change) bool {
		return !a.verbose && together(x.Ref, y.Ref) && x.Action == y.Action && x.Provider == y.Provider && x.Price == y.Price &&
			x.After == y.After && x.Lost == y.Lost && slices.Equal(x.Detail, y.Detail)
	})
}

func (a *app) foldResources(all []pave.Resource) []folded[pave.Resource] {
	return fold(all, func(x, y pave.Resource) bool {
		return !a.verbose && together(x.Ref, y.Ref) && x.Provider == y.Provider && x.State == y.State && x.Ready == y.Ready && x.Reason == y.Reason
	})
}

func together(x, y pave.Ref) bool {
	return x.Kind == pave.KindSecret && y.Kind == pave.KindSecret && x.Env == y.Env
}
