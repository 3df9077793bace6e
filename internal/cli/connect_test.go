package cli

import (
	"testing"

	"github.com/pave-platform/pave"
)

func TestConnectPrints(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ engine, url, want string }{
		"an address is enough": {"postgresql", "postgres://visit:pw@127.0.0.1:5432/shop", "postgres://visit:pw@127.0.0.1:5432/shop\n"},
		"no console":           {"rabbitmq", "amqp://visit:pw@127.0.0.1:5672/shop", "amqp://visit:pw@127.0.0.1:5672/shop\n"},
		"what tools of S3 read": {"s3", "http://key:se%2Fcret@127.0.0.1:9000/shop-staging", `http://key:se%2Fcret@127.0.0.1:9000/shop-staging
AWS_ACCESS_KEY_ID=key
AWS_SECRET_ACCESS_KEY=se/cret
AWS_ENDPOINT_URL=http://127.0.0.1:9000
AWS_REGION=us-east-1
AWS_DEFAULT_REGION=us-east-1
S3_BUCKET=shop-staging
`},
		"a region of its own": {"s3", "https://k:s@s3.example.com/b?region=eu-west-1", `https://k:s@s3.example.com/b?region=eu-west-1
AWS_ACCESS_KEY_ID=k
AWS_SECRET_ACCESS_KEY=s
AWS_ENDPOINT_URL=https://s3.example.com
AWS_REGION=eu-west-1
AWS_DEFAULT_REGION=eu-west-1
S3_BUCKET=b
`},
	}
	for name, c := range cases {
		f := newFake(t)
		f.visit = pave.Connection{ID: "con_1", Service: "shop", Environment: "staging", Kind: "bucket", Engine: c.engine, URL: c.url, Expires: then}
		got := f.pave(t, nil, "", "connect", "shop", "bucket", "--print")
		if got.code != 0 || got.out != c.want {
			t.Errorf("%s: %d %s\n%s", name, got.code, got.err, got.out)
		}
	}
}
