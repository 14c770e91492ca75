// Writes the exports and the manifest of the functions in a Go file: generate SOURCE.go OUT.go
//
// A function with the comment //waterwheel:scalar or //waterwheel:stream is one of SQL. What follows in that comment are
// options: `x=DECIMAL(20,4)` the type of a parameter (or `returns=`) that Go has no type for, `constant=n` a parameter that
// must be a constant, `name=`, `volatility=`, `state_version=`. The first other line of the comment is its doc line.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
)

type param struct {
	name, goType, sqlType string
	optional, constant    bool
}

type function struct {
	name, kind, doc string
	options         map[string]string
	state           string
	params          []param
	returns         param
	fails           bool
}

// The SQL type of a Go type, how its column is read, and how a result is written: set is empty for texts.
type goType struct {
	sql, get, set string
}

var types = map[string]goType{
	"bool":                 {"BOOLEAN", "waterwheel.GetBool", "waterwheel.SetBool"},
	"int32":                {"INTEGER", "waterwheel.Get[int32]", "waterwheel.Set"},
	"int64":                {"BIGINT", "waterwheel.Get[int64]", "waterwheel.Set"},
	"float64":              {"DOUBLE", "waterwheel.Get[float64]", "waterwheel.Set"},
	"string":               {"STRING", "waterwheel.GetString", ""},
	"[]byte":               {"BYTES", "waterwheel.GetBytes", ""},
	"waterwheel.Date":      {"DATE", "waterwheel.Get[waterwheel.Date]", "waterwheel.Set"},
	"waterwheel.Time":      {"TIME", "waterwheel.Get[waterwheel.Time]", "waterwheel.Set"},
	"waterwheel.Timestamp": {"TIMESTAMP", "waterwheel.Get[waterwheel.Timestamp]", "waterwheel.Set"},
	"waterwheel.Decimal":   {"", "waterwheel.Get[waterwheel.Decimal]", "waterwheel.Set"},
}

func main() {
	if len(os.Args) != 3 {
		fail("usage: generate SOURCE.go OUT.go")
	}
	file, err := parser.ParseFile(token.NewFileSet(), os.Args[1], nil, parser.ParseComments)
	if err != nil {
		fail("%v", err)
	}
	starts := map[string]*ast.FuncDecl{}
	var functions []function
	for _, declared := range file.Decls {
		if f, ok := declared.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "Start" {
			starts[strings.TrimPrefix(text(f.Recv.List[0].Type), "*")] = f
		}
	}
	for _, declared := range file.Decls {
		if f, ok := declared.(*ast.FuncDecl); ok && f.Doc != nil && f.Recv == nil {
			if found, ok := read(f); ok {
				functions = append(functions, found)
			}
		}
	}
	if len(functions) == 0 {
		fail("%s has no function with //waterwheel:scalar or //waterwheel:stream", os.Args[1])
	}
	if err := os.WriteFile(os.Args[2], []byte(exports(functions, starts)), 0o644); err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "generate: "+format+"\n", args...)
	os.Exit(1)
}

// read is the function of a declaration, if it is one of SQL.
func read(f *ast.FuncDecl) (function, bool) {
	found := function{name: f.Name.Name, options: map[string]string{}}
	for _, comment := range f.Doc.List {
		if directive, ok := strings.CutPrefix(comment.Text, "//waterwheel:"); ok {
			words := strings.Fields(directive)
			found.kind = words[0]
			for _, word := range words[1:] {
				key, value, _ := strings.Cut(word, "=")
				found.options[key] = value
			}
		} else if line := strings.TrimSpace(strings.TrimPrefix(comment.Text, "//")); found.doc == "" {
			found.doc = strings.TrimSpace(strings.TrimPrefix(line, found.name))
		}
	}
	if found.kind == "" {
		return found, false
	}
	if found.kind != "scalar" && found.kind != "stream" {
		fail("%s: waterwheel:%s is not scalar or stream", found.name, found.kind)
	}
	for _, field := range f.Type.Params.List {
		for _, name := range field.Names {
			found.params = append(found.params, found.param(name.Name, text(field.Type)))
		}
	}
	if found.kind == "stream" {
		if len(found.params) == 0 || !strings.HasPrefix(found.params[0].goType, "*") {
			fail("%s: the first parameter of a stream function is its state, *State", found.name)
		}
		found.state = strings.TrimPrefix(found.params[0].goType, "*")
		found.params = found.params[1:]
	}
	for i := range found.params {
		found.check(&found.params[i])
	}
	results := f.Type.Results
	if results == nil || len(results.List) > 2 || len(results.List) == 2 && text(results.List[1].Type) != "error" {
		fail("%s: it must give one value, or one value and error", found.name)
	}
	found.returns = found.param("returns", text(results.List[0].Type))
	found.check(&found.returns)
	found.fails = len(results.List) == 2
	return found, true
}

func (f *function) param(name, text string) param {
	p := param{name: name, goType: text}
	p.constant = f.options["constant"] == name
	return p
}

// check finds out the SQL type of a parameter or result.
func (f *function) check(p *param) {
	p.goType, p.optional = strings.CutPrefix(p.goType, "*")
	known, ok := types[p.goType]
	p.sqlType = known.sql
	if element, isArray := strings.CutPrefix(p.goType, "[]"); !ok && isArray && p.name != "returns" {
		known, ok = types[element]
		p.sqlType = "ARRAY<" + known.sql + ">"
	}
	if given := f.options[p.name]; given != "" {
		p.sqlType = given
	}
	if !ok || p.sqlType == "" {
		fail("%s: %s has the type %s, which is none of SQL (a Decimal needs %s=DECIMAL(p,s))", f.name, p.name, p.goType, p.name)
	}
}

// text is a type as it is written.
func text(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + text(e.X)
	case *ast.ArrayType:
		return "[]" + text(e.Elt)
	case *ast.SelectorExpr:
		return text(e.X) + "." + e.Sel.Name
	}
	return fmt.Sprintf("%T", expr)
}

func manifest(functions []function) string {
	var entries []map[string]any
	for _, f := range functions {
		name := f.name
		if f.options["name"] != "" {
			name = f.options["name"]
		}
		args := []map[string]any{}
		nulls := "propagate"
		for _, p := range f.params {
			arg := map[string]any{"name": p.name, "type": p.sqlType}
			if p.constant {
				arg["constant"] = true
			}
			if p.optional {
				nulls = "pass"
			}
			args = append(args, arg)
		}
		entry := map[string]any{"name": name, "kind": f.kind, "export": f.name, "args": args, "returns": f.returns.sqlType, "nulls": nulls}
		if f.doc != "" {
			entry["doc"] = f.doc
		}
		if f.options["volatility"] != "" {
			entry["volatility"] = f.options["volatility"]
		}
		if f.options["state_version"] != "" {
			entry["state_version"] = json.Number(f.options["state_version"])
		}
		entries = append(entries, entry)
	}
	text, err := json.Marshal(map[string]any{"functions": entries})
	if err != nil {
		fail("%v", err)
	}
	return string(text)
}

func exports(functions []function, starts map[string]*ast.FuncDecl) string {
	var b strings.Builder
	b.WriteString("// Code generated by waterwheel generate. DO NOT EDIT.\npackage main\n\nimport \"waterwheel\"\n\nfunc main() {}\n\n")
	fmt.Fprintf(&b, "func init() { waterwheel.Manifest = %q }\n", manifest(functions))
	for _, f := range functions {
		if f.kind == "scalar" {
			fmt.Fprintf(&b, "\n//go:wasmexport %[1]s\nfunc ww_%[1]s(args, rows, out uint32) int32 {\n", f.name)
			f.body(&b)
			continue
		}
		f.stream(&b, starts[f.state])
	}
	return b.String()
}

// body reads the columns, calls the function for each row, and writes the results.
func (f *function) body(b *strings.Builder) {
	b.WriteString("\twaterwheel.Begin()\n")
	for i := range f.params {
		fmt.Fprintf(b, "\ta%d := waterwheel.Arg(args, %d)\n", i, i)
	}
	set := types[f.returns.goType].set
	if set == "" {
		b.WriteString("\tresult := waterwheel.NewTexts(out)\n")
	} else {
		b.WriteString("\tresult := waterwheel.NewResult(out)\n")
	}
	null := "result.Null(i)"
	if set == "" {
		null = "result.AppendNull()"
	}
	b.WriteString("\tfor i := 0; i < int(rows); i++ {\n")
	var given []string
	if f.kind == "stream" {
		b.WriteString("\t\tstate := states.Of(s[i])\n")
		given = append(given, "state")
	}
	for i, p := range f.params {
		given = append(given, get(p, fmt.Sprintf("a%d", i)))
	}
	call := fmt.Sprintf("%s(%s)", f.name, strings.Join(given, ", "))
	if f.fails {
		fmt.Fprintf(b, "\t\tvalue, err := %s\n\t\tif err != nil {\n\t\t\twaterwheel.Fail(i, err)\n\t\t\t%s\n\t\t\tcontinue\n\t\t}\n", call, null)
	} else {
		fmt.Fprintf(b, "\t\tvalue := %s\n", call)
	}
	if f.kind == "stream" {
		b.WriteString("\t\tstates.Keep(s[i], state)\n")
	}
	value := "value"
	if f.returns.optional {
		fmt.Fprintf(b, "\t\tif value == nil {\n\t\t\t%s\n\t\t\tcontinue\n\t\t}\n", null)
		value = "*value"
	}
	if set == "" {
		fmt.Fprintf(b, "\t\tresult.Append([]byte(%s))\n\t}\n\tresult.Finish()\n", value)
	} else {
		fmt.Fprintf(b, "\t\t%s(result, i, %s)\n\t}\n", set, value)
	}
	b.WriteString("\treturn waterwheel.Done()\n}\n")
}

// get is the value of a parameter in row i.
func get(p param, column string) string {
	known, ok := types[p.goType]
	if !ok {
		element := types[strings.TrimPrefix(p.goType, "[]")]
		return fmt.Sprintf("waterwheel.GetArray(%s, i, %s)", column, element.get)
	}
	if p.optional {
		return fmt.Sprintf("waterwheel.Optional(%s, i, %s)", column, known.get)
	}
	return fmt.Sprintf("%s(%s, i)", known.get, column)
}

func (f *function) stream(b *strings.Builder, start *ast.FuncDecl) {
	fmt.Fprintf(b, "\nvar ww_%s_states waterwheel.States[%s]\n", f.name, f.state)
	fmt.Fprintf(b, "\n//go:wasmexport %[1]s_new\nfunc ww_%[1]s_new(args uint32) int32 {\n", f.name)
	if start == nil {
		fmt.Fprintf(b, "\treturn ww_%s_states.Open(func(*%s) error { return nil })\n}\n", f.name, f.state)
	} else {
		var given []string
		for _, field := range start.Type.Params.List {
			for _, name := range field.Names {
				given = append(given, f.constant(b, name.Name))
			}
		}
		fmt.Fprintf(b, "\treturn ww_%s_states.Open(func(state *%s) error { return state.Start(%s) })\n}\n", f.name, f.state, strings.Join(given, ", "))
	}
	fmt.Fprintf(b, "\n//go:wasmexport %[1]s_push\nfunc ww_%[1]s_push(slots, args, rows, out uint32) int32 {\n", f.name)
	fmt.Fprintf(b, "\tstates, s := &ww_%s_states, waterwheel.Slots(slots, rows)\n", f.name)
	f.body(b)
	fmt.Fprintf(b, "\n//go:wasmexport %[1]s_save\nfunc ww_%[1]s_save(slots, count, out uint32) int32 {\n\treturn ww_%[1]s_states.Save(slots, count, out)\n}\n", f.name)
	fmt.Fprintf(b, "\n//go:wasmexport %[1]s_load\nfunc ww_%[1]s_load(slots, count, states, version uint32) int32 {\n\treturn ww_%[1]s_states.Load(slots, count, states)\n}\n", f.name)
	fmt.Fprintf(b, "\n//go:wasmexport %[1]s_drop\nfunc ww_%[1]s_drop(slots, count uint32) int32 {\n\treturn ww_%[1]s_states.Drop(waterwheel.Slots(slots, count))\n}\n", f.name)
}

// constant writes how the parameter that Start takes is read, and gives its name.
func (f *function) constant(b *strings.Builder, name string) string {
	for i, p := range f.params {
		if p.name == name && p.constant {
			known := types[p.goType]
			fmt.Fprintf(b, "\t%s := %s(waterwheel.Arg(args, %d), 0)\n", name, known.get, i)
			return name
		}
	}
	fail("%s: Start of %s takes %s, which is no constant parameter: say constant=%s", f.name, f.state, name, name)
	return ""
}
