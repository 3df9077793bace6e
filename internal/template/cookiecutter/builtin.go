package cookiecutter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"time"

	"github.com/pave-platform/pave/internal/template/jinja"
)

// builtin adds what cookiecutter's own extensions define.
func builtin(options *jinja.Options, o Options) {
	now := o.Now
	if now.IsZero() {
		now = time.Now()
	}
	random := o.Random
	if random == nil {
		random = rand.Reader
	}
	options.Filters = map[string]jinja.Func{
		"jsonify": jsonify,
		"slugify": slugifyFilter,
		"random": func(_ context.Context, args []any, kwargs map[string]any) (any, error) {
			return pick(random, args, kwargs)
		},
	}
	options.Functions = map[string]jinja.Func{
		"now": func(_ context.Context, args []any, kwargs map[string]any) (any, error) {
			return nowTag(now, args, kwargs)
		},
		"uuid4": func(context.Context, []any, map[string]any) (any, error) { return uuid4(random) },
		"random_ascii_string": func(_ context.Context, args []any, kwargs map[string]any) (any, error) {
			return randomText(random, args, kwargs)
		},
	}
}

// arguments spreads args and kwargs over the names a function has; a missing one
// is nil.
func arguments(names []string, args []any, kwargs map[string]any) ([]any, error) {
	if len(args) > len(names) {
		return nil, fmt.Errorf("takes at most %d arguments, not %d", len(names), len(args))
	}
	out := make([]any, len(names))
	copy(out, args)
	used := 0
	for i, name := range names {
		if v, ok := kwargs[name]; ok {
			if i < len(args) {
				return nil, fmt.Errorf("got %s twice", name)
			}
			out[i], used = v, used+1
		}
	}
	if used < len(kwargs) {
		return nil, fmt.Errorf("its arguments are %s", strings.Join(names, ", "))
	}
	return out, nil
}

const (
	letters     = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	maxRandom   = 100_000
)

func randomText(random io.Reader, args []any, kwargs map[string]any) (any, error) {
	a, err := arguments([]string{"length", "punctuation"}, args, kwargs)
	if err != nil {
		return nil, err
	}
	n, ok := a[0].(int64)
	if !ok || n > maxRandom {
		return nil, fmt.Errorf("length is a number of at most %d", maxRandom)
	}
	corpus := letters
	if truthy(a[1]) {
		corpus += punctuation
	}
	var out strings.Builder
	for range n {
		i, err := below(random, len(corpus))
		if err != nil {
			return nil, err
		}
		out.WriteByte(corpus[i])
	}
	return out.String(), nil
}

// pick is Jinja's filter random, with the dice of Options.
func pick(random io.Reader, args []any, kwargs map[string]any) (any, error) {
	a, err := arguments([]string{"seq"}, args, kwargs)
	if err != nil {
		return nil, err
	}
	var items []any
	switch seq := a[0].(type) {
	case []any:
		items = seq
	case string:
		for _, r := range seq {
			items = append(items, string(r))
		}
	}
	if len(items) == 0 {
		return nil, errors.New("wants a list or a text that is not empty")
	}
	i, err := below(random, len(items))
	if err != nil {
		return nil, err
	}
	return items[i], nil
}

// below returns a random number from 0 to n-1, from the bytes that Python would
// take for it.
func below(random io.Reader, n int) (int, error) {
	width := bits.Len(uint(n))
	b := make([]byte, (width+7)/8)
	for range 10_000 {
		if _, err := io.ReadFull(random, b); err != nil {
			return 0, err
		}
		i := 0
		for _, c := range b {
			i = i<<8 | int(c)
		}
		if i >>= 8*len(b) - width; i < n {
			return i, nil
		}
	}
	return 0, errors.New("the source of random numbers repeats itself")
}

func uuid4(random io.Reader) (any, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return nil, err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
