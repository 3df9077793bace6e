package pave

import (
	"fmt"
	"io"
	"log/slog"
)

const dots = "••••••"

// A Secret is a value that prints as dots everywhere: fmt, JSON, text, slog.
// Only Reveal gives it away; every call of Reveal is a place to review.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(v string) Secret { return Secret{v} }

// Reveal returns the value itself.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.value == "" }

// String returns dots.
func (s Secret) String() string { return dots }

// Format writes dots for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, dots) }

// MarshalText returns dots.
func (s Secret) MarshalText() ([]byte, error) { return []byte(dots), nil }

// MarshalJSON returns dots.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + dots + `"`), nil }

// LogValue returns dots.
func (s Secret) LogValue() slog.Value { return slog.StringValue(dots) }
