// Package e2e_test holds the whole platform to what it promises beside crashes:
// services that outlive their server, many requests at once, and secrets that are
// nowhere but where they belong.
package e2e_test

import (
	"errors"
	"testing"

	"github.com/pave-platform/pave/test/world"
)

func TestMain(m *testing.M) { world.Main(m) }

// create makes a service and waits until it is live.
func create(t *testing.T, h *world.Home, s world.Spec) string {
	t.Helper()
	id, err := h.Create(s)
	if err == nil {
		_, err = h.Wait(id)
	}
	if err != nil {
		t.Fatalf("create %s: %v", s.Name, err)
	}
	return id
}

func check(t *testing.T, h *world.Home, all ...world.Service) {
	t.Helper()
	if err := h.Check(all...); err != nil {
		t.Error(errors.Join(err))
	}
}
