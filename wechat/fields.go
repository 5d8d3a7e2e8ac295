package wechat

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"yunduo"
)

// maxXMLDepth bounds how deep a message in XML may be.
const maxXMLDepth = 16

// parseFields reads the members of a message. Those of XML get the types that they have in JSON.
func parseFields(text []byte, isXML bool) (map[string]any, error) {
	if isXML {
		fields, err := parseXML(text)
		if err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the message is neither JSON nor XML of WeChat's form")
		}
		return fields, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	fields := map[string]any{}
	if err := decoder.Decode(&fields); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "the message is not valid JSON")
	}
	if fields == nil {
		return nil, yunduo.Errorf(yunduo.ReasonMalformedJSON, "the message is not a JSON object")
	}
	exact(fields)
	return fields, nil
}

func parseXML(text []byte) (map[string]any, error) {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	decoder.Strict = true
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok {
			value, err := element(decoder, start, 0)
			if err != nil {
				return nil, err
			}
			fields, ok := value.(map[string]any)
			if !ok {
				return nil, errors.New("no members")
			}
			return fields, nil
		}
	}
}

// element reads one element: a text, a number, or members, of which those that repeat make a list.
func element(decoder *xml.Decoder, start xml.StartElement, depth int) (any, error) {
	if depth > maxXMLDepth {
		return nil, errors.New("too deep")
	}
	var text strings.Builder
	var members map[string]any
	for {
		token, err := decoder.Token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		switch t := token.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			value, err := element(decoder, t, depth+1)
			if err != nil {
				return nil, err
			}
			if members == nil {
				members = map[string]any{}
			}
			name := t.Name.Local
			switch old := members[name].(type) {
			case nil:
				members[name] = value
			case []any:
				members[name] = append(old, value)
			default:
				members[name] = []any{old, value}
			}
		case xml.EndElement:
			if members != nil {
				return members, nil
			}
			return scalar(start.Name.Local, text.String()), nil
		}
	}
}

// numeric are the members that are numbers in WeChat's JSON. Others look like numbers without being any.
var numeric = map[string]bool{"CreateTime": true, "errcode": true, "version": true}

func scalar(name, text string) any {
	if numeric[name] {
		var n json.Number
		if json.Unmarshal([]byte(text), &n) == nil {
			return n
		}
	}
	return text
}

// formatFields writes the members of a message.
func formatFields(fields map[string]any, asXML bool) ([]byte, error) {
	if !asXML {
		return json.Marshal(fields)
	}
	var b bytes.Buffer
	err := writeXML(&b, "xml", fields, 0)
	return b.Bytes(), err
}

func writeXML(b *bytes.Buffer, name string, value any, depth int) error {
	if depth > maxXMLDepth || strings.ContainsAny(name, "<>&\"' /\t\r\n") || name == "" {
		return yunduo.Errorf(yunduo.ReasonFunctionError, "the function's answer cannot be written as XML: %q", clip(name))
	}
	if list, ok := value.([]any); ok {
		for _, v := range list {
			if err := writeXML(b, name, v, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintf(b, "<%s>", name)
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := writeXML(b, key, v[key], depth+1); err != nil {
				return err
			}
		}
	case nil:
	case float64, json.Number, bool:
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		b.Write(text)
	default:
		b.WriteString("<![CDATA[" + strings.ReplaceAll(fmt.Sprint(v), "]]>", "]]]]><![CDATA[>") + "]]>")
	}
	fmt.Fprintf(b, "</%s>", name)
	return nil
}
