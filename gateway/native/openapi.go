package native

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"time"

	"yunduo/api"
	"yunduo/wire"
)

var pathParameter = regexp.MustCompile(`:([a-zA-Z]+)`)

type object = map[string]any

// openAPI renders the operation table as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0).
func openAPI(operations []*api.Operation) []byte {
	byName := map[string]*api.Operation{}
	for _, o := range operations {
		byName[o.Name] = o
	}
	b := &openAPIBuilder{schemas: object{}, paths: object{}}
	b.schemas["Error"] = b.schema(reflect.TypeFor[wire.ErrorEnvelope]())
	for verb, name := range documentVerbs {
		b.add("POST", "/v1/apps/:app/documents/:collection/"+verb, byName[name])
	}
	for _, verb := range []string{"begin", "commit", "abort"} {
		b.add("POST", "/v1/apps/:app/documents/"+verb, byName["documents."+verb])
	}
	for _, verb := range []string{"grantUpload", "urls", "delete", "copy", "list", "stat"} {
		b.add("POST", "/v1/apps/:app/files/"+verb, byName["files."+verb])
	}
	for _, verb := range []string{"openapi", "pay", "openData"} {
		b.add("POST", "/v1/apps/:app/wechat/"+verb, byName["wechat."+verb])
	}
	b.add("POST", "/v1/apps/:app/auth/:provider", byName["auth.login"])
	b.add("POST", "/v1/apps/:app/auth/refresh", byName["auth.refresh"])
	b.add("POST", "/v1/apps/:app/auth/revoke", byName["auth.revoke"])
	b.add("POST", "/v1/apps/:app/auth/logout", byName["auth.logout"])
	b.add("GET", "/v1/apps/:app/auth/me", byName["auth.me"])
	for _, r := range accountRoutes {
		b.add(r.method, "/v1/apps/:app/auth"+r.path, byName[r.operation])
	}
	for _, r := range manageRoutes {
		b.add(r.method, "/v1/manage"+r.path, byName[r.operation])
	}
	for _, r := range transferRoutes {
		b.addTransfer("/v1/manage"+r.path, r.in, byName[r.operation])
	}
	b.addInvoke(byName["functions.invoke"])
	b.addStart(byName["functions.start"])
	b.add("GET", "/v1/apps/:app/invocations/:id", byName["functions.started"])
	text, err := json.Marshal(object{
		"openapi": "3.1.0",
		"info":    object{"title": "Yunduo", "version": "1", "description": "Cloud functions, documents, files and triggers behind one app-scoped gateway."},
		"paths":   b.paths,
		"components": object{
			"schemas":         b.schemas,
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer"}},
		},
	})
	if err != nil {
		panic(err) // only plain maps, strings and numbers are in it
	}
	return text
}

type openAPIBuilder struct{ schemas, paths object }

func (b *openAPIBuilder) add(method, path string, o *api.Operation) {
	operation := b.operation(path, o)
	if o.Request != reflect.TypeFor[wire.Empty]() && method != "GET" && method != "DELETE" {
		operation["requestBody"] = body(b.schema(o.Request))
	}
	b.put(method, path, operation)
}

// addInvoke describes the one route whose body and reply are the author's own.
func (b *openAPIBuilder) addInvoke(o *api.Operation) {
	path := "/v1/apps/:app/functions/:name"
	operation := b.operation(path, o)
	operation["requestBody"] = body(object{"description": "the event"})
	operation["responses"].(object)["200"] = described("the return value", object{})
	b.put("POST", path, operation)
}

// addStart describes the route whose body is the event of an invocation that runs by itself.
func (b *openAPIBuilder) addStart(o *api.Operation) {
	operation := b.operation("/v1/apps/:app/functions/:name/start", o)
	operation["requestBody"] = body(object{"description": "the event"})
	operation["description"] = operation["description"].(string) + " The header Idempotency-Key names the invocation, the query parameter delay has it begin so many seconds later."
	b.schema(o.Request)
	b.put("POST", "/v1/apps/:app/functions/:name/start", operation)
}

// addTransfer describes a route whose body or reply is a file. What an import is told stands in the query.
func (b *openAPIBuilder) addTransfer(path string, in bool, o *api.Operation) {
	operation := b.operation(path, o)
	file := object{"content": object{"application/octet-stream": object{"schema": object{}}}}
	if in {
		operation["requestBody"] = file
		operation["description"] = operation["description"].(string) + " The query says what the file is: format, mode and source, as ImportRequest has them."
		b.schema(o.Request)
	} else {
		operation["requestBody"] = body(b.schema(o.Request))
		file["description"] = "the file"
		operation["responses"].(object)["200"] = file
	}
	b.put("POST", path, operation)
}

func (b *openAPIBuilder) operation(path string, o *api.Operation) object {
	parameters := []object{}
	for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
		parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	operation := object{
		"operationId": o.Name, "summary": o.Summary, "description": "May be called by: " + o.Access.String() + ".",
		"tags": []string{strings.SplitN(o.Name, ".", 2)[0]}, "parameters": parameters,
		"responses": object{
			"200":     described("done", b.schema(o.Response)),
			"default": described("refused or failed", object{"$ref": "#/components/schemas/Error"}),
		},
	}
	if o.Access != api.Public {
		operation["security"] = []object{{"bearer": []string{}}}
	}
	return operation
}

func (b *openAPIBuilder) put(method, path string, operation object) {
	path = pathParameter.ReplaceAllString(path, "{$1}")
	item, _ := b.paths[path].(object)
	if item == nil {
		item = object{}
		b.paths[path] = item
	}
	item[strings.ToLower(method)] = operation
}

func body(schema object) object {
	return object{"content": object{"application/json": object{"schema": schema}}}
}

func described(text string, schema object) object {
	o := body(schema)
	o["description"] = text
	return o
}

// schema renders a wire type; named structs become components.
func (b *openAPIBuilder) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[wire.Position]():
		return object{"type": []string{"integer", "string"}}
	case t == reflect.TypeFor[[]byte]():
		return object{"type": "string", "contentEncoding": "base64"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return b.schema(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": b.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": b.schema(t.Elem())}
	case reflect.Struct:
		return b.component(t)
	}
	return object{}
}

func (b *openAPIBuilder) component(t reflect.Type) object {
	ref := object{"$ref": "#/components/schemas/" + t.Name()}
	if _, ok := b.schemas[t.Name()]; ok {
		return ref
	}
	properties, required := object{}, []string{}
	b.schemas[t.Name()] = object{} // a type may refer to itself
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := b.schema(f.Type)
		if values := f.Tag.Get("enum"); values != "" {
			property["enum"] = strings.Split(values, ",")
		}
		properties[name] = property
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	b.schemas[t.Name()] = object{"type": "object", "properties": properties, "required": required}
	return ref
}
