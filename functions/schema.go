package functions

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"yunduo"
)

const maxSchemaBytes = 64 << 10

// parseSchema reads the JSON Schema of a function's event; nil for an empty text. Nothing outside of the text is read.
func parseSchema(text string) (*jsonschema.Schema, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxSchemaBytes {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidConfig, "schema: larger than %d KiB", maxSchemaBytes>>10)
	}
	tree, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "schema: not JSON: %s", err.Error())
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(jsonschema.SchemeURLLoader{})
	if err := compiler.AddResource("event:schema", tree); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "schema: %s", firstLine(err.Error()))
	}
	schema, err := compiler.Compile("event:schema")
	if err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidConfig, "schema: %s", strings.ReplaceAll(strings.ReplaceAll(err.Error(), "\n", " "), "event:schema", ""))
	}
	return schema, nil
}

var english = message.NewPrinter(language.English)

// accepts checks an event against the function's schema; invalid_request names the member that does not fit.
func (p *program) accepts(event json.RawMessage) error {
	if p.schema == nil {
		return nil
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(event))
	if err != nil {
		return yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "the event is not valid JSON")
	}
	err = p.schema.Validate(tree)
	if err == nil {
		return nil
	}
	wrong, ok := err.(*jsonschema.ValidationError) //nolint:errorlint // what Validate returns, never wrapped
	if !ok {
		return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the event does not fit the function's schema")
	}
	for len(wrong.Causes) > 0 { // the innermost says most
		wrong = wrong.Causes[0]
	}
	return yunduo.Errorf(yunduo.ReasonInvalidRequest, "%s: %s", member(wrong.InstanceLocation), wrong.ErrorKind.LocalizedString(english))
}

// member names a place in an event, as in event.items[2].name.
func member(path []string) string {
	var b strings.Builder
	b.WriteString("event")
	for _, part := range path {
		if _, err := strconv.Atoi(part); err == nil {
			b.WriteString("[" + part + "]")
		} else {
			b.WriteString("." + part)
		}
	}
	return b.String()
}
