package bundle

import (
	"bytes"
	"path"
	"slices"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// facts are what reading one file of code tells about it.
type facts struct {
	unparsed bool // the file could not be understood; nothing else is known
	computed bool // loads modules whose names are known only when it runs
	tricks   bool // looks behind the module system: require.resolve, module.paths, createRequire
	ownPath  bool // asks where its own file lies: __dirname, __filename, import.meta
	folder   bool // may read files: fs, process.cwd
	workers  bool // starts worker threads or processes from files
	eval     bool // runs text as code
	// shared names what every request in the process sees when the code writes it.
	shared []string
}

func (f *facts) share(name string) {
	if len(f.shared) < maxShared && !slices.Contains(f.shared, name) {
		f.shared = append(f.shared, name)
	}
}

// maxShared bounds how many shared names are told to the author.
const maxShared = 10

// scan reads a file of code. own says that the author wrote it; packages are read less strictly, because they reach
// for the global object in ways that are known to be harmless.
func scan(name string, source []byte, own bool) facts {
	source = bytes.TrimPrefix(source, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(source, []byte("#!")) {
		source = append([]byte("//"), source...)
	}
	if isTypeScript(name) || path.Ext(name) == ".jsx" {
		loader := api.LoaderTS
		if path.Ext(name) == ".tsx" || path.Ext(name) == ".jsx" {
			loader = api.LoaderTSX
		}
		result := api.Transform(string(source), api.TransformOptions{Loader: loader, LogLevel: api.LogLevelSilent})
		if len(result.Errors) > 0 {
			return facts{unparsed: true}
		}
		source = result.Code
	}
	ast, err := parseScript(source)
	if err != nil {
		// The compiler writes plainer code than authors do.
		result := api.Transform(string(source), api.TransformOptions{Loader: api.LoaderJS, Target: api.ES2020, LogLevel: api.LogLevelSilent})
		if len(result.Errors) > 0 {
			return facts{unparsed: true}
		}
		if ast, err = parseScript(result.Code); err != nil {
			return facts{unparsed: true}
		}
	}
	w := &walker{own: own, externals: make(map[string]bool), methods: make(map[*js.FuncDecl]bool)}
	js.Walk(&externalNames{names: w.externals}, ast)
	js.Walk(w, ast)
	return w.facts
}

// parseScript parses a file as a module, or as the body of a function, which is what a CommonJS file is.
func parseScript(source []byte) (ast *js.AST, err error) {
	// The parser is not ours: what it cannot take must not take us down.
	defer func() {
		if recover() != nil {
			ast, err = nil, errUnparsed
		}
	}()
	if ast, err = js.Parse(parse.NewInputBytes(bytes.Clone(source)), js.Options{}); err == nil {
		return ast, nil
	}
	wrapped := append(append([]byte("(function(){"), source...), "\n})"...)
	return js.Parse(parse.NewInputBytes(wrapped), js.Options{})
}

// literal returns the text of a string literal or of a template without expressions.
func literal(e js.IExpr) (string, bool) {
	switch e := e.(type) {
	case *js.LiteralExpr:
		if e.TokenType == js.StringToken && len(e.Data) >= 2 {
			return string(e.Data[1 : len(e.Data)-1]), true
		}
	case *js.TemplateExpr:
		if e.Tag == nil && len(e.List) == 0 && len(e.Tail) >= 2 {
			return string(e.Tail[1 : len(e.Tail)-1]), true
		}
	case *js.GroupExpr:
		return literal(e.X)
	}
	return "", false
}

// undeclared returns the name of a variable that no scope of the file declares, or "".
func undeclared(e js.INode) string {
	v, ok := e.(*js.Var)
	if !ok {
		return ""
	}
	for v.Link != nil {
		v = v.Link
	}
	if v.Decl != js.NoDecl {
		return ""
	}
	return string(v.Data)
}

// required returns the module name of require("name").
func required(e js.IExpr) (string, bool) {
	if group, ok := e.(*js.GroupExpr); ok {
		return required(group.X)
	}
	call, ok := e.(*js.CallExpr)
	if !ok || undeclared(call.X) != "require" || len(call.Args.List) != 1 {
		return "", false
	}
	return literal(call.Args.List[0].Value)
}

// externalNames collects the variables that hold modules which every request in the process shares: Node's own and
// the platform's SDK.
type externalNames struct{ names map[string]bool }

func isShared(module string) bool { return isBuiltin(module) || IsSDK(module) }

// Enter implements js.IVisitor.
func (x *externalNames) Enter(n js.INode) js.IVisitor {
	switch n := n.(type) {
	case *js.BindingElement:
		if module, ok := required(n.Default); ok && isShared(module) {
			x.add(n.Binding)
		}
	case *js.BinaryExpr:
		if module, ok := required(n.Y); ok && n.Op == js.EqToken && isShared(module) {
			if v, ok := n.X.(*js.Var); ok {
				x.add(v)
			}
		}
	case *js.ImportStmt:
		if isShared(string(bytes.Trim(n.Module, `"'`))) {
			x.names[string(n.Default)] = true
			for _, alias := range n.List {
				x.names[string(alias.Binding)] = true
			}
		}
	}
	return x
}

// Exit implements js.IVisitor.
func (x *externalNames) Exit(js.INode) {}

func (x *externalNames) add(b js.IBinding) {
	switch b := b.(type) {
	case *js.Var:
		x.names[string(b.Name())] = true
	case *js.BindingObject:
		for _, item := range b.List {
			x.add(item.Value.Binding)
		}
	}
}
