package cookiecutter

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// sniff is how much of a file decides whether it is binary.
const sniff = 1024

// isBinary decides as the library does that cookiecutter asks (binaryornot 0.4),
// odd corners included, because a binary file is copied and a text file rendered.
// Its guesses at encodings other than UTF-8 are left out: cookiecutter cannot read
// those files.
func isBinary(name string, data []byte) bool {
	if strings.HasSuffix(name, ".pyc") {
		return true
	}
	chunk := data[:min(len(data), sniff)]
	if len(chunk) == 0 {
		return false
	}
	var unprintable, low int
	for _, c := range chunk {
		if c >= 127 || c < 32 && !bytes.ContainsRune([]byte("\n\r\t\f\b"), rune(c)) {
			unprintable++
		}
		if c < 127 {
			low++
		}
	}
	odd, ascii := float64(unprintable)/float64(len(chunk)), float64(low)/float64(len(chunk))
	likely := odd > 0.3 && ascii < 0.05 || odd > 0.8 && ascii > 0.8
	if !likely && !bytes.ContainsAny(chunk, "\x00") && bytes.IndexByte(chunk, 0xff) < 0 {
		return false
	}
	return !surelyUTF8(chunk)
}

// surelyUTF8 reports whether a chunk has so many characters of several bytes that
// it is taken for UTF-8 in spite of odd bytes. A character cut off by the end of
// the chunk spoils it.
func surelyUTF8(chunk []byte) bool {
	if !utf8.Valid(chunk) {
		return false
	}
	return bytes.HasPrefix(chunk, []byte("\xef\xbb\xbf")) || wide(chunk) >= 4
}

// wide counts the characters of several bytes.
func wide(chunk []byte) int {
	n := 0
	for _, r := range string(chunk) {
		if r >= utf8.RuneSelf {
			n++
		}
	}
	return n
}

// readAhead is how much of a file Python reads to find its line endings.
const readAhead = 8192

// newlineOf returns the line ending a file is written with: the one found in what
// Python reads to get the first line; of several the lone CR, then LF, then CRLF.
func newlineOf(data []byte) string {
	seen := data
	for end := readAhead; ; end += readAhead {
		known := bytes.TrimSuffix(data[:min(end, len(data))], []byte("\r")) // perhaps half of a CRLF
		if bytes.ContainsAny(known, "\r\n") {
			seen = known
			break
		}
		if end >= len(data) {
			break
		}
	}
	crlf := bytes.Count(seen, []byte("\r\n"))
	switch {
	case bytes.Count(seen, []byte("\r")) > crlf:
		return "\r"
	case bytes.Count(seen, []byte("\n")) > crlf:
		return "\n"
	case crlf > 0:
		return "\r\n"
	}
	return "\n"
}

var oneNewline = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// withNewlines returns s, whose lines end in LF, with another line ending.
func withNewlines(s, newline string) string {
	if newline == "\n" {
		return s
	}
	return strings.ReplaceAll(s, "\n", newline)
}
