package rules

import (
	"fmt"
	"strconv"
	"strings"
)

// Bounds on what an author may write: rules are compiled on each request.
const (
	maxExpression = 4096 // bytes
	maxNesting    = 32
)

// node is a part of a parsed expression.
type node interface{}

type (
	literal struct{ value any } // string, float64, int64, bool or nil
	list    struct{ items []any }
	docPath struct {
		path     string // doc.a.b
		resource bool   // resource.a instead
	}
	lookup struct { // get('database.COLLECTION.ID').a.b
		collection string
		id         []idPart
		path       string // empty is the whole document, which can only be compared with null
	}
	auth    struct{} // auth itself: null when nobody is signed in
	authRef struct{ field string }
	not     struct{ of node }
	logical struct {
		or          bool
		left, right node
	}
	comparison struct {
		operator    string // == != < <= > >= in
		left, right node
	}
)

// syntaxError says where an expression is wrong.
type syntaxError struct {
	at      int
	message string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("at character %d: %s", e.at+1, e.message) }

func errorf(at int, format string, args ...any) error {
	return &syntaxError{at: at, message: fmt.Sprintf(format, args...)}
}

// parser is a recursive-descent parser:
//
//	or         = and {"||" and}
//	and        = unary {"&&" unary}
//	unary      = "!" unary | comparison
//	comparison = operand [("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") operand]
//	operand    = "(" or ")" | "[" [literal {"," literal}] "]" | literal | "auth" ["." name] | subject {"." name}
//	           | "get" "(" text ")" {"." name}
type parser struct {
	tokens  []token
	next    int
	depth   int
	subject string // what an expression may speak of beside auth: doc, resource or nothing
	lookups int
}

// parse returns the tree of an expression on a subject.
func parse(text, subject string) (node, error) {
	if len(text) > maxExpression {
		return nil, errorf(maxExpression, "longer than %d bytes", maxExpression)
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, subject: subject}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, errorf(t.at, "%q is not expected here", t.text)
	}
	if err := boolean(n); err != nil {
		return nil, err
	}
	return n, nil
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != endToken {
		p.next++
	}
	return t
}

func (p *parser) accept(symbol string) bool {
	if t := p.peek(); t.kind == symbolToken && t.text == symbol {
		p.next++
		return true
	}
	return false
}

func (p *parser) or() (node, error)  { return p.chain("||", true, p.and) }
func (p *parser) and() (node, error) { return p.chain("&&", false, p.unary) }

func (p *parser) chain(symbol string, or bool, operand func() (node, error)) (node, error) {
	if p.depth++; p.depth > maxNesting*4 {
		return nil, errorf(p.peek().at, "nested deeper than %d levels", maxNesting)
	}
	defer func() { p.depth-- }()
	left, err := operand()
	for err == nil && p.accept(symbol) {
		if err := boolean(left); err != nil {
			return nil, err
		}
		var right node
		if right, err = operand(); err == nil {
			err = boolean(right)
		}
		left = logical{or: or, left: left, right: right}
	}
	return left, err
}

func (p *parser) unary() (node, error) {
	if !p.accept("!") {
		return p.comparison()
	}
	if p.depth++; p.depth > maxNesting*4 {
		return nil, errorf(p.peek().at, "nested deeper than %d levels", maxNesting)
	}
	defer func() { p.depth-- }()
	of, err := p.unary()
	if err != nil {
		return nil, err
	}
	return not{of}, boolean(of)
}

func (p *parser) comparison() (node, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	if !comparisons[t.text] || t.kind == stringToken || t.kind == templateToken {
		return left, nil
	}
	p.take()
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	return comparison{t.text, left, right}, checkComparison(t, left, right)
}

var comparisons = map[string]bool{"==": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true, "in": true}

func (p *parser) operand() (node, error) {
	if p.accept("(") {
		n, err := p.or()
		if err == nil && !p.accept(")") {
			err = errorf(p.peek().at, "a closing parenthesis is missing")
		}
		return n, err
	}
	if p.accept("[") {
		return p.list()
	}
	if t := p.peek(); t.kind == nameToken {
		switch t.text {
		case "doc", "resource", "auth":
			return p.path()
		case "get":
			return p.get()
		}
	}
	value, err := p.literal()
	return literal{value}, err
}

func (p *parser) list() (node, error) {
	items := []any{}
	for !p.accept("]") {
		if len(items) > 0 && !p.accept(",") {
			return nil, errorf(p.peek().at, "a comma or a closing bracket is missing")
		}
		value, err := p.literal()
		if err != nil {
			return nil, err
		}
		items = append(items, value)
	}
	return list{items}, nil
}

func (p *parser) literal() (any, error) {
	t := p.take()
	switch t.kind {
	case stringToken:
		return t.text, nil
	case numberToken:
		if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return n, nil
		}
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, errorf(t.at, "%q is not a number", t.text)
		}
		return f, nil
	case nameToken:
		switch t.text {
		case "true":
			return true, nil
		case "false":
			return false, nil
		case "null":
			return nil, nil
		}
		return nil, errorf(t.at, "%q is unknown; the expression speaks of %s", t.text, p.subjects())
	case endToken:
		return nil, errorf(t.at, "the expression ends too early")
	}
	return nil, errorf(t.at, "%q is not expected here", t.text)
}

// names reads {"." name}.
func (p *parser) names() ([]string, error) {
	var names []string
	for p.accept(".") {
		t := p.take()
		if t.kind != nameToken && t.kind != numberToken {
			return nil, errorf(t.at, "a field name is missing after the dot")
		}
		names = append(names, t.text)
	}
	return names, nil
}

// subjects lists what an expression may speak of, for messages.
func (p *parser) subjects() string {
	if p.subject == "" {
		return "auth and get()"
	}
	return p.subject + ", auth and get()"
}

func (p *parser) path() (node, error) {
	root := p.take()
	names, err := p.names()
	if err != nil {
		return nil, err
	}
	if root.text != "auth" {
		switch {
		case root.text != p.subject:
			return nil, errorf(root.at, "%q is unknown here; the expression speaks of %s", root.text, p.subjects())
		case len(names) == 0:
			return nil, errorf(root.at, "%s stands alone; name a field of it", root.text)
		case root.text == "resource" && (len(names) > 1 || !resourceFields[names[0]]):
			return nil, errorf(root.at, "resource has openid, path, size and type, not %q", strings.Join(names, "."))
		}
		return docPath{path: strings.Join(names, "."), resource: root.text == "resource"}, nil
	}
	switch len(names) {
	case 0:
		return auth{}, nil
	case 1:
		if authFields[names[0]] {
			return authRef{names[0]}, nil
		}
	}
	return nil, errorf(root.at, "auth has openid, uid, unionid, provider, loginType and anonymous, not %q", strings.Join(names, "."))
}

var authFields = map[string]bool{"openid": true, "uid": true, "unionid": true, "provider": true, "loginType": true, "anonymous": true}

// resourceFields are what a file rule sees of a file.
var resourceFields = map[string]bool{"openid": true, "path": true, "size": true, "type": true}

// boolean refuses what cannot be true or false by itself.
func boolean(n node) error {
	switch n := n.(type) {
	case literal:
		if _, ok := n.value.(bool); ok {
			return nil
		}
	case docPath, not, logical, comparison:
		return nil
	case lookup:
		if n.path != "" {
			return nil
		}
	case authRef:
		if n.field == "anonymous" {
			return nil
		}
	}
	return errorf(0, "a condition is missing: this part is neither true nor false")
}

// checkComparison refuses comparisons that could only be a mistake.
func checkComparison(operator token, left, right node) error {
	for _, n := range []node{left, right} {
		switch n.(type) {
		case not, logical, comparison:
			return errorf(operator.at, "%s compares values, not conditions", operator.text)
		}
	}
	if _, ok := left.(list); ok {
		return errorf(operator.at, "a list may only follow in")
	}
	_, isList := right.(list)
	if operator.text == "in" && !isList && !mayBeList(right) {
		return errorf(operator.at, "in needs a list or a field on its right")
	}
	if operator.text != "in" && isList {
		return errorf(operator.at, "a list may only follow in")
	}
	if !whole(left) && !whole(right) {
		return nil
	}
	if !isNull(left) && !isNull(right) {
		return errorf(operator.at, "auth and a whole document can only be compared with null")
	}
	if operator.text != "==" && operator.text != "!=" {
		return errorf(operator.at, "auth and a whole document can only be compared by == and !=")
	}
	return nil
}

func mayBeList(n node) bool {
	if l, ok := n.(lookup); ok {
		return l.path != ""
	}
	_, ok := n.(docPath)
	return ok
}

// whole reports whether a part is there or null, and nothing else.
func whole(n node) bool {
	if l, ok := n.(lookup); ok {
		return l.path == ""
	}
	_, ok := n.(auth)
	return ok
}

func isNull(n node) bool {
	l, ok := n.(literal)
	return ok && l.value == nil
}
