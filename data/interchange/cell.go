package interchange

import (
	"math"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/query/ejson"
	"yunduo/data/query/value"
)

// exactIntegers bounds the whole numbers that a bare cell stands for: those that JavaScript tells apart. Longer rows of
// digits are numbers of cards and the like, and stay texts.
const exactIntegers = 1 << 53

// parseCell returns what a bare cell stands for: a number, true, false, null, EJSON in braces, brackets or quotes,
// ObjectId("..."), else a text.
func parseCell(cell string) bson.RawValue {
	switch cell {
	case "true", "false":
		return value.Bool(cell == "true")
	case "null":
		return bson.RawValue{Type: bson.TypeNull}
	case "":
		return value.String("")
	}
	switch c := cell[0]; {
	case c == '{' || c == '[' || c == '"':
		if v, err := ejson.ParseValue([]byte(cell), ejson.Options{}); err == nil {
			return v
		}
	case c == '-' || c >= '0' && c <= '9':
		if v, ok := parseNumber(cell); ok {
			return v
		}
	case strings.HasPrefix(cell, "ObjectId(") || strings.HasPrefix(cell, "ObjectID("):
		hex, ok := strings.CutSuffix(cell[len("ObjectId("):], ")")
		if id, err := bson.ObjectIDFromHex(strings.Trim(hex, `"'`)); ok && err == nil {
			return value.ObjectID(id)
		}
	}
	return value.String(cell)
}

// parseNumber reads a number as JSON spells it, so that "007" and "1e" stay texts.
func parseNumber(cell string) (bson.RawValue, bool) {
	v, err := ejson.ParseValue([]byte(cell), ejson.Options{})
	if err != nil || !value.IsNumber(v) || strings.TrimSpace(cell) != cell {
		return v, false
	}
	if strings.ContainsAny(cell, ".eE") {
		f, err := strconv.ParseFloat(cell, 64)
		return value.Double(f), err == nil
	}
	n, err := strconv.ParseInt(cell, 10, 64)
	if err != nil || n > exactIntegers || n < -exactIntegers || cell == "-0" {
		return v, false
	}
	return value.Int(n), true
}

// appendCell writes a value so that parseCell gives it back with its type.
func appendCell(dst []byte, v bson.RawValue) []byte {
	switch v.Type {
	case bson.TypeString:
		text, _ := value.Text(v)
		if back := parseCell(string(text)); back.Type == bson.TypeString && string(back.Value) == string(v.Value) && len(text) > 0 {
			return append(dst, text...)
		}
		return ejson.AppendValueCanonical(dst, v)
	case bson.TypeBoolean, bson.TypeNull, bson.TypeInt32:
		return ejson.AppendValue(dst, v)
	case bson.TypeInt64:
		if n := v.Int64(); n > math.MaxInt32 && n <= exactIntegers || n < math.MinInt32 && n >= -exactIntegers {
			return strconv.AppendInt(dst, n, 10)
		}
	case bson.TypeDouble:
		if f := v.Double(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			text := strconv.FormatFloat(f, 'g', -1, 64)
			if !strings.ContainsAny(text, ".e") {
				text += ".0"
			}
			return append(dst, text...)
		}
	}
	return ejson.AppendValueCanonical(dst, v)
}

// columnType is what a header such as "born.date()" says of its cells. The names are mongoimport's.
type columnType func(cell string) (bson.RawValue, error)

var columnTypes = map[string]columnType{
	"auto":    func(cell string) (bson.RawValue, error) { return parseCell(cell), nil },
	"string":  func(cell string) (bson.RawValue, error) { return value.String(cell), nil },
	"boolean": parseBoolean,
	"int32": func(cell string) (bson.RawValue, error) {
		n, err := strconv.ParseInt(cell, 10, 32)
		return value.Int32(int32(n)), cellError(err, "a whole number of 32 bits", cell)
	},
	"int64": func(cell string) (bson.RawValue, error) {
		n, err := strconv.ParseInt(cell, 10, 64)
		return value.Int64Value(n), cellError(err, "a whole number of 64 bits", cell)
	},
	"double": func(cell string) (bson.RawValue, error) {
		f, err := strconv.ParseFloat(cell, 64)
		return value.Double(f), cellError(err, "a number", cell)
	},
	"decimal": func(cell string) (bson.RawValue, error) {
		d, err := bson.ParseDecimal128(cell)
		return value.Decimal(d), cellError(err, "a decimal number", cell)
	},
	"date": parseDate,
}

// typeOf returns the type of that name; of dates, the argument may be the layout that they are written in, in Go's manner.
// nil for others: they are part of a field's name.
func typeOf(name, argument string) columnType {
	switch {
	case argument == "":
		return columnTypes[name]
	case name == "date" || name == "date_go":
		return func(cell string) (bson.RawValue, error) {
			t, err := time.Parse(argument, cell)
			return value.DateTime(t), cellError(err, "a date as "+argument, cell)
		}
	}
	return nil
}

func parseBoolean(cell string) (bson.RawValue, error) {
	b, err := strconv.ParseBool(strings.ToLower(cell))
	return value.Bool(b), cellError(err, "true or false", cell)
}

func parseDate(cell string) (bson.RawValue, error) {
	var t time.Time
	var err error
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", time.DateOnly} {
		if t, err = time.Parse(layout, cell); err == nil {
			break
		}
	}
	return value.DateTime(t), cellError(err, "a date", cell)
}

func cellError(err error, what, cell string) error {
	if err == nil {
		return nil
	}
	return yunduo.Wrap(err, yunduo.ReasonInvalidDocument, "%.40q is not %s", cell, what)
}
