package cli

import "testing"

// Steps see where the CI has databases, caches and queues for them, and no secret of it.
func TestStepsSee(t *testing.T) {
	for name, want := range map[string]bool{
		"DATABASE_URL": true, "REDIS_URL": true, "QUEUE_URL": true, "NATS_URL": true, "AMQP_URL": true, "PATH": true, "GOFLAGS": true, "CI_COMMIT": true,
		"AWS_SECRET_ACCESS_KEY": false, "AWS_ACCESS_KEY_ID": false, "GITHUB_TOKEN": false, "DEPLOY_KEY": false,
	} {
		t.Setenv(name, "x")
		if _, got := ciEnvironment()[name]; got != want {
			t.Errorf("%s: seen is %v, want %v", name, got, want)
		}
	}
}
