package api

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}`: true, `[]`: true, `"x"`: true, ``: true, `{`: true,
		`{"a":1,"a":2}`: false, `{"x":{"a":1,"a":1}}`: false, `[{"a":[],"a":[]}]`: false, `{"a":"a","b":"a"}`: true, `{"a":"b","b":"c"}`: true,
		`{} {}`: false, `{}x`: false, `{}  `: true, "{\"a\":\"\xff\"}": false,
		strings.Repeat("[", 64) + strings.Repeat("]", 64): true, strings.Repeat("[", 65) + strings.Repeat("]", 65): false,
		strings.Repeat(`{"a":`, 100_000): false,
	} {
		if err := checkJSON([]byte(text)); (err == nil) != ok {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{"a":1,"a":2}`, `[[[]]]`, `{"a":{"b":[1,2,{"c":null}]}}`, `{} x`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := checkJSON(body)
		var v any
		if err == nil && json.Valid(body) && json.Unmarshal(body, &v) != nil {
			t.Errorf("%q is taken and cannot be read", body)
		}
	})
}
