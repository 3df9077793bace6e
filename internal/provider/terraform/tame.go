package terraform

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/pave-platform/pave"
)

// What a module may hold, which whoever can push to its repository writes. The parsers of
// HCL call themselves for every bracket and operator, and a stack that overflows ends the
// server: no recover catches it. So a text is looked through before it is parsed.
const (
	maxSource = 1 << 20 // bytes of all its files
	maxDeep   = 500     // brackets that are open, and operators, at one place
	maxBraces = 20_000  // the parser loses some where a text is broken, and goes deeper with each
	maxDigits = 1000    // of one number
)

func untame(name string, line int, what string) error {
	return pave.Errorf(pave.Invalid, "module: %s:%d: %s", name, line, what).WithHint("split it up, then pave add module again: it is more than is read of a module")
}

var closers = map[hclsyntax.TokenType]hclsyntax.TokenType{
	hclsyntax.TokenOBrace: hclsyntax.TokenCBrace, hclsyntax.TokenOBrack: hclsyntax.TokenCBrack, hclsyntax.TokenOParen: hclsyntax.TokenCParen,
	hclsyntax.TokenOQuote: hclsyntax.TokenCQuote, hclsyntax.TokenOHeredoc: hclsyntax.TokenCHeredoc,
	hclsyntax.TokenTemplateInterp: hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenTemplateControl: hclsyntax.TokenTemplateSeqEnd,
}

// steps are what goes one deeper without a bracket of its own, or after it is closed.
var steps = map[hclsyntax.TokenType]bool{
	hclsyntax.TokenOBrack: true, hclsyntax.TokenTemplateControl: true, hclsyntax.TokenQuestion: true, hclsyntax.TokenBang: true,
	hclsyntax.TokenStar: true, hclsyntax.TokenSlash: true, hclsyntax.TokenPlus: true, hclsyntax.TokenMinus: true, hclsyntax.TokenPercent: true,
	hclsyntax.TokenEqualOp: true, hclsyntax.TokenNotEqual: true, hclsyntax.TokenLessThan: true, hclsyntax.TokenLessThanEq: true,
	hclsyntax.TokenGreaterThan: true, hclsyntax.TokenGreaterThanEq: true, hclsyntax.TokenAnd: true, hclsyntax.TokenOr: true,
}

// A level is what is open at a place: how it ends, whether a line ends something in it, and
// the steps in it since the last comma or such line.
type level struct {
	closer hclsyntax.TokenType
	lines  bool
	steps  int
}

// tame refuses a text of terraform's language that is too deep for its parser. Finding the
// tokens is no recursion.
func tame(data []byte, name string) error {
	if len(data) > maxSource {
		return untame(name, 1, "more than 1 MiB")
	}
	tokens, _ := hclsyntax.LexConfig(data, name, hcl.InitialPos) // what is wrong with it the parser says
	levels, deep, braces := []level{{lines: true}}, 0, 0
	for i, t := range tokens {
		top := &levels[len(levels)-1]
		if steps[t.Type] {
			top.steps++
			deep++
		}
		switch {
		case t.Type == hclsyntax.TokenComma, t.Type == hclsyntax.TokenNewline && top.lines:
			deep -= top.steps
			top.steps = 0
		case t.Type == top.closer:
			deep -= top.steps + 1
			levels = levels[:len(levels)-1]
		case closers[t.Type] != 0:
			lines := t.Type == hclsyntax.TokenOBrace
			if lines {
				braces++
				lines = i+1 < len(tokens) && string(tokens[i+1].Bytes) != "for"
			}
			levels = append(levels, level{closer: closers[t.Type], lines: lines})
			deep++
		case t.Type == hclsyntax.TokenNumberLit && len(t.Bytes) > maxDigits:
			return untame(name, t.Range.Start.Line, "a number of more than 1000 digits")
		}
		if deep > maxDeep || braces > maxBraces {
			return untame(name, t.Range.Start.Line, "nested too deeply")
		}
	}
	return nil
}

// tameJSON is tame for a file of JSON, which it finds whole as well.
func tameJSON(data []byte, name string) error {
	if len(data) > maxSource {
		return untame(name, 1, "more than 1 MiB")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	line := func() int { return 1 + bytes.Count(data[:dec.InputOffset()], []byte("\n")) }
	deep := 0
	for {
		token, err := dec.Token()
		if err == io.EOF && deep == 0 {
			return nil
		}
		if err != nil {
			return pave.Errorf(pave.Invalid, "module: %s:%d: it is no JSON", name, line()).WithHint("terraform validate in its folder says more")
		}
		switch t := token.(type) {
		case json.Delim:
			if deep++; t == '}' || t == ']' {
				deep -= 2
			}
			if deep > maxDeep {
				return untame(name, line(), "nested too deeply")
			}
		case json.Number:
			if len(t) > maxDigits {
				return untame(name, line(), "a number of more than 1000 digits")
			}
		}
	}
}
