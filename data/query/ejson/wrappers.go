package ejson

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// A converter makes a value from what an Extended JSON wrapper such as {"$oid":...} holds; second is the value of a
// further key, which only some wrappers have.
type converter func(p *parser, v, second bson.RawValue) (bson.RawValue, bool)

var wrappers = map[string]converter{
	"$numberInt":         numberInt,
	"$numberLong":        numberLong,
	"$numberDouble":      numberDouble,
	"$numberDecimal":     numberDecimal,
	"$oid":               objectID,
	"$date":              date,
	"$serverDate":        serverDate,
	"$tcb_server_date":   serverDate,
	"$binary":            binaryData,
	"$uuid":              uuid,
	"$regularExpression": regularExpression,
	"$timestamp":         timestamp,
	"$undefined":         constant(bson.RawValue{Type: bson.TypeUndefined}),
	"$minKey":            constant(value.MinKey),
	"$maxKey":            constant(value.MaxKey),
	"$symbol":            symbol,
	"$code":              code,
	"$dbPointer":         dbPointer,
}

// seconds names the key that may follow a wrapper's own.
var seconds = map[string]string{"$code": "$scope", "$binary": "$type"}

// wrapped reads the rest of a wrapper object after its first key and appends the value it stands for.
func (p *parser) wrapped(dst []byte, name string, convert converter) (bson.Type, []byte, *failure) {
	start := len(dst)
	t, dst, f := p.value(dst)
	if f != nil {
		return 0, dst, f
	}
	v := bson.RawValue{Type: t, Value: dst[start:]}
	var second bson.RawValue
	if next := seconds[name]; next != "" && p.peek() == ',' {
		p.pos++
		scratch, f := p.key(nil)
		if f != nil {
			return 0, dst, f
		}
		if string(scratch[:len(scratch)-1]) != next {
			return 0, dst, p.invalid("may be followed by %s only", next)
		}
		t, scratch, f = p.value(nil)
		if f != nil {
			return 0, dst, f
		}
		second = bson.RawValue{Type: t, Value: scratch}
	}
	switch p.peek() {
	case '}':
		p.pos++
		p.depth--
	case ',':
		return 0, dst, p.invalid("must not have other keys beside it")
	default:
		return 0, dst, p.malformed("a comma or } was expected")
	}
	result, ok := convert(p, v, second)
	if !ok {
		return 0, dst, p.invalid("does not hold what it must")
	}
	return result.Type, append(dst[:start], result.Value...), nil
}

func constant(v bson.RawValue) converter {
	return func(*parser, bson.RawValue, bson.RawValue) (bson.RawValue, bool) { return v, true }
}

// integerText reads an integer that is given as text, as it should, or as a number.
func integerText(v bson.RawValue, bits int) (int64, bool) {
	if text, ok := v.StringValueOK(); ok {
		n, err := strconv.ParseInt(text, 10, bits)
		return n, err == nil
	}
	n, ok := value.Int64(v)
	return n, ok && (bits == 64 || n == int64(int32(n)))
}

func numberInt(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	n, ok := integerText(v, 32)
	return value.Int32(int32(n)), ok
}

func numberLong(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	n, ok := integerText(v, 64)
	return value.Int64Value(n), ok
}

func numberDouble(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	text, ok := v.StringValueOK()
	if !ok {
		f, ok := value.Float64(v)
		return value.Double(f), ok
	}
	switch text {
	case "NaN":
		return value.Double(math.NaN()), true
	case "Infinity":
		return value.Double(math.Inf(1)), true
	case "-Infinity":
		return value.Double(math.Inf(-1)), true
	}
	f, err := strconv.ParseFloat(text, 64)
	return value.Double(f), err == nil && !strings.ContainsAny(text, "xXnN_")
}

func numberDecimal(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	text, ok := v.StringValueOK()
	if !ok || len(text) > 6200 { // longer than any number that fits
		return bson.RawValue{}, false
	}
	d, err := bson.ParseDecimal128(text)
	return value.Decimal(d), err == nil
}

func objectID(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	text, _ := v.StringValueOK()
	id, err := bson.ObjectIDFromHex(text)
	return value.ObjectID(id), err == nil
}

var dateLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04Z07:00", time.DateOnly}

func date(p *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	if text, ok := v.StringValueOK(); ok {
		for _, layout := range dateLayouts {
			if t, err := time.Parse(layout, text); err == nil {
				return value.DateTime(t), true
			}
		}
		return bson.RawValue{}, false
	}
	if v.Type == bson.TypeEmbeddedDocument {
		return serverDate(p, v, bson.RawValue{})
	}
	ms, ok := milliseconds(v)
	return value.DateTimeMillis(ms), ok
}

// milliseconds cuts a number to whole milliseconds.
func milliseconds(v bson.RawValue) (int64, bool) {
	if f, ok := v.DoubleOK(); ok {
		v = value.Double(math.Trunc(f))
	}
	return value.Int64(v)
}

// serverDate reads {offset: ms}, the offset being optional.
func serverDate(p *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	if v.Type != bson.TypeEmbeddedDocument {
		return bson.RawValue{}, false
	}
	offset, ok := value.Field(v.Value, "offset")
	switch {
	case ok && value.Count(v.Value) == 1:
		ms, ok := milliseconds(offset)
		return value.DateTimeMillis(p.now.UnixMilli() + ms), ok
	case value.IsEmpty(v.Value):
		return value.DateTime(p.now), true
	}
	return bson.RawValue{}, false
}

func binaryData(_ *parser, v, second bson.RawValue) (bson.RawValue, bool) {
	content, subtype := v, second
	if v.Type == bson.TypeEmbeddedDocument {
		content, _ = value.Field(v.Value, "base64")
		subtype, _ = value.Field(v.Value, "subType")
		if second.Type != 0 || value.Count(v.Value) != 2 {
			return bson.RawValue{}, false
		}
	}
	text, okContent := content.StringValueOK()
	kind, okKind := subtype.StringValueOK()
	if !okContent || !okKind {
		return bson.RawValue{}, false
	}
	encoding := base64.StdEncoding
	if len(text)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	data, err := encoding.DecodeString(text)
	n, errKind := strconv.ParseUint(kind, 16, 8)
	return value.Binary(byte(n), data), err == nil && errKind == nil
}

func uuid(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	text, _ := v.StringValueOK()
	data, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	return value.Binary(4, data), err == nil && len(data) == 16 && len(text) == 36
}

// regularExpression keeps the options that exist in MongoDB, sorted. JavaScript's others, such as g, would make the
// document unreadable for some clients.
func regularExpression(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	if v.Type != bson.TypeEmbeddedDocument {
		return bson.RawValue{}, false
	}
	patternValue, _ := value.Field(v.Value, "pattern")
	optionsValue, hasOptions := value.Field(v.Value, "options")
	pattern, ok := patternValue.StringValueOK()
	options, okOptions := optionsValue.StringValueOK()
	if !ok || (hasOptions && !okOptions) || strings.ContainsRune(pattern, 0) {
		return bson.RawValue{}, false
	}
	return value.Regex(pattern, RegexOptions(options)), true
}

// RegexOptions returns the options of a regular expression that MongoDB knows (i l m s u x), sorted, each once.
func RegexOptions(options string) string {
	kept := make([]byte, 0, len(options))
	for i := range len(options) {
		if strings.IndexByte("ilmsux", options[i]) >= 0 {
			kept = append(kept, options[i])
		}
	}
	slices.Sort(kept)
	return string(slices.Compact(kept))
}

func timestamp(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	if v.Type != bson.TypeEmbeddedDocument {
		return bson.RawValue{}, false
	}
	tValue, _ := value.Field(v.Value, "t")
	iValue, _ := value.Field(v.Value, "i")
	t, okT := value.Int64(tValue)
	i, okI := value.Int64(iValue)
	return value.Timestamp(uint32(t), uint32(i)), okT && okI && t >= 0 && i >= 0 && t <= math.MaxUint32 && i <= math.MaxUint32
}

func symbol(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	return bson.RawValue{Type: bson.TypeSymbol, Value: v.Value}, v.Type == bson.TypeString
}

func code(_ *parser, v, scope bson.RawValue) (bson.RawValue, bool) {
	text, ok := v.StringValueOK()
	switch {
	case !ok || (scope.Type != 0 && scope.Type != bson.TypeEmbeddedDocument):
		return bson.RawValue{}, false
	case scope.Type == 0:
		return bson.RawValue{Type: bson.TypeJavaScript, Value: v.Value}, true
	}
	return value.Of(bson.CodeWithScope{Code: bson.JavaScript(text), Scope: bson.Raw(scope.Value)}), true
}

func dbPointer(_ *parser, v, _ bson.RawValue) (bson.RawValue, bool) {
	if v.Type != bson.TypeEmbeddedDocument {
		return bson.RawValue{}, false
	}
	ref, _ := value.Field(v.Value, "$ref")
	id, _ := value.Field(v.Value, "$id")
	name, okName := ref.StringValueOK()
	pointer, okID := id.ObjectIDOK()
	if !okName || !okID {
		return bson.RawValue{}, false
	}
	return value.Of(bson.DBPointer{DB: name, Pointer: pointer}), true
}
