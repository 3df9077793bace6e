package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	api "github.com/google/go-github/v92/github"

	"github.com/pave-platform/pave"
)

// problem is an error of GitHub's in pave's words; nil stays nil.
func problem(what string, err error) error {
	var known *pave.Error
	var said *api.ErrorResponse
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return pave.Errorf(known.Code, "%s: %w", what, known).WithHint("%s", known.Hint)
	case errors.As(err, &said):
		return answered(what, said)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return pave.Errorf(pave.Unavailable, "%s: github did not answer in time: %w", what, err)
	case errors.As(err, &syntax), errors.As(err, &kind):
		return pave.Errorf(pave.Unavailable, "%s: what answered does not speak GitHub's API: %w", what, err).
			WithHint(strangeHint)
	}
	return pave.Errorf(pave.Unavailable, "%s: %w", what, err).WithHint("give the command again in a moment, a run tries by itself; pave doctor asks it")
}

// answered is an answer of GitHub's that is an error.
func answered(what string, said *api.ErrorResponse) error {
	status := said.Response.StatusCode
	text := fmt.Sprintf("%s: github answers %d", what, status)
	if words := wordsOf(said); words != "" {
		text += ", " + words
	}
	switch {
	case status == http.StatusUnauthorized:
		return pave.Errorf(pave.Denied, "%s", text).WithHint("the token or key is no longer good: pave bind default repository github --secret token, with --org as before; a run that stopped goes on with pave retry")
	case status == http.StatusForbidden, status == http.StatusUnavailableForLegalReasons:
		hint := "the binding lacks a permission; the list is in docs/github.md"
		if needs := said.Response.Header.Get("X-Accepted-Github-Permissions"); needs != "" {
			hint = "the binding needs " + clip(needs)
		}
		if strings.Contains(said.Message, "Upgrade to") {
			hint = "the plan of the organisation has no such thing for private repositories: --set protect=false, or --set visibility=public"
		}
		return pave.Errorf(pave.Denied, "%s", text).WithHint("%s", hint)
	case status == http.StatusNotFound, status == http.StatusGone:
		return pave.Errorf(pave.NotFound, "%s", text)
	case status == http.StatusConflict, status == http.StatusUnprocessableEntity && taken(said):
		return pave.Errorf(pave.Conflict, "%s", text)
	case status >= 500:
		return pave.Errorf(pave.Unavailable, "%s", text).WithHint("give the command again, a run tries by itself; see https://www.githubstatus.com")
	}
	return pave.Errorf(pave.Invalid, "%s", text)
}

// taken reports whether the answer is that something of that name is there.
func taken(said *api.ErrorResponse) bool {
	return strings.Contains(strings.ToLower(wordsOf(said)), "already exists")
}

func wordsOf(said *api.ErrorResponse) string {
	words := []string{}
	for _, w := range append([]string{said.Message}, errorTexts(said)...) {
		if w != "" {
			words = append(words, clip(w))
		}
	}
	return strings.Join(words, ": ")
}

func errorTexts(said *api.ErrorResponse) []string {
	var out []string
	for _, e := range said.Errors {
		switch {
		case e.Message != "":
			out = append(out, e.Message)
		case e.Code == "already_exists":
			out = append(out, e.Field+" already exists")
		case e.Code != "":
			out = append(out, e.Field+" "+e.Code)
		}
	}
	return out[:min(len(out), 5)]
}

func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return s
}
