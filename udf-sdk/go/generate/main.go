// Writes the exports and the manifest of the functions in a Go file: generate SOURCE.go OUT.go
//
// A function with the comment //waterwheel:scalar, //waterwheel:table or //waterwheel:stream is one of SQL. What follows in that
// comment are options: `x=DECIMAL(20,4)` the type of a parameter (or `returns=`) that Go has no type for, `constant=n` a parameter
// that must be a constant, `default:n=10` what it is in a call without it, `name=`, `volatility=`, `state_version=`. The first other
// line of the comment is its doc line.
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
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
)

type param struct {
	name, goType, sqlType        string
	optional, constant, variadic bool
	// How its column is read, how a value is added to a column in the making, and that column's type.
	get, add, layout string
}

type function struct {
	name, kind, doc string
	options         map[string]string
	state           string
	// The type of what a function without state makes of constants, its first parameter.
	setUp   string
	params  []param
	returns param
	fails   bool
	methods map[string]*ast.FuncDecl
}

// The SQL type of a Go type, how its column is read, how a result is written (set is empty for texts), and how a value is added to a
// column in the making, with the letter of its layout.
type goType struct {
	sql, get, set, add, layout string
}

var types = map[string]goType{
	"bool":                 {"BOOLEAN", "waterwheel.GetBool", "waterwheel.SetBool", "waterwheel.AddBool", "b"},
	"int32":                {"INTEGER", "waterwheel.Get[int32]", "waterwheel.Set", "waterwheel.Add32[int32]", "i"},
	"int64":                {"BIGINT", "waterwheel.Get[int64]", "waterwheel.Set", "waterwheel.Add64[int64]", "l"},
	"float64":              {"DOUBLE", "waterwheel.Get[float64]", "waterwheel.Set", "waterwheel.AddDouble", "d"},
	"string":               {"STRING", "waterwheel.GetString", "", "waterwheel.AddText[string]", "s"},
	"[]byte":               {"BYTES", "waterwheel.GetBytes", "", "waterwheel.AddText[[]byte]", "s"},
	"waterwheel.Date":      {"DATE", "waterwheel.Get[waterwheel.Date]", "waterwheel.Set", "waterwheel.Add32[waterwheel.Date]", "i"},
	"waterwheel.Time":      {"TIME", "waterwheel.Get[waterwheel.Time]", "waterwheel.Set", "waterwheel.Add32[waterwheel.Time]", "i"},
	"waterwheel.Timestamp": {"TIMESTAMP", "waterwheel.Get[waterwheel.Timestamp]", "waterwheel.Set", "waterwheel.Add64[waterwheel.Timestamp]", "l"},
	"waterwheel.Decimal":   {"", "waterwheel.Get[waterwheel.Decimal]", "waterwheel.Set", "waterwheel.AddDecimal", "n"},
}

// The struct types of the file, and those of them that functions take or give, with what was written for them.
var structs = map[string]*ast.StructType{}
var structCode = map[string]string{}

// resolve finds what a Go type is in SQL; sql is given for a Decimal.
func resolve(name, sql string) (goType, bool) {
	if known, ok := types[name]; ok {
		if sql != "" {
			known.sql = sql
		}
		return known, known.sql != ""
	}
	if inner, ok := strings.CutPrefix(name, "*"); ok {
		of, ok := resolve(inner, sql)
		return goType{of.sql, "waterwheel.OptionalOf(" + of.get + ")", "", "waterwheel.AddOptional(" + of.add + ")", of.layout}, ok
	}
	if inner, ok := strings.CutPrefix(name, "[]"); ok {
		of, ok := resolve(inner, "")
		if !ok && sql != "" {
			of, ok = resolve(inner, strings.TrimSuffix(strings.TrimPrefix(sql, "ARRAY<"), ">"))
		}
		return goType{"ARRAY<" + of.sql + ">", "waterwheel.ArrayOf(" + of.get + ")", "", "waterwheel.AddArray(" + of.add + ")", "[" + of.layout + "]"}, ok
	}
	if inner, ok := strings.CutPrefix(name, "map["); ok {
		keyName, valueName, _ := strings.Cut(inner, "]")
		key, keyOk := resolve(keyName, "")
		value, valueOk := resolve(valueName, "")
		return goType{
			"MAP<" + key.sql + ", " + value.sql + ">",
			"waterwheel.MapOf(" + key.get + ", " + value.get + ")", "",
			"waterwheel.AddMap(" + key.add + ", " + value.add + ")",
			"{" + key.layout + value.layout + "}",
		}, keyOk && valueOk
	}
	if of := structs[name]; of != nil {
		return resolveStruct(name, of)
	}
	return goType{}, false
}

// resolveStruct writes the two functions that read and add a struct. A field of DECIMAL has its type in a tag: `sql:"DECIMAL(20,4)"`.
func resolveStruct(name string, of *ast.StructType) (goType, bool) {
	var sql, layout []string
	var get, add strings.Builder
	for _, field := range of.Fields.List {
		given := ""
		if field.Tag != nil {
			given = reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("sql")
		}
		for _, each := range field.Names {
			inner, ok := resolve(text(field.Type), given)
			if !ok {
				fail("%s.%s has the type %s, which is none of SQL", name, each.Name, text(field.Type))
			}
			i := len(sql)
			fmt.Fprintf(&get, "\tvalue.%s = waterwheel.FieldOf(c, %d, i, %s)\n", each.Name, i, inner.get)
			fmt.Fprintf(&add, "\twaterwheel.AddField(b, %d, value.%s, %s)\n", i, each.Name, inner.add)
			sql = append(sql, each.Name+" "+inner.sql)
			layout = append(layout, inner.layout)
		}
	}
	structCode[name] = fmt.Sprintf("\nfunc ww_get_%[1]s(c *waterwheel.Column, i int) (value %[1]s) {\n%[2]s\treturn value\n}\n"+
		"\nfunc ww_add_%[1]s(b *waterwheel.Builder, value %[1]s) {\n%[3]s\twaterwheel.EndStruct(b)\n}\n", name, get.String(), add.String())
	return goType{"STRUCT<" + strings.Join(sql, ", ") + ">", "ww_get_" + name, "", "ww_add_" + name, "(" + strings.Join(layout, "") + ")"}, len(sql) > 0
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
		if d, ok := declared.(*ast.GenDecl); ok {
			for _, spec := range d.Specs {
				if of, ok := spec.(*ast.TypeSpec); ok {
					structs[of.Name.Name], _ = of.Type.(*ast.StructType)
				}
			}
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
		fail("%s has nothing with //waterwheel:scalar, //waterwheel:table, //waterwheel:stream or //waterwheel:aggregate", os.Args[1])
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
	if found.kind != "scalar" && found.kind != "table" && found.kind != "stream" {
		fail("%s: waterwheel:%s is not scalar, table or stream", found.name, found.kind)
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
	found.made(methods)
	found.check()
	found.gives(f)
	return found, true
}

// made takes the first parameter of a function without state where that is what Start makes of constants: a pointer to a type with that method.
func (f *function) made(methods map[string]map[string]*ast.FuncDecl) {
	if f.kind == "stream" || f.options["constant"] == "" || len(f.params) == 0 {
		return
	}
	of, isPointer := strings.CutPrefix(f.params[0].goType, "*")
	if !isPointer || methods[of]["Start"] == nil {
		return
	}
	f.setUp, f.methods, f.params = of, methods[of], f.params[1:]
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
	if f.kind == "table" && !strings.HasPrefix(f.returns.goType, "[]") {
		fail("%s: a table function gives []T, its rows", f.name)
	}
}

func (f *function) param(name, text string) param {
	p := param{name: name, goType: text}
	p.goType, p.variadic = strings.CutPrefix(text, "...")
	if p.variadic {
		p.goType = "[]" + p.goType
	}
	p.constant = slices.Contains(strings.Split(f.options["constant"], ","), name)
	return p
}

// typed finds out the SQL type of a parameter or result.
func (f *function) typed(p *param) {
	p.goType, p.optional = strings.CutPrefix(p.goType, "*")
	known, ok := resolve(p.goType, f.options[p.name])
	p.sqlType, p.get, p.add, p.layout = known.sql, known.get, known.add, known.layout
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
	case *ast.Ellipsis:
		return "..." + text(e.Elt)
	case *ast.MapType:
		return "map[" + text(e.Key) + "]" + text(e.Value)
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
			if p.variadic {
				arg["variadic"] = true
			}
			if value, ok := f.options["default:"+p.name]; ok {
				if !json.Valid([]byte(value)) {
					fail("%s: default:%s is %s, which is no JSON", name, p.name, value)
				}
				arg["default"] = json.RawMessage(value)
			}
			args = append(args, arg)
		}
		returns := f.returns.sqlType
		if f.kind == "table" {
			returns = strings.TrimSuffix(strings.TrimPrefix(returns, "ARRAY<"), ">")
		}
		entry := map[string]any{"name": name, "kind": f.kind, "export": f.name, "args": args, "returns": returns, "nulls": nulls}
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
		if f.kind == "scalar" || f.kind == "table" {
			f.start(&b)
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
	for _, code := range slices.Sorted(maps.Keys(structCode)) {
		b.WriteString(structCode[code])
	}
	return b.String()
}

// start writes the set-up of a function without state that takes constants.
func (f *function) start(b *strings.Builder) {
	if f.options["constant"] == "" {
		return
	}
	if f.setUp != "" {
		fmt.Fprintf(b, "\nvar ww_%s_made *%s\n", f.name, f.setUp)
	}
	f.export(b, "new", "args")
	if f.setUp == "" {
		b.WriteString("\twaterwheel.Begin()\n\treturn 0\n}\n")
		return
	}
	// Before the constants, which may be called what the type is.
	fmt.Fprintf(b, "\tww_%s_made = new(%s)\n", f.name, f.setUp)
	given := f.constants(b)
	fmt.Fprintf(b, "\tif err := ww_%s_made.Start(%s); err != nil {\n\t\treturn waterwheel.Refuse(err)\n\t}\n", f.name, given)
	b.WriteString("\twaterwheel.Begin()\n\treturn 0\n}\n")
}

// constants reads the constants that Start takes, and gives their names.
func (f *function) constants(b *strings.Builder) string {
	var given []string
	for _, field := range f.methods["Start"].Type.Params.List {
		for _, name := range field.Names {
			given = append(given, f.constant(b, name.Name))
		}
	}
	return strings.Join(given, ", ")
}

// body reads the columns, calls the function for each row, and writes the results.
func (f *function) body(b *strings.Builder) {
	b.WriteString("\twaterwheel.Begin()\n")
	given := f.columns(b)
	if f.kind == "stream" {
		given = append([]string{"state"}, given...)
	} else if f.setUp != "" {
		given = append([]string{"ww_" + f.name + "_made"}, given...)
	}
	f.results(b, "rows", fmt.Sprintf("%s(%s)", f.name, strings.Join(given, ", ")))
}

// columns reads the columns, and gives what a row has in them.
func (f *function) columns(b *strings.Builder) []string {
	var given []string
	for i, p := range f.params {
		fmt.Fprintf(b, "\ta%d := waterwheel.Arg(args, %d)\n", i, i)
		value := fmt.Sprintf("%s(a%d, i)", p.get, i)
		if p.optional {
			value = fmt.Sprintf("waterwheel.Optional(a%d, i, %s)", i, p.get)
		}
		if p.variadic {
			value += "..."
		}
		given = append(given, value)
	}
	return given
}

// results writes what call gives for each row.
func (f *function) results(b *strings.Builder, rows, call string) {
	known, isPlain := types[f.returns.goType]
	set, null := known.set, "result.Null(i)"
	if !isPlain {
		fmt.Fprintf(b, "\tresult := waterwheel.NewNested(out, %q)\n\tadd := %s\n", f.returns.layout, f.returns.add)
		null = "result.AppendNull()"
	} else if set == "" {
		b.WriteString("\tresult := waterwheel.NewTexts(out)\n")
		null = "result.AppendNull()"
	} else {
		b.WriteString("\tresult := waterwheel.NewResult(out)\n")
	}
	fmt.Fprintf(b, "\tfor i := 0; i < int(%s); i++ {\n", rows)
	if f.state != "" {
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
	if !isPlain {
		fmt.Fprintf(b, "\t\tadd(result.Builder, %s)\n\t}\n\tresult.Finish()\n", value)
	} else if set == "" {
		fmt.Fprintf(b, "\t\tresult.Append([]byte(%s))\n\t}\n\tresult.Finish()\n", value)
	} else {
		fmt.Fprintf(b, "\t\t%s(result, i, %s)\n\t}\n", set, value)
	}
	b.WriteString("\treturn waterwheel.Done()\n}\n")
}

// export begins an exported function.
func (f *function) export(b *strings.Builder, suffix, params string) {
	fmt.Fprintf(b, "\n//go:wasmexport %[1]s_%[2]s\nfunc ww_%[1]s_%[2]s(%[3]s uint32) int32 {\n", f.name, suffix, params)
}

// states writes what all functions with state have.
func (f *function) states(b *strings.Builder) {
	fmt.Fprintf(b, "\nvar ww_%s_states waterwheel.States[%s]\n", f.name, f.state)
	f.export(b, "new", "args")
	if f.methods["Start"] == nil {
		fmt.Fprintf(b, "\treturn ww_%s_states.Open(func(*%s) error { return nil })\n}\n", f.name, f.state)
	} else {
		given := f.constants(b)
		fmt.Fprintf(b, "\treturn ww_%s_states.Open(func(state *%s) error { return state.Start(%s) })\n}\n", f.name, f.state, given)
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
			fmt.Fprintf(b, "\t%s := %s(waterwheel.Arg(args, %d), 0)\n", name, p.get, i)
			return name
		}
	}
	fail("%s: Start of %s takes %s, which is no constant parameter: say constant=%s", f.name, f.state+f.setUp, name, name)
	return ""
}
