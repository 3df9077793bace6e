package jinja

// A node is a piece of a template; it writes output.
type node interface{ isNode() }

type (
	textNode string
	outNode  struct {
		value expr
		pos   int
	}
	// actionsNode is {{ inside }} after a dollar sign: text, unless root is a
	// variable. It is read as an expression only then.
	actionsNode struct {
		inside, root string
		pos          int
	}
	ifNode struct {
		arms []arm
		els  []node
	}
	arm struct {
		cond expr
		body []node
	}
	forNode struct {
		name string
		over expr
		body []node
		els  []node // when there is nothing to go over
	}
)

func (textNode) isNode()     {}
func (*outNode) isNode()     {}
func (*actionsNode) isNode() {}
func (*ifNode) isNode()      {}
func (*forNode) isNode()     {}

// An expr has a value. at is where it starts in the source.
type expr interface{ at() int }

type pos int

func (p pos) at() int { return int(p) }

type (
	litExpr struct {
		pos
		value any
	}
	nameExpr struct {
		pos
		name string
	}
	listExpr struct {
		pos
		items []expr
	}
	// attrExpr is base.name, base["name"] or base[0].
	attrExpr struct {
		pos
		base, key expr
	}
	filterExpr struct {
		pos
		base expr
		spec *filter
		args []expr // one for each parameter; nil: not given
	}
	// definedExpr is "base is defined", or "is not defined".
	definedExpr struct {
		pos
		base   expr
		negate bool
	}
	notExpr struct {
		pos
		x expr
	}
	negExpr struct {
		pos
		x expr
	}
	// boolExpr is a chain of "and", or of "or".
	boolExpr struct {
		pos
		or    bool
		terms []expr
	}
	// compareExpr is a chain as in a < b <= c: true if every link is.
	compareExpr struct {
		pos
		first expr
		links []link
	}
	link struct {
		op string
		x  expr
	}
	concatExpr struct {
		pos
		terms []expr
	}
	condExpr struct {
		pos
		cond, then, els expr // els may be nil
	}
)
