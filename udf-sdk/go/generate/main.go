// Writes the exports and the manifest of the functions in a Go file: generate SOURCE.go OUT.go
//
// A function with the comment //waterwheel:scalar or //waterwheel:stream is one of SQL. What follows in that comment are
// options: `x=DECIMAL(20,4)` the type of a parameter (or `returns=`) that Go has no type for, `constant=n` a parameter that
// must be a constant, `name=`, `volatility=`, `state_version=`. The first other line of the comment is its doc line.
//
// A type with the comment //waterwheel:aggregate is an aggregate function: the state of a group, with the methods Update, Merge,
// Finish, and Retract where rows can be taken back. Its options are the same, for the parameters of Update.
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
	methods         map[string]*ast.FuncDecl
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
	methods := map[string]map[string]*ast.FuncDecl{}
	var functions []function
	for _, declared := range file.Decls {
		if f, ok := declared.(*ast.FuncDecl); ok && f.Recv != nil {
			of := strings.TrimPrefix(text(f.Recv.List[0].Type), "*")
			if methods[of] == nil {
				methods[of] = map[string]*ast.FuncDecl{}
			}
			methods[of][f.Name.Name] = f
		}
	}
	for _, declared := range file.Decls {
		switch d := declared.(type) {
		case *ast.FuncDecl:
			if found, ok := read(d, methods); ok {
				functions = append(functions, found)
			}
		case *ast.GenDecl:
			functions = append(functions, readTypes(d, methods)...)
		}
	}
	if len(functions) == 0 {
		fail("%s has nothing with //waterwheel:scalar, //waterwheel:stream or //waterwheel:aggregate", os.Args[1])
	}
	if err := os.WriteFile(os.Args[2], []byte(exports(functions)), 0o644); err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "generate: "+format+"\n", args...)
	os.Exit(1)
}

// describe is what the comment of a declaration says of a function of SQL, if it says so.
func describe(name string, doc *ast.CommentGroup) (function, bool) {
	found := function{name: name, options: map[string]string{}}
	if doc == nil {
		return found, false
	}
	for _, comment := range doc.List {
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
	return found, found.kind != ""
}

// read is the function of a declaration, if it is one of SQL.
func read(f *ast.FuncDecl, methods map[string]map[string]*ast.FuncDecl) (function, bool) {
	found, ok := describe(f.Name.Name, f.Doc)
	if !ok || f.Recv != nil {
		return found, false
	}
	if found.kind != "scalar" && found.kind != "stream" {
		fail("%s: waterwheel:%s is not scalar or stream", found.name, found.kind)
	}
	found.takes(f)
	if found.kind == "stream" {
		if len(found.params) == 0 || !strings.HasPrefix(found.params[0].goType, "*") {
			fail("%s: the first parameter of a stream function is its state, *State", found.name)
		}
		found.state = strings.TrimPrefix(found.params[0].goType, "*")
		found.params = found.params[1:]
		found.methods = methods[found.state]
	}
	found.check()
	found.gives(f)
	return found, true
}

// readTypes are the aggregate functions that a declaration of types makes.
func readTypes(declared *ast.GenDecl, methods map[string]map[string]*ast.FuncDecl) []function {
	var functions []function
	for _, spec := range declared.Specs {
		of, isType := spec.(*ast.TypeSpec)
		if !isType {
			continue
		}
		doc := of.Doc
		if doc == nil {
			doc = declared.Doc
		}
		found, ok := describe(of.Name.Name, doc)
		if !ok {
			continue
		}
		if found.kind != "aggregate" {
			fail("%s: waterwheel:%s is not aggregate, which is what a type can be", found.name, found.kind)
		}
		found.state, found.methods = found.name, methods[found.name]
		for _, method := range []string{"Update", "Merge", "Finish"} {
			if found.methods[method] == nil {
				fail("%s: an aggregate function has the methods Update, Merge and Finish; it has no %s", found.name, method)
			}
		}
		found.takes(found.methods["Update"])
		found.check()
		found.gives(found.methods["Finish"])
		functions = append(functions, found)
	}
	return functions
}

// takes reads the parameters.
func (f *function) takes(declared *ast.FuncDecl) {
	for _, field := range declared.Type.Params.List {
		for _, name := range field.Names {
			f.params = append(f.params, f.param(name.Name, text(field.Type)))
		}
	}
}

// check finds out the SQL types of the parameters.
func (f *function) check() {
	for i := range f.params {
		f.typed(&f.params[i])
	}
}

// gives reads the result.
func (f *function) gives(declared *ast.FuncDecl) {
	results := declared.Type.Results
	if results == nil || len(results.List) > 2 || len(results.List) == 2 && text(results.List[1].Type) != "error" {
		fail("%s: %s must give one value, or one value and error", f.name, declared.Name.Name)
	}
	f.returns = f.param("returns", text(results.List[0].Type))
	f.typed(&f.returns)
	f.fails = len(results.List) == 2
}

func (f *function) param(name, text string) param {
	p := param{name: name, goType: text}
	p.constant = f.options["constant"] == name
	return p
}

// typed finds out the SQL type of a parameter or result.
func (f *function) typed(p *param) {
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

func exports(functions []function) string {
	var b strings.Builder
	b.WriteString("// Code generated by waterwheel generate. DO NOT EDIT.\npackage main\n\nimport \"waterwheel\"\n\nfunc main() {}\n\n")
	fmt.Fprintf(&b, "func init() { waterwheel.Manifest = %q }\n", manifest(functions))
	for _, f := range functions {
		if f.kind == "scalar" {
			fmt.Fprintf(&b, "\n//go:wasmexport %[1]s\nfunc ww_%[1]s(args, rows, out uint32) int32 {\n", f.name)
			f.body(&b)
			continue
		}
		f.states(&b)
		if f.kind == "stream" {
			f.stream(&b)
		} else {
			f.aggregate(&b)
		}
	}
	return b.String()
}

// body reads the columns, calls the function for each row, and writes the results.
func (f *function) body(b *strings.Builder) {
	b.WriteString("\twaterwheel.Begin()\n")
	given := f.columns(b)
	if f.kind == "stream" {
		given = append([]string{"state"}, given...)
	}
	f.results(b, "rows", fmt.Sprintf("%s(%s)", f.name, strings.Join(given, ", ")))
}

// columns reads the columns, and gives what a row has in them.
func (f *function) columns(b *strings.Builder) []string {
	var given []string
	for i, p := range f.params {
		fmt.Fprintf(b, "\ta%d := waterwheel.Arg(args, %d)\n", i, i)
		given = append(given, get(p, fmt.Sprintf("a%d", i)))
	}
	return given
}

// results writes what call gives for each row.
func (f *function) results(b *strings.Builder, rows, call string) {
	set := types[f.returns.goType].set
	null := "result.Null(i)"
	if set == "" {
		b.WriteString("\tresult := waterwheel.NewTexts(out)\n")
		null = "result.AppendNull()"
	} else {
		b.WriteString("\tresult := waterwheel.NewResult(out)\n")
	}
	fmt.Fprintf(b, "\tfor i := 0; i < int(%s); i++ {\n", rows)
	if f.kind != "scalar" {
		b.WriteString("\t\tstate := states.Of(s[i])\n")
	}
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

// export begins an exported function.
func (f *function) export(b *strings.Builder, suffix, params string) {
	fmt.Fprintf(b, "\n//go:wasmexport %[1]s_%[2]s\nfunc ww_%[1]s_%[2]s(%[3]s uint32) int32 {\n", f.name, suffix, params)
}

// states writes what all functions with state have.
func (f *function) states(b *strings.Builder) {
	fmt.Fprintf(b, "\nvar ww_%s_states waterwheel.States[%s]\n", f.name, f.state)
	f.export(b, "new", "args")
	if start := f.methods["Start"]; start == nil {
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
	f.export(b, "save", "slots, count, out")
	fmt.Fprintf(b, "\treturn ww_%s_states.Save(slots, count, out)\n}\n", f.name)
	f.export(b, "load", "slots, count, states, version")
	fmt.Fprintf(b, "\treturn ww_%s_states.Load(slots, count, states)\n}\n", f.name)
	f.export(b, "drop", "slots, count")
	fmt.Fprintf(b, "\treturn ww_%s_states.Drop(waterwheel.Slots(slots, count))\n}\n", f.name)
}

func (f *function) stream(b *strings.Builder) {
	f.export(b, "push", "slots, args, rows, out")
	fmt.Fprintf(b, "\tstates, s := &ww_%s_states, waterwheel.Slots(slots, rows)\n", f.name)
	f.body(b)
}

func (f *function) aggregate(b *strings.Builder) {
	for _, method := range []string{"Update", "Retract"} {
		if f.methods[method] == nil {
			continue
		}
		f.export(b, strings.ToLower(method), "slots, args, rows")
		fmt.Fprintf(b, "\twaterwheel.Begin()\n\tstates, s := &ww_%s_states, waterwheel.Slots(slots, rows)\n", f.name)
		call := fmt.Sprintf("state.%s(%s)", method, strings.Join(f.columns(b), ", "))
		b.WriteString("\tfor i := 0; i < int(rows); i++ {\n\t\tstate := states.Of(s[i])\n")
		if f.mayFail(method) {
			fmt.Fprintf(b, "\t\tif err := %s; err != nil {\n\t\t\twaterwheel.Fail(i, err)\n\t\t\tcontinue\n\t\t}\n", call)
		} else {
			fmt.Fprintf(b, "\t\t%s\n", call)
		}
		b.WriteString("\t\tstates.Keep(s[i], state)\n\t}\n\treturn waterwheel.Done()\n}\n")
	}
	f.export(b, "merge", "into, from, count")
	merge := "into.Merge(from); return nil"
	if f.mayFail("Merge") {
		merge = "return into.Merge(from)"
	}
	fmt.Fprintf(b, "\treturn ww_%[1]s_states.Merge(into, from, count, func(into, from *%[2]s) error { %[3]s })\n}\n", f.name, f.state, merge)
	f.export(b, "finish", "slots, count, out")
	fmt.Fprintf(b, "\twaterwheel.Begin()\n\tstates, s := &ww_%s_states, waterwheel.Slots(slots, count)\n", f.name)
	f.results(b, "count", "state.Finish()")
}

// mayFail says whether a method gives an error, which is all that it may give.
func (f *function) mayFail(method string) bool {
	results := f.methods[method].Type.Results
	if results == nil {
		return false
	}
	if len(results.List) != 1 || text(results.List[0].Type) != "error" {
		fail("%s: %s gives nothing, or error", f.name, method)
	}
	return true
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
