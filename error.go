package pave

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Code classifies an error. Only the code decides whether a step is retried,
// which HTTP status and exit code a caller sees, and how it is logged.
type Code string

const (
	// Invalid: the input is wrong; the same call will fail again.
	Invalid Code = "invalid"
	// Denied: the caller is unknown or may not do this.
	Denied Code = "denied"
	// NotFound: the object a caller named does not exist.
	NotFound Code = "not_found"
	// Conflict: the call contradicts what is there, for example a foreign
	// object of the same name or a plan that no longer fits.
	Conflict Code = "conflict"
	// Policy: a guard refused it.
	Policy Code = "policy"
	// Unavailable: something outside did not answer; worth a retry.
	Unavailable Code = "unavailable"
	// Internal: a defect of pave. Its cause is never shown to users.
	Internal Code = "internal"
)

// Error is the one error type that crosses package borders.
//
// Message says what failed, for which input, in one lower-case line without
// secrets. Hint is the next command, or what to change. Fields name the inputs
// that are wrong, for forms and API clients.
type Error struct {
	Code    Code         `json:"code"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
	Fields  []FieldError `json:"fields,omitempty"`
	Err     error        `json:"-"`
}

// FieldError is one wrong input: the field, the value given and the rule.
type FieldError struct {
	Field   string `json:"field"`
	Value   string `json:"value"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// WithHint returns a copy of e whose hint is the formatted text.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Errorf returns an error of the code. A %w verb keeps its operand as cause.
func Errorf(code Code, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	e := &Error{Code: code, Message: wrapped.Error()}
	if cause := errors.Unwrap(wrapped); cause != nil {
		e.Message, e.Err = trimCause(wrapped.Error(), cause.Error()), cause
	}
	return e
}

// trimCause takes ": cause" off the end of a message, so that Error does not
// print it twice.
func trimCause(msg, cause string) string {
	if n := len(msg) - len(cause); n > 2 && msg[n:] == cause && msg[n-2:n] == ": " {
		return msg[:n-2]
	}
	return msg
}

// BadField returns an Invalid error about one input. The hint says what would do.
func BadField(field, value, rule, hint string) *Error {
	return &Error{
		Code:    Invalid,
		Message: fmt.Sprintf("%s %q %s", field, clip(value, 60), rule),
		Hint:    hint,
		Fields:  []FieldError{{Field: field, Value: clip(value, 60), Message: rule}},
	}
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "..."
}

// CodeOf returns the code of err: that of the first *Error in its chain,
// Unavailable for an ended context, else Internal; "" for nil.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	}
	return Internal
}

// HintOf returns the hint of the first *Error in the chain that has one.
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// Later is the cause of an Unavailable where who was asked said when to come again. A step
// that meets it waits until then, however long, and tries again: it does not count as a
// failure.
type Later struct{ At time.Time }

// Error says when.
func (l Later) Error() string {
	return "it answers again at " + l.At.UTC().Format(time.RFC3339)
}
