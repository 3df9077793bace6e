package cli

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"golang.org/x/net/http/httpproxy"
)

var (
	ownVariable = regexp.MustCompile(`\bPAVE_[A-Z_]+\b`)
	// givenVariable are those that pave gives to programs: hooks, services, tests.
	givenVariable = regexp.MustCompile(`^PAVE_(HOOK|TEST|FAILPOINT|COOKIECUTTER|NODE|ITEM|JOB|SERVICE|TEAM|ENVIRONMENT|VERSION|RELEASE|TOKEN)(_|$)`)
)

// ownChecks are what only the command can see: its environment.
func ownChecks(environ []string) []pave.Check {
	return []pave.Check{variablesCheck(environ), proxyCheck(environ)}
}

// variablesCheck finds variables that look as if they set something and do not.
func variablesCheck(environ []string) pave.Check {
	known := ownVariable.FindAllString(environmentHelp, -1)
	set := 0
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "PAVE_") || givenVariable.MatchString(name) {
			continue
		}
		if set++; slices.Contains(known, name) {
			continue
		}
		c := pave.Check{Name: "environment", Detail: "pave reads no variable " + name, Fix: "unset " + name + "; pave help environment lists those it reads"}
		if near := pave.DidYouMean(name, known); near != "" {
			c.Fix = fmt.Sprintf("did you mean %s? pave help environment lists all", near)
		}
		return c
	}
	return pave.Check{Name: "environment", OK: true, Detail: fmt.Sprintf("%d variables of pave's are set", set)}
}

// proxyCheck finds a proxy that programs such as curl would ask for the addresses of
// this machine. pave's own calls never go through it.
func proxyCheck(environ []string) pave.Check {
	value := func(name string) string {
		for _, entry := range environ {
			if v, ok := strings.CutPrefix(entry, name+"="); ok {
				return v
			}
		}
		return ""
	}
	proxy := value("http_proxy")
	except := strings.Trim(value("no_proxy")+","+value("NO_PROXY"), ",")
	cfg := httpproxy.Config{HTTPProxy: proxy, NoProxy: except}
	target := &url.URL{Scheme: "http", Host: "service.environment.localhost"}
	if via, err := cfg.ProxyFunc()(target); err == nil && via == nil || proxy == "" {
		return pave.Check{Name: "proxy", OK: true, Detail: "not used for this machine"}
	}
	return pave.Check{Name: "proxy", Detail: "http_proxy is used for " + target.Host + ": curl would not reach services of this machine",
		Fix: "export no_proxy=" + strings.Trim(except+",.localhost,localhost,127.0.0.1", ",")}
}
