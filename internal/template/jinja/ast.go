package jinja

// A node is a piece of a template; it writes output.
type node interface{ isNode() }

type (
	textNode string
	outNode  struct {
		pos
		value expr
	}
	// foreignNode is a tag that may be somebody else's: text, unless root is a
	// variable. before and after are the white space its signs would take away.
	foreignNode struct {
		pos
		raw, root, before, after string
		value                    expr
		err                      error // when it is no expression of ours
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
		pos
		target    target
		over      expr
		cond      expr // of "for x in y if cond", may be nil
		body, els []node
		recursive bool
	}
	setNode struct {
		pos
		targets []target
		value   expr
	}
	// setBlockNode is {% set x | filter %}...{% endset %}.
	setBlockNode struct {
		pos
		targets []target
		filter  expr // over captured, may be nil
		body    []node
	}
	macroNode struct {
		pos
		name       string
		params     []param
		body       []node
		uses       uses
		hasDefault bool
	}
	param struct {
		name  string
		value expr // its default, or nil
	}
	// uses says which of the extra names the body of a macro mentions.
	uses      struct{ caller, varargs, kwargs bool }
	callBlock struct {
		pos
		call   *callExpr
		caller *macroNode
	}
	filterBlock struct {
		pos
		filter expr // over captured
		body   []node
	}
	includeNode struct {
		pos
		name                   expr
		ignoreMissing, context bool
	}
	importNode struct {
		pos
		name    expr
		as      string
		context bool
	}
	fromNode struct {
		pos
		name    expr
		names   [][2]string // name, alias
		context bool
	}
	extendsNode struct {
		pos
		name expr
	}
	blockNode struct {
		pos
		t                *Template
		name             string
		scoped, required bool
		body             []node
	}
	withNode struct {
		targets []target
		values  []expr
		body    []node
	}
	switchNode struct {
		value expr
		cases []arm
		els   []node
	}
	doNode struct {
		pos
		value expr
	}
	jumpNode struct {
		pos
		next bool // continue, else break
	}
)

func (textNode) isNode()      {}
func (*outNode) isNode()      {}
func (*foreignNode) isNode()  {}
func (*ifNode) isNode()       {}
func (*forNode) isNode()      {}
func (*setNode) isNode()      {}
func (*setBlockNode) isNode() {}
func (*macroNode) isNode()    {}
func (*callBlock) isNode()    {}
func (*filterBlock) isNode()  {}
func (*includeNode) isNode()  {}
func (*importNode) isNode()   {}
func (*fromNode) isNode()     {}
func (*extendsNode) isNode()  {}
func (*blockNode) isNode()    {}
func (*withNode) isNode()     {}
func (*switchNode) isNode()   {}
func (*doNode) isNode()       {}
func (*jumpNode) isNode()     {}

// A target takes a value: a name, an attribute of a namespace, or several targets.
type target struct {
	pos
	name, attr string
	parts      []target // of a tuple
}

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
	// listExpr is [a, b], or a tuple.
	listExpr struct {
		pos
		items []expr
		tuple bool
	}
	dictExpr struct {
		pos
		keys, values []expr
	}
	attrExpr struct {
		pos
		base expr
		name string
	}
	itemExpr struct {
		pos
		base, key expr
	}
	// sliceExpr is a:b:c inside of brackets; each may be nil.
	sliceExpr struct {
		pos
		part [3]expr
	}
	callExpr struct {
		pos
		fn   expr
		args argList
	}
	filterExpr struct {
		pos
		base expr
		name string
		spec *filter
		args argList
	}
	testExpr struct {
		pos
		base expr
		name string
		spec *filter
		args argList
	}
	// unaryExpr is "not x", "-x" or "+x".
	unaryExpr struct {
		pos
		op string
		x  expr
	}
	// logicExpr is "a and b", or "a or b".
	logicExpr struct {
		pos
		or   bool
		a, b expr
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
	binaryExpr struct {
		pos
		op   string
		a, b expr
	}
	concatExpr struct {
		pos
		terms []expr
	}
	condExpr struct {
		pos
		cond, then, els expr // els may be nil
	}
	// groupExpr is (x) in nunjucks, where it matters what stood in parentheses.
	groupExpr struct {
		pos
		x expr
	}
	// captured is the text a filter block or set block gathered.
	captured struct{ pos }
)

// argList are the arguments of a call, filter or test.
type argList struct {
	pos        []expr
	names      []string // of the keywords
	values     []expr
	list, map_ expr // *list, **map
}
