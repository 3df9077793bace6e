package platform

import "testing"

func TestSameAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"https://github.com/acme/shop", "https://GitHub.com/Acme/shop.git", true},
		{"https://github.com/acme/shop/", "https://github.com/acme/shop", true},
		{"/home/ada/shop", "/home/ada/shop", true},
		{"https://github.com/acme/shop", "https://github.com/acme/shop2", false},
		{"https://github.com/acme/shop", "https://git.example.com/acme/shop", false},
		{"", "", false}, // a repository without a page is none that people adopt
	} {
		if got := sameAddress(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}
