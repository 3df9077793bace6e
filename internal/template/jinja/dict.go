package jinja

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Dict is a map that keeps the order in which its keys came, as dicts of Python
// and objects of JavaScript do. It is not safe for use by several goroutines.
type Dict struct {
	index map[any]int // from hash to place
	keys  []any
	vals  []any
}

// NewDict returns an empty Dict.
func NewDict() *Dict { return &Dict{index: map[any]int{}} }

// Set gives key the value; a new key comes last. The value is of the types that
// Template.Render takes; one of another type fails the rendering.
func (d *Dict) Set(key string, value any) {
	own, err := normal(value, key, 0)
	if err != nil {
		own = &alien{err}
	}
	d.put(key, own)
}

// Get returns the value of key, lists as []any and maps as *Dict.
func (d *Dict) Get(key string) (any, bool) {
	v, ok := d.get(key)
	if !ok {
		return nil, false
	}
	out, err := exportValue(v, 0)
	return out, err == nil
}

// Keys returns the keys in their order, those that are no strings as text.
func (d *Dict) Keys() []string {
	keys := make([]string, len(d.keys))
	for i, k := range d.keys {
		keys[i] = keyText(k)
	}
	return keys
}

// Len returns the number of keys.
func (d *Dict) Len() int { return len(d.keys) }

func keyText(k any) string {
	switch k := k.(type) {
	case string:
		return k
	case int64:
		return strconv.FormatInt(k, 10)
	case bool:
		return strconv.FormatBool(k)
	case float64:
		return strconv.FormatFloat(k, 'g', -1, 64)
	case tupleKey:
		return string(k)
	}
	return "null"
}

// alien stands for a Go value that templates do not have.
type alien struct{ err error }

// tupleKey is the hash of a tuple.
type tupleKey string

// hash returns what stands for k among the keys; ok is false if k cannot be a key.
// Equal numbers are one key, as in Python.
func hash(k any) (h any, ok bool) {
	left := 10_000
	return hashWithin(k, &left)
}

// hashWithin gives up on a tuple with more than left parts.
func hashWithin(k any, left *int) (h any, ok bool) {
	if *left--; *left < 0 {
		return nil, false
	}
	switch k := k.(type) {
	case nil, string, int64:
		return k, true
	case bool:
		if k {
			return int64(1), true
		}
		return int64(0), true
	case float64:
		if n := int64(k); float64(n) == k {
			return n, true
		}
		return k, true
	case markup:
		return string(k), true
	case tuple:
		var text strings.Builder
		for _, x := range k {
			h, ok := hashWithin(x, left)
			if !ok {
				return nil, false
			}
			s := keyText(h)
			fmt.Fprintf(&text, "%T%d:%s", h, len(s), s)
		}
		return tupleKey(text.String()), true
	case *macro, *builtin, *namespace:
		return k, true
	}
	return nil, false
}

func (d *Dict) get(k any) (any, bool) {
	h, ok := hash(k)
	if !ok {
		return nil, false
	}
	i, ok := d.index[h]
	if !ok {
		return nil, false
	}
	return d.vals[i], true
}

// put reports whether k can be a key.
func (d *Dict) put(k, v any) bool {
	h, ok := hash(k)
	if !ok {
		return false
	}
	if i, ok := d.index[h]; ok {
		d.vals[i] = v
		return true
	}
	if d.index == nil {
		d.index = map[any]int{}
	}
	if m, ok := k.(markup); ok {
		k = string(m)
	}
	d.index[h] = len(d.keys)
	d.keys, d.vals = append(d.keys, k), append(d.vals, v)
	return true
}

func (d *Dict) remove(k any) (any, bool) {
	h, _ := hash(k)
	i, ok := d.index[h]
	if !ok {
		return nil, false
	}
	v := d.vals[i]
	d.keys, d.vals = slices.Delete(d.keys, i, i+1), slices.Delete(d.vals, i, i+1)
	delete(d.index, h)
	for h, j := range d.index {
		if j > i {
			d.index[h] = j - 1
		}
	}
	return v, true
}

func (d *Dict) clone() *Dict {
	c := NewDict()
	for i, k := range d.keys {
		c.put(k, d.vals[i])
	}
	return c
}

// names are the keys that are strings, for "did you mean".
func (d *Dict) names() []string {
	var names []string
	for _, k := range d.keys {
		if s, ok := k.(string); ok {
			names = append(names, s)
		}
	}
	return names
}
