package platform

import (
	"slices"
	"testing"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/pipeline"
)

func TestReadsOf(t *testing.T) {
	t.Parallel()
	vars := []pipeline.Var{{Name: "QUEUE_URL", File: "config.go", Line: 93}, {Name: "S3_BUCKET", Default: true, File: "s3.go", Line: 7}, {Name: "LEVEL", File: "log.go", Line: 1}}
	wanted := pave.Wanted{Resources: []pave.WantedBacking{{Kind: pave.KindQueue, Name: "shop", Engine: "nats"},
		{Kind: pave.KindBucket, Name: "shop", Engine: "s3"}, {Kind: pave.KindCache, Name: "shop", Engine: "redis"}}}
	cases := map[string]struct {
		kind string
		want []string
	}{
		"read":           {pave.KindQueue, []string{"the code reads QUEUE_URL (config.go:93): the processes get it no longer"}},
		"with a default": {pave.KindBucket, []string{"the code reads S3_BUCKET (s3.go:7): the processes get it no longer"}},
		"not read":       {pave.KindCache, nil},
		"not there":      {pave.KindDatabase, nil},
	}
	for name, c := range cases {
		if got := readsOf(vars, wanted, c.kind); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
