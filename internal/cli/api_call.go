package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

// maxBody is how much of stdin the API takes, in bytes.
const maxBody = 1 << 20

func (a *app) apiCall() *cobra.Command {
	methods := []string{"GET", "POST", "PUT", "DELETE", "PATCH"}
	cmd := &cobra.Command{
		Use: "api METHOD PATH", Short: "Make any call of the API, signed in",
		Long: "Make any call of the HTTP API, signed in as every command is. The answer goes to stdout as it\n" +
			"is; a problem is an error with its exit code. A body is JSON, by --data or from stdin with\n" +
			"--data -. pave api GET /openapi.json describes all calls.",
		Example: examples("pave api GET /v1/services/payment-processor/status", "pave api GET '/v1/runs?limit=5' --jq '.items[].title'",
			`pave api POST /v1/plans --data '{"verb": "restart", "spec": {"service": "payment-processor"}}'`),
		Args: exactly("a method", "a path"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return methods, cobra.ShellCompDirectiveNoFileComp
		},
	}
	v := &view{}
	data := cmd.Flags().String("data", "", "the `BODY`, as JSON; - reads it from stdin")
	cmd.Flags().StringVar(&v.jq, "jq", "", "print what this jq `EXPRESSION` makes of the answer")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		method, path := strings.ToUpper(args[0]), args[1]
		if !slices.Contains(methods, method) {
			return pave.BadField("method", oneLine(args[0]), "is not one of the API", "one of "+strings.Join(methods, ", "))
		}
		if !strings.HasPrefix(path, "/") {
			return pave.BadField("path", oneLine(path), "does not start with /", "for example: /v1/services")
		}
		if err := v.check(); err != nil {
			return err
		}
		body, err := a.bodyOf(*data)
		if err != nil {
			return err
		}
		answer, err := a.api().Raw(cmd.Context(), method, path, body)
		if err != nil {
			return err
		}
		if v.jq == "" {
			fmt.Fprintln(a.out, clean(string(bytes.TrimRight(answer, "\n"))))
			return nil
		}
		var plain any
		if err := json.Unmarshal(answer, &plain); err != nil {
			return pave.Errorf(pave.Invalid, "the answer is not JSON: %s", err).WithHint("leave --jq out")
		}
		return v.query(cmd.Context(), a.out, plain)
	}
	return cmd
}

// bodyOf is the body of a call: what the flag says, or stdin.
func (a *app) bodyOf(data string) (json.RawMessage, error) {
	text := []byte(data)
	if data == "-" {
		var err error
		if text, err = io.ReadAll(io.LimitReader(a.in, maxBody+1)); err != nil {
			return nil, pave.Errorf(pave.Invalid, "read the body: %w", err)
		}
	}
	switch {
	case len(text) > maxBody:
		return nil, usagef("the body is over %d bytes", maxBody).WithHint("send less")
	case len(text) > 0 && !json.Valid(text):
		return nil, usagef("the body is not JSON").WithHint(`for example: --data '{"verb": "restart", "spec": {"service": "shop"}}'`)
	}
	return text, nil
}
