// Command generate takes the facts out of the OpenAPI document of the API that
// Steno speaks: paths, methods, statuses, and schemas with names, types,
// required members, enums, formats, bounds and what may be null. Sentences stay
// behind.
//
//	go run ./test/contract/generate DOCUMENT > test/contract/reference.json
//
// The document of API v1 makes reference-v1.json in the same way.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

type object = map[string]any

// document is what is read of the source.
type document struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]object }
}

type operation struct {
	OperationID string `json:"operationId"`
	Parameters  []struct {
		Name, In string
		Schema   object
	}
	RequestBody struct{ Content content } `json:"requestBody"`
	Responses   map[string]struct{ Content content }
}

type content map[string]struct{ Schema object }

func (c content) schema() any {
	if m, ok := c["application/json"]; ok {
		return m.Schema
	}
	return nil
}

func run(args []string, w io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("want the OpenAPI document as the one argument")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var doc document
	if err := json.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("read %s: %w", args[0], err)
	}
	x := extract{doc: doc, schemas: object{}, inline: map[string]string{}}
	return write(w, x.operations(), x.events("Webhook"), x.events("Callback"), x.schemas)
}

// extract collects the schemas that are used.
type extract struct {
	doc     document
	schemas object
	inline  map[string]string // names of schemas without one, by their text
}

func (x *extract) operations() object {
	out := object{}
	for _, path := range slices.Sorted(maps.Keys(x.doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(x.doc.Paths[path])) {
			op := x.doc.Paths[path][method]
			statuses, parameters := object{}, []object{}
			for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
				name := op.OperationID + status
				if status == "429" {
					name = "RateLimited"
				}
				statuses[status] = x.use(op.Responses[status].Content.schema(), name)
			}
			for _, p := range op.Parameters {
				parameters = append(parameters, object{"name": p.Name, "in": p.In, "schema": x.facts(p.Schema)})
			}
			o := object{"method": strings.ToUpper(method), "path": path, "statuses": statuses}
			if len(parameters) > 0 {
				o["parameters"] = parameters
			}
			if body := op.RequestBody.Content.schema(); body != nil {
				o["body"] = x.use(body, op.OperationID+"Body")
			}
			out[op.OperationID] = o
		}
	}
	return out
}

// events returns the schemas of payloads by event. The payloads are components
// whose member event is a constant; callbacks are told by their name.
func (x *extract) events(kind string) object {
	out := object{}
	for name, s := range x.doc.Components.Schemas {
		properties, _ := s["properties"].(object)
		event, _ := properties["event"].(object)
		if c, ok := event["const"].(string); ok && strings.Contains(name, kind) && !strings.HasSuffix(name, "Input") {
			out[c] = x.reference(name)
		}
	}
	return out
}

// use returns a reference to a schema, which gets a name if it has none.
func (x *extract) use(schema any, name string) any {
	s, ok := schema.(object)
	if !ok {
		return nil
	}
	f := x.facts(s)
	if _, ok := s["$ref"]; ok {
		return f
	}
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // it was JSON before
	}
	if x.inline[string(text)] == "" {
		x.inline[string(text)], x.schemas[name] = name, f
	}
	return object{"$ref": "#/schemas/" + x.inline[string(text)]}
}

func (x *extract) reference(name string) object {
	if _, ok := x.schemas[name]; !ok {
		x.schemas[name] = nil // it may refer to itself
		x.schemas[name] = x.facts(x.doc.Components.Schemas[name])
	}
	return object{"$ref": "#/schemas/" + name}
}

// keywords are what a schema may hold here; the rest are sentences or lead to
// other documents.
var keywords = []string{
	"type", "const", "enum", "format", "pattern", "default", "required", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
	"minLength", "maxLength", "minItems", "maxItems", "properties", "additionalProperties", "propertyNames", "items", "prefixItems", "anyOf", "oneOf", "allOf", "$ref",
}

// any is facts for a schema that may be true or false.
func (x *extract) any(v any) any {
	if s, ok := v.(object); ok {
		return x.facts(s)
	}
	return v
}

func (x *extract) facts(s object) object {
	if ref, ok := s["$ref"].(string); ok {
		return x.reference(ref[strings.LastIndex(ref, "/")+1:])
	}
	out := object{}
	for word, v := range s {
		if !slices.Contains(keywords, word) {
			continue
		}
		switch word {
		case "properties":
			members := object{}
			for name, member := range v.(object) {
				members[name] = x.any(member)
			}
			v = members
		case "anyOf", "oneOf", "allOf":
			var list []any
			for _, one := range v.([]any) {
				list = append(list, x.any(one))
			}
			v = list
		case "items", "additionalProperties", "propertyNames", "prefixItems":
			if list, ok := v.([]any); ok { // items one by one are prefixItems since draft 2020-12
				var each []any
				for _, one := range list {
					each = append(each, x.any(one))
				}
				word, v = "prefixItems", each
			}
			if one, ok := v.(object); ok {
				v = x.facts(one)
			}
		}
		out[word] = v
	}
	return out
}

// write puts each operation and each schema on a line of its own.
func write(w io.Writer, operations, webhooks, callbacks, schemas object) error {
	var b bytes.Buffer
	b.WriteString("{")
	for i, part := range []struct {
		name string
		of   object
	}{{"operations", operations}, {"webhooks", webhooks}, {"callbacks", callbacks}, {"schemas", schemas}} {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "\n%q: {", part.name)
		for j, name := range slices.Sorted(maps.Keys(part.of)) {
			if j > 0 {
				b.WriteString(",")
			}
			text, err := json.Marshal(part.of[name])
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "\n%q: %s", name, text)
		}
		b.WriteString("}")
	}
	b.WriteString("}\n")
	_, err := w.Write(b.Bytes())
	return err
}
