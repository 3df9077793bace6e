package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// fixed gives words that are always the same.
func fixed(words ...string) names {
	return func(context.Context, *app) ([]string, error) { return words, nil }
}

// withPeople adds to a group what is about people: no plan, a row of theirs changes.
func withPeople(group *cobra.Command, planOnly bool, cmds ...*cobra.Command) *cobra.Command {
	if !planOnly {
		group.AddCommand(cmds...)
	}
	return group
}
