// Package yamlsize looks at YAML from outside before it is read: how large its aliases
// make it. A library that reads YAML writes out what an alias names each time, so that a
// few lines can become more than the machine has.
package yamlsize

import (
	"bytes"
	"fmt"
	"math"

	"github.com/pave-platform/pave"
	"go.yaml.in/yaml/v3"
)

// unit is what any file may grow by, and the least that counts as its size.
const unit = 1 << 20

// Check refuses a document, the first of data, that aliases make larger than four times
// itself and 1 MiB; up to 2 MiB are always good. One with aliases that cannot be read is
// refused too: what it would come to is not known.
func Check(data []byte) error {
	if bytes.IndexByte(data, '*') < 0 || bytes.IndexByte(data, '&') < 0 {
		return nil // whatever the encoding, no alias of anything
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return pave.Errorf(pave.Invalid, "%s", err)
	}
	size, ok := sizes{}.of(&document)
	switch {
	case !ok:
		return pave.Errorf(pave.Invalid, "line %d: an alias (*name) names what it is part of", document.Line).WithHint("write the value out")
	case size > max(4*len(data), unit)+unit:
		return pave.Errorf(pave.Invalid, "its aliases (*name) make %s of it", pretty(size)).WithHint("use fewer aliases, or write less in what they name")
	}
	return nil
}

// sizes are those of nodes that have been looked at, -1 while they are.
type sizes map[*yaml.Node]int

// of is how many bytes a node comes to with all aliases written out; it is not ok where
// that has no end.
func (s sizes) of(n *yaml.Node) (size int, ok bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if size, known := s[n]; known {
		return size, size >= 0
	}
	s[n] = -1
	size = len(n.Value) + 1
	for _, one := range n.Content {
		more, ok := s.of(one)
		if !ok {
			return 0, false
		}
		if size > math.MaxInt-more {
			size = math.MaxInt
		} else {
			size += more
		}
	}
	s[n] = size
	return size, true
}

func pretty(size int) string {
	if size > unit*unit {
		return "more than a million MiB"
	}
	return fmt.Sprintf("%d MiB", size/unit)
}
