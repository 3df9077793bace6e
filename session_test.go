package pave

import (
	"bytes"
	"io"
	"testing"
)

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 2, 'h', 'i'})
	f.Add([]byte{1, 0, 0, 0, 2, 'h'})
	f.Add([]byte{0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		for {
			kind, data, err := ReadFrame(r)
			if err != nil {
				return
			}
			var out bytes.Buffer
			if err := WriteFrame(&out, kind, data); err != nil {
				t.Fatal(err)
			}
			if k, d, err := ReadFrame(&out); err != nil || k != kind || !bytes.Equal(d, data) {
				t.Errorf("read again: %d %q %v", k, d, err)
			}
		}
	})
}

func TestFrames(t *testing.T) {
	t.Parallel()
	if _, _, err := ReadFrame(bytes.NewReader(nil)); err != io.EOF {
		t.Errorf("of nothing: %v", err)
	}
	if _, _, err := ReadFrame(bytes.NewReader([]byte{1, 0, 0, 0, 9, 1})); err != io.ErrUnexpectedEOF {
		t.Errorf("cut: %v", err)
	}
	if _, _, err := ReadFrame(bytes.NewReader([]byte{1, 1, 0, 0, 0})); CodeOf(err) != Invalid {
		t.Errorf("too long: %v", err)
	}
	if err := WriteFrame(io.Discard, 1, make([]byte, maxFrame+1)); CodeOf(err) != Invalid {
		t.Errorf("written too long: %v", err)
	}
}
