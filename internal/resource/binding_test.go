package resource_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/pave-platform/pave/internal/resource"
)

// A spec says by which binding its resource was made: what the provider was told, or where
// the backend of its module is.
func TestBindingOf(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]resource.Bound{
		`{}`:      {},
		`no JSON`: {},
		`{"binding":{"settings":{"url":"https://a"},"secrets":{"token":"sec_1"}}}`: {Settings: map[string]string{"url": "https://a"}, Secrets: map[string]string{"token": "sec_1"}},
		`{"module":{"digest":"sha256:1","secrets":{"KEY":"sec_2"}}}`:               {Secrets: map[string]string{"KEY": "sec_2"}},
		`{"module":{"secrets":{"TFE_TOKEN":"sec_3"},"backend":{"type":"hcp-terraform","config":{"org":"acme"}}}}`: {
			Settings: map[string]string{"org": "acme"}, Secrets: map[string]string{"TFE_TOKEN": "sec_3"}},
	} {
		if got := resource.BindingOf(json.RawMessage(spec)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", spec, got, want)
		}
	}
}
