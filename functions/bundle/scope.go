package bundle

import (
	"bytes"
	"errors"
	"unicode"
	"unicode/utf8"

	"github.com/tdewolff/parse/v2/js"
)

var errUnparsed = errors.New("the parser gave up")

// ofTheModule are names that no file declares and that belong to the module or slot all the same.
var ofTheModule = map[string]bool{
	"module": true, "exports": true, "require": true, "process": true, "arguments": true, "__dirname": true, "__filename": true,
	// These do not exist in Node.js: packages that also run in browsers name them.
	"window": true, "self": true, "document": true, "navigator": true, "location": true, "importScripts": true, "define": true,
}

var globalObjects = map[string]bool{"global": true, "globalThis": true, "GLOBAL": true, "root": true}

// walker reads the facts off a syntax tree.
type walker struct {
	facts
	own       bool
	externals map[string]bool
	// methods are functions that are called on an object or with new, so that their this is not the global object.
	methods map[*js.FuncDecl]bool
	// plain tells of each enclosing function whether its this may be the global object.
	plain []bool
}

// Enter implements js.IVisitor.
func (w *walker) Enter(n js.INode) js.IVisitor {
	switch n := n.(type) {
	case *js.Var:
		w.variable(n)
	case *js.ImportStmt:
		w.load(string(bytes.Trim(n.Module, `"'`)))
	case *js.ImportMetaExpr:
		w.ownPath = true
	case *js.CallExpr:
		return w.call(n)
	case *js.NewExpr:
		if undeclared(n.X) == "Function" {
			w.eval = true
		}
		w.method(n.X, true)
	case *js.DotExpr:
		return w.member(n)
	case *js.UnaryExpr:
		return w.unary(n)
	case *js.BinaryExpr:
		if assigns(n.Op) {
			w.assign(n.X)
			w.method(n.Y, isMember(n.X) || isConstructor(n.X))
		}
	case *js.ForInStmt:
		w.assign(n.Init)
	case *js.ForOfStmt:
		w.assign(n.Init)
	case *js.WithStmt:
		w.share("with")
	case *js.BindingElement:
		w.method(n.Default, isConstructor(n.Binding))
	case *js.Property:
		w.method(n.Value, true)
	case *js.FuncDecl:
		w.plain = append(w.plain, !w.methods[n] && !(n.Name != nil && isConstructor(n.Name)))
	case *js.MethodDecl, *js.ClassElement:
		w.plain = append(w.plain, false)
	}
	return w
}

// Exit implements js.IVisitor.
func (w *walker) Exit(n js.INode) {
	switch n.(type) {
	case *js.FuncDecl, *js.MethodDecl, *js.ClassElement:
		w.plain = w.plain[:len(w.plain)-1]
	}
}

// variable looks at a name that stands for its value, outside of the forms that are handled before.
func (w *walker) variable(v *js.Var) {
	switch name := undeclared(v); {
	case name == "require":
		w.computed = true // handed on, and called elsewhere
	case name == "__dirname" || name == "__filename":
		w.ownPath = true
	case name == "eval":
		w.eval = true
	case globalObjects[name] && w.own:
		w.share(name)
	}
}

// load notes a module that is loaded by name.
func (w *walker) load(module string) {
	switch module {
	case "fs", "node:fs", "fs/promises", "node:fs/promises":
		w.folder = true
	case "module", "node:module":
		w.tricks = true
	case "worker_threads", "node:worker_threads", "cluster", "node:cluster":
		w.workers = true
	case "vm", "node:vm":
		w.eval = true
	}
}

func (w *walker) call(n *js.CallExpr) js.IVisitor {
	callee, isImport := undeclared(n.X), false
	if l, ok := n.X.(*js.LiteralExpr); ok {
		isImport = l.TokenType == js.ImportToken
	}
	if callee == "require" || isImport {
		name, ok := "", false
		if len(n.Args.List) > 0 {
			name, ok = literal(n.Args.List[0].Value)
		}
		if ok {
			w.load(name)
			return nil
		}
		w.computed = true
		js.Walk(w, &n.Args)
		return nil
	}
	if callee == "Function" {
		w.eval = true
	}
	// Object.assign(Date.prototype, ...), Object.defineProperty(global, ...) and their like.
	if d, ok := n.X.(*js.DotExpr); ok && len(n.Args.List) > 0 {
		if object := undeclared(d.X); object == "Object" || object == "Reflect" {
			switch property(d.Y) {
			case "assign", "defineProperty", "defineProperties", "setPrototypeOf", "set", "deleteProperty":
				target := n.Args.List[0].Value
				if isMember(target) || globalObjects[undeclared(target)] {
					w.assign(target)
				}
			}
		}
	}
	return w
}

func (w *walker) member(n *js.DotExpr) js.IVisitor {
	name := property(n.Y)
	switch object := undeclared(n.X); {
	case object == "require":
		w.tricks = true
		return nil
	case object == "module":
		switch name {
		case "paths", "parent", "require", "children", "constructor":
			w.tricks = true
		case "filename", "path":
			w.ownPath = true
		}
	case object == "process":
		switch name {
		case "cwd", "chdir":
			w.folder = true
		case "mainModule", "dlopen":
			w.tricks = true
		}
	case globalObjects[object]:
		if name == "process" || name == "require" || name == "module" {
			w.tricks = true
		}
		return nil // reading a member shares nothing
	}
	return w
}

func (w *walker) unary(n *js.UnaryExpr) js.IVisitor {
	switch n.Op {
	case js.TypeofToken:
		if undeclared(n.X) != "" {
			return nil // asking whether a name exists
		}
	case js.DeleteToken, js.PreIncrToken, js.PreDecrToken, js.PostIncrToken, js.PostDecrToken:
		w.assign(n.X)
	}
	return w
}

// assign looks at what is written.
func (w *walker) assign(target js.IExpr) {
	switch t := target.(type) {
	case *js.Var:
		if name := undeclared(t); name != "" && !ofTheModule[name] {
			w.share(name)
		}
	case *js.GroupExpr:
		w.assign(t.X)
	case *js.ArrayExpr:
		for _, element := range t.List {
			w.assign(element.Value)
		}
	case *js.ObjectExpr:
		for _, p := range t.List {
			w.assign(p.Value)
		}
	case *js.BinaryExpr:
		if t.Op == js.EqToken {
			w.assign(t.X) // a default in a pattern
		}
	case *js.DotExpr, *js.IndexExpr:
		w.assignMember(target)
	}
}

func (w *walker) assignMember(target js.IExpr) {
	name := ""
	for {
		switch t := target.(type) {
		case *js.DotExpr:
			name = "." + property(t.Y) + name
			target = t.X
			continue
		case *js.IndexExpr:
			name = "[]" + name
			target = t.X
			continue
		case *js.GroupExpr:
			target = t.X
			continue
		case *js.LiteralExpr:
			if t.TokenType == js.ThisToken && w.own && len(w.plain) > 0 && w.plain[len(w.plain)-1] {
				w.share("this" + name)
			}
		case *js.Var:
			base := string(t.Name())
			if undeclared(t) != "" && !ofTheModule[base] || w.own && w.externals[base] {
				w.share(base + name)
			}
		case *js.CallExpr:
			if module, ok := required(t); ok && isShared(module) {
				w.share(module + name)
			}
		}
		return
	}
}

// method marks a function whose this is an object.
func (w *walker) method(e js.IExpr, yes bool) {
	for {
		switch t := e.(type) {
		case *js.GroupExpr:
			e = t.X
			continue
		case *js.FuncDecl:
			if yes {
				w.methods[t] = true
			}
		}
		return
	}
}

func assigns(op js.TokenType) bool {
	switch op {
	case js.EqToken, js.AddEqToken, js.SubEqToken, js.MulEqToken, js.DivEqToken, js.ModEqToken, js.ExpEqToken, js.LtLtEqToken, js.GtGtEqToken,
		js.GtGtGtEqToken, js.BitAndEqToken, js.BitOrEqToken, js.BitXorEqToken, js.AndEqToken, js.OrEqToken, js.NullishEqToken:
		return true
	}
	return false
}

func isMember(e js.IExpr) bool {
	switch t := e.(type) {
	case *js.DotExpr, *js.IndexExpr:
		return true
	case *js.GroupExpr:
		return isMember(t.X)
	}
	return false
}

// isConstructor reports whether a variable is named as constructors are: with a capital.
func isConstructor(n js.INode) bool {
	v, ok := n.(*js.Var)
	if !ok || v == nil {
		return false
	}
	first, _ := utf8.DecodeRune(v.Name())
	return unicode.IsUpper(first)
}

func property(e js.IExpr) string {
	switch t := e.(type) {
	case js.LiteralExpr:
		return string(t.Data)
	case *js.LiteralExpr:
		return string(t.Data)
	case *js.Var:
		return string(t.Name())
	}
	return ""
}
