package pave

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"sync"
	"time"
)

// crockford is the alphabet of a ULID: no I, L, O or U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var idClock struct {
	sync.Mutex
	last   uint64 // milliseconds since 1970
	random [10]byte
}

// NewID returns a new immutable id: the prefix ("svc", "run", "res" ...), an
// underscore and a ULID. Ids of one process sort in the order they were made.
func NewID(prefix string) string {
	idClock.Lock()
	defer idClock.Unlock()
	// Within one millisecond the time part counts on: ids of one process differ,
	// and sort, by their first ten characters, which is what people see of them.
	idClock.last = max(idClock.last+1, uint64(time.Now().UnixMilli()))
	rand.Read(idClock.random[:])
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], idClock.last<<16)
	copy(raw[6:], idClock.random[:])
	return prefix + "_" + encodeULID(raw)
}

// encodeULID writes 128 bits as 26 characters, most significant first.
func encodeULID(raw [16]byte) string {
	hi, lo := binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])
	var out [26]byte
	for i := 25; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}

// MinIDPrefix is how many characters of an id, prefix and underscore not
// counted, must be given for it to be accepted in place of the whole.
const MinIDPrefix = 8

// IsIDPrefix reports whether s looks like an id of the kind, whole or shortened.
func IsIDPrefix(kind, s string) bool {
	rest, ok := strings.CutPrefix(s, kind+"_")
	if !ok || len(rest) < MinIDPrefix || len(rest) > 26 {
		return false
	}
	return strings.Trim(strings.ToUpper(rest), crockford) == ""
}
