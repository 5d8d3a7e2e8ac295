package pipeline

import (
	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// parseFill compiles $fill to the stages that it is short for: $setWindowFields with $linearFill and $locf, and
// $addFields with $ifNull.
func parseFill(p *parser, name string, arg bson.RawValue) (stage, error) {
	raw, err := parameters(name, arg, "partitionBy?", "partitionByFields?", "sortBy?", "output")
	if err != nil {
		return nil, err
	}
	partition := raw[0]
	if raw[1].Type != 0 {
		if partition.Type != 0 {
			return nil, invalid("%s has either partitionBy or partitionByFields", name)
		}
		paths, err := pathList(name, "partitionByFields", raw[1])
		if err != nil {
			return nil, err
		}
		parts := make([]bson.RawValue, len(paths))
		for i, path := range paths {
			parts[i] = object("$ifNull", value.ArrayOf(value.String("$"+joinPath(path)), value.Null))
		}
		partition = object("key", value.ArrayOf(parts...)) // an array alone is no partition
	}
	if raw[3].Type != bson.TypeEmbeddedDocument || value.IsEmpty(raw[3].Value) {
		return nil, invalid("%s: output must be an object of fields", name)
	}
	computed, constant := value.BeginDocument(nil), value.BeginDocument(nil)
	elements(raw[3].Value, func(field string, v bson.RawValue) bool {
		if _, err = splitPath(name, field); err != nil {
			return false
		}
		var options []bson.RawValue
		if options, err = parameters(name, v, "value?", "method?"); err != nil {
			return false
		}
		own := value.String("$" + field)
		method, _ := value.Text(options[1])
		switch {
		case options[0].Type != 0 && options[1].Type == 0:
			constant = value.Append(constant, field, object("$ifNull", value.ArrayOf(own, options[0])))
		case options[0].Type == 0 && string(method) == "linear":
			computed = value.Append(computed, field, object("$linearFill", own))
		case options[0].Type == 0 && string(method) == "locf":
			computed = value.Append(computed, field, object("$locf", own))
		default:
			err = invalid(`%s: the output %q needs either value or method, which is "linear" or "locf"`, name, field)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	var stages sequence
	if computed = value.EndDocument(computed, 0); !value.IsEmpty(computed) {
		window := value.Append(value.BeginDocument(nil), "partitionBy", partition)
		window = value.Append(window, "sortBy", raw[2])
		window = value.EndDocument(value.Append(window, "output", value.Document(computed)), 0)
		s, err := parseWindow(p, name, value.Document(window))
		if err != nil {
			return nil, err
		}
		stages = append(stages, s)
	}
	if constant = value.EndDocument(constant, 0); !value.IsEmpty(constant) {
		s, err := parseAddFields(p, name, value.Document(constant))
		if err != nil {
			return nil, err
		}
		stages = append(stages, s)
	}
	return stages, nil
}

// object is {name: v}.
func object(name string, v bson.RawValue) bson.RawValue {
	return value.Document(value.EndDocument(value.Append(value.BeginDocument(nil), name, v), 0))
}
