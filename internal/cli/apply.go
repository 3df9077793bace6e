package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/pave-platform/pave"
	"github.com/spf13/cobra"
)

// maxPlanFile bounds a plan file, in bytes.
const maxPlanFile = 1 << 20

func (a *app) apply() *cobra.Command {
	cmd := &cobra.Command{
		Use: "apply FILE", Short: "Carry out a plan file, if nothing has changed since",
		Long: "Carry out a plan that --out FILE wrote. The server plans again: where the plan is not\n" +
			"the same any more it refuses with the difference (exit code 5). Nobody is asked: the\n" +
			"file is the approval.",
		Example: examples("pave apply shop.plan", "pave apply shop.plan --no-wait"),
		Args:    exactly("a plan file"),
	}
	ch := &change{view: viewFlags(cmd, pave.Run{})}
	ch.doFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := ch.check(); err != nil {
			return err
		}
		file, err := readPlanFile(args[0])
		if err != nil {
			return err
		}
		run, err := a.api().ApplyFile(cmd.Context(), file)
		if err != nil {
			return err
		}
		return a.carry(cmd.Context(), run, ch)
	}
	return cmd
}

func readPlanFile(name string) (pave.PlanFile, error) {
	var file pave.PlanFile
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return file, pave.Errorf(pave.NotFound, "no plan file %q", name).WithHint("pave plan VERB ... --out %s writes it", name)
	}
	if err != nil {
		return file, pave.Errorf(pave.Invalid, "read plan file: %w", err)
	}
	defer f.Close()
	dec := json.NewDecoder(io.LimitReader(f, maxPlanFile))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return file, pave.Errorf(pave.Invalid, "%q is not a plan file: %s", name, err).WithHint("pave plan VERB ... --out FILE writes one")
	}
	if file.Version != 1 || file.Request.Request == nil || file.Hash == "" {
		return file, pave.Errorf(pave.Invalid, "%q is not a plan file of version 1", name).WithHint("pave plan VERB ... --out FILE writes one")
	}
	return file, nil
}
