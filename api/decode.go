package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"

	"yunduo"
)

// Decode reads the JSON text of a request. A member that the request does not have is refused: one that is passed over,
// such as a filter with a letter wrong, would make the request mean another thing. Errors name the field and what it
// should be.
func Decode(body json.RawMessage, into any) error {
	if len(body) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		err = errors.New("there is more behind the first value")
	}
	return undecoded(err, body, into)
}

// DecodeKnown is Decode for messages whose other members are left to newer servers.
func DecodeKnown(body json.RawMessage, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return undecoded(err, body, into)
	}
	return nil
}

// undecoded says what is wrong with a text that cannot be decoded.
func undecoded(err error, body json.RawMessage, into any) error {
	if typeErr, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if typeErr.Field == "" {
			return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the JSON text must be %s, not %s", jsonType(typeErr.Type), typeErr.Value)
		}
		return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "field %q must be %s, not %s", typeErr.Field, jsonType(typeErr.Type), typeErr.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok && json.Valid(body) {
		return unknownField(strings.Trim(name, `"`), body, reflect.TypeOf(into).Elem(), err)
	}
	return yunduo.Wrap(err, yunduo.ReasonMalformedJSON, "the request body is not valid JSON: %s", err.Error())
}

// unknownField says that a request has a member which it should not have, and which there are.
func unknownField(name string, body json.RawMessage, request reflect.Type, cause error) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members[name] == nil {
		return yunduo.Wrap(cause, yunduo.ReasonInvalidRequest, "there is no field %.60q in a part of this request", name)
	}
	known := fieldsOf(request)
	if len(known) == 0 {
		return yunduo.Wrap(cause, yunduo.ReasonInvalidRequest, "there is no field %.60q: this request has none", name)
	}
	return yunduo.Wrap(cause, yunduo.ReasonInvalidRequest, "there is no field %.60q in this request, which has %s", name, strings.Join(known, ", "))
}

// fieldsOf lists the names of a request's fields.
func fieldsOf(t reflect.Type) (names []string) {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range slices.Values(reflect.VisibleFields(t)) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// jsonType is what a client calls a type.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint16, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}
