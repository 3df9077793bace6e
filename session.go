package pave

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"time"
)

// Limits of commands beside a running service.
const (
	// MaxExec is how long one may take.
	MaxExec = 8 * time.Hour
	// DefaultExec is how long it may take where nobody says.
	DefaultExec = time.Hour
)

// An Exec is a command that runs beside a process of a service: in its folder, as its
// user, with its variables.
type Exec struct {
	Command     []string `json:"command"`
	Environment string   `json:"environment,omitempty"` // "" is the lowest-ranked
	Instance    string   `json:"instance,omitempty"`    // whose port it sees; "" is any that is ready
	Terminal    bool     `json:"terminal,omitempty"`    // it gets a terminal
	Term        string   `json:"term,omitempty"`        // kind of that
	Size        Size     `json:"size,omitzero"`         // of that
	Seconds     int      `json:"seconds,omitempty"`     // how long it may take; 0 is DefaultExec
}

// Size is that of a terminal, in characters.
type Size struct {
	Rows    uint16 `json:"rows"`
	Columns uint16 `json:"columns"`
}

// An ExecEnd says how such a command ended.
type ExecEnd struct {
	Code   int    `json:"code"`
	Reason string `json:"reason,omitempty"` // where it did not end by itself
}

// Both directions of an Exec are frames: a kind, the length, so many bytes.
const (
	FrameStdin  byte = 0 // empty: there is no more
	FrameStdout byte = 1
	FrameStderr byte = 2
	FrameSize   byte = 3 // JSON of a Size
	FrameSignal byte = 4 // INT, TERM or HUP
	FrameEnd    byte = 5 // JSON of an ExecEnd; the last
)

// maxFrame bounds one frame, in bytes.
const maxFrame = 64 << 10

// WriteFrame writes one frame, of at most 64 KiB.
func WriteFrame(w io.Writer, kind byte, data []byte) error {
	if len(data) > maxFrame {
		return Errorf(Invalid, "a frame of %d bytes is too long", len(data))
	}
	head := append([]byte{kind}, binary.BigEndian.AppendUint32(nil, uint32(len(data)))...)
	_, err := w.Write(append(head, data...))
	return err
}

// WriteFrameJSON writes a frame that holds a value.
func WriteFrameJSON(w io.Writer, kind byte, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return WriteFrame(w, kind, data)
}

// ReadFrame reads one frame. io.EOF where there is none; a frame that is too long is
// Invalid, one that is cut io.ErrUnexpectedEOF.
func ReadFrame(r io.Reader) (kind byte, data []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, Errorf(Invalid, "a frame of %d bytes is too long", n)
	}
	data = make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return head[0], data, nil
}
