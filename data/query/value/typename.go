package value

import "go.mongodb.org/mongo-driver/v2/bson"

var typeNames = map[bson.Type]string{
	0:                         "missing",
	bson.TypeDouble:           "double",
	bson.TypeString:           "string",
	bson.TypeEmbeddedDocument: "object",
	bson.TypeArray:            "array",
	bson.TypeBinary:           "binData",
	bson.TypeUndefined:        "undefined",
	bson.TypeObjectID:         "objectId",
	bson.TypeBoolean:          "bool",
	bson.TypeDateTime:         "date",
	bson.TypeNull:             "null",
	bson.TypeRegex:            "regex",
	bson.TypeDBPointer:        "dbPointer",
	bson.TypeJavaScript:       "javascript",
	bson.TypeSymbol:           "symbol",
	bson.TypeCodeWithScope:    "javascriptWithScope",
	bson.TypeInt32:            "int",
	bson.TypeTimestamp:        "timestamp",
	bson.TypeInt64:            "long",
	bson.TypeDecimal128:       "decimal",
	bson.TypeMinKey:           "minKey",
	bson.TypeMaxKey:           "maxKey",
}

// TypeName returns the name that $type uses for a type, such as int, long or objectId; missing for none.
func TypeName(t bson.Type) string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return "unknown"
}

// TypeByName returns the type that a $type name stands for; ok is false for names that are none, and for "number",
// which stands for four types.
func TypeByName(name string) (t bson.Type, ok bool) {
	for t, n := range typeNames {
		if n == name && t != 0 {
			return t, true
		}
	}
	return 0, false
}
