package terraform

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pave-platform/pave"
	"github.com/pave-platform/pave/internal/resource"
)

// importFile tells terraform what is there already.
const importFile = moduleDir + "/pave_import.tf.json"

// importForm is [SERVICE/]ADDRESS: the address of a thing in the module.
var importForm = regexp.MustCompile(`^([a-z][a-z0-9-]*/)?((module\.\w+(\[[^\]]+\])?\.)*[a-z]\w*\.\w+(\[("[^"]*"|\d+)\])?)$`)

// checkImports refuses what is no address.
func checkImports(imports map[string]string) error {
	for _, to := range slices.Sorted(maps.Keys(imports)) {
		if !importForm.MatchString(to) {
			return pave.BadField("import", to, "is not the address of a thing in the module", "--import aws_db_instance.this=ID, for one service alone --import SERVICE/aws_db_instance.this=ID")
		}
		if imports[to] == "" {
			return pave.BadField("import", to, "has no id", "--import "+to+"=ID, where {name}, {service} and {environment} stand for those of the resource")
		}
	}
	return nil
}

// imports are the things that are taken over for a resource, with their ids. Terraform
// passes over what its state has already.
func imports(r resource.Resource, m pave.Module) map[string]string {
	out := map[string]string{}
	words := strings.NewReplacer("{name}", r.ExternalID, "{service}", string(r.Ref.Service), "{environment}", string(r.Ref.Env), "{id}", r.ID)
	for to, id := range m.Import {
		service, address, narrowed := strings.Cut(to, "/")
		if !narrowed {
			address = to
		} else if service != string(r.Ref.Service) {
			continue
		}
		out[address] = words.Replace(id)
	}
	return out
}

// writeImports writes the blocks of imports.
func (w *work) writeImports(m pave.Module) error {
	text := importBlocks(w.r, m)
	if text == nil {
		return w.remove(importFile)
	}
	return w.write(importFile, text)
}

// importBlocks are the blocks of imports as a file; nil for none.
func importBlocks(r resource.Resource, m pave.Module) []byte {
	type block struct {
		To string `json:"to"`
		ID string `json:"id"`
	}
	var blocks []block
	all := imports(r, m)
	for _, to := range slices.Sorted(maps.Keys(all)) {
		blocks = append(blocks, block{to, literal(all[to])})
	}
	if blocks == nil {
		return nil
	}
	text, _ := json.Marshal(map[string]any{"import": blocks}) // texts
	return text
}

// literal keeps terraform from reading a text as a template.
func literal(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "${", "$${"), "%{", "%%{")
}
