package platform

import "testing"

func TestRedactCommand(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		want    string
		command []string
	}{
		{"ls -l /tmp", []string{"ls", "-l", "/tmp"}},
		{"env API_TOKEN=•••••• run", []string{"env", "API_TOKEN=abc", "run"}},
		{"mysql --password •••••• -e x", []string{"mysql", "--password", "abc", "-e", "x"}},
		{"psql postgres://shop:••••••@127.0.0.1/shop", []string{"psql", "postgres://shop:abc@127.0.0.1/shop"}},
		{"echo x••••••y", []string{"echo", "xs3cr3t-valuey"}},
		{"tool --key=••••••", []string{"tool", "--key=abc"}},
		{"sort --key=••••••", []string{"sort", "--key=2"}}, // too careful is right
	} {
		if got := redactCommand(tc.command, []string{"s3cr3t-value"}); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.command, got, tc.want)
		}
	}
}
