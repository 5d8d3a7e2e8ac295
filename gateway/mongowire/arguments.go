package mongowire

import (
	"iter"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/query/value"
)

// command is a request that is being answered.
type command struct {
	name     string
	database string
	argument bson.RawValue // of the command's name, often a collection
	message  *message
	conn     *conn
	session  *session // nil without one
	inTx     bool     // the statement belongs to session's transaction

	verbosity string // of an explanation
}

// generic are arguments that every command may have and that are looked after before it runs, or that change nothing
// here: there is one node, every read sees all that was acknowledged and every acknowledged write is on disk.
var generic = map[string]bool{
	"$db": true, "lsid": true, "txnNumber": true, "autocommit": true, "startTransaction": true, "$clusterTime": true,
	"$readPreference": true, "readConcern": true, "writeConcern": true, "maxTimeMS": true, "comment": true,
	"apiVersion": true, "apiStrict": true, "apiDeprecationErrors": true, "maxTimeMSOpOnly": true, "mayBypassWriteBlocking": true,
	"databaseVersion": true, "shardVersion": true, "$audit": true, "$client": true, "stmtId": true, "stmtIds": true,
}

// arguments are what the command was given beside its name and what every command may have.
func (c *command) arguments() iter.Seq2[string, bson.RawValue] {
	return func(yield func(string, bson.RawValue) bool) {
		first := true
		for it := value.Elements(c.message.body); ; {
			key, v, ok := it.Next()
			if !ok {
				return
			}
			if first || generic[string(key)] {
				first = false
				continue
			}
			if !yield(string(key), v) {
				return
			}
		}
	}
}

// field returns an argument of any command.
func (c *command) field(name string) bson.RawValue {
	v, _ := value.Field(c.message.body, name)
	return v
}

// unknown refuses an argument that would change what the command means.
func (c *command) unknown(key string) error {
	return failf(codeUnknownField, "BSON field '%s.%s' is an unknown field here.", c.name, key)
}

func wrongType(key string, v bson.RawValue, want string) error {
	return failf(codeTypeMismatch, "BSON field '%s' is the wrong type '%s', expected type '%s'", key, value.TypeName(v.Type), want)
}

func asDocument(key string, v bson.RawValue) (bson.Raw, error) {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return v.Value, nil
	case bson.TypeNull:
		return nil, nil
	}
	return nil, wrongType(key, v, "object")
}

func asInteger(key string, v bson.RawValue) (int64, error) {
	if !value.IsNumber(v) {
		return 0, wrongType(key, v, "long")
	}
	f, _ := value.Float64(v)
	if n, ok := value.Int64(v); ok {
		return n, nil
	}
	if math.IsNaN(f) || math.Abs(f) > 1<<62 {
		return 0, failf(codeBadValue, "BSON field '%s' is out of range", key)
	}
	return int64(f), nil
}

// asCount is an integer that is not negative.
func asCount(key string, v bson.RawValue) (int64, error) {
	n, err := asInteger(key, v)
	if err == nil && n < 0 {
		err = failf(51024, "BSON field '%s' value must be >= 0, actual value '%d'", key, n)
	}
	return n, err
}

// asBool takes numbers for what they mean, as drivers of old send them.
func asBool(key string, v bson.RawValue) (bool, error) {
	if v.Type == bson.TypeBoolean || value.IsNumber(v) {
		return value.Truthy(v), nil
	}
	return false, wrongType(key, v, "bool")
}

func asText(key string, v bson.RawValue) (string, error) {
	if s, ok := v.StringValueOK(); ok {
		return s, nil
	}
	return "", wrongType(key, v, "string")
}

// asList returns the documents of an array.
func asList(key string, v bson.RawValue) ([]bson.Raw, error) {
	if v.Type != bson.TypeArray {
		return nil, wrongType(key, v, "array")
	}
	list := []bson.Raw{}
	for it := value.Elements(v.Value); ; {
		_, e, ok := it.Next()
		if !ok {
			return list, nil
		}
		if e.Type != bson.TypeEmbeddedDocument {
			return nil, wrongType(key+".0", e, "object")
		}
		list = append(list, e.Value)
	}
}

// list returns documents that are given in the body or as a sequence of their own.
func (c *command) list(key string) ([]bson.Raw, error) {
	if list, ok := c.message.sequences[key]; ok {
		return list, nil
	}
	v := c.field(key)
	if v.Type == 0 {
		return nil, failf(codeMissingField, "BSON field '%s.%s' is missing but a required field", c.name, key)
	}
	return asList(key, v)
}

// collection is the command's own argument as a collection's name.
func (c *command) collection() (string, error) {
	name, ok := c.argument.StringValueOK()
	if !ok || name == "" {
		return "", failf(codeInvalidNamespace, "collection name has invalid type or is empty: %s", value.TypeName(c.argument.Type))
	}
	return name, nil
}

func (c *command) namespace(collection string) string { return c.database + "." + collection }

// timeLimit is what maxTimeMS says, 0 if nothing.
func (c *command) timeLimit() (time.Duration, error) {
	v := c.field("maxTimeMS")
	if v.Type == 0 {
		return 0, nil
	}
	ms, err := asCount("maxTimeMS", v)
	if err != nil || ms > math.MaxInt32 {
		return 0, failf(codeBadValue, "maxTimeMS is out of range")
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// plainCollation reports an error for a collation that orders text otherwise than by its bytes.
func plainCollation(v bson.RawValue) error {
	doc, err := asDocument("collation", v)
	if err != nil || len(doc) == 0 {
		return err
	}
	locale, _ := value.Field(doc, "locale")
	if text, _ := locale.StringValueOK(); text != "simple" && !value.IsEmpty(doc) {
		return failf(codeBadValue, "collation: only the simple one is supported here, not %q", text)
	}
	return nil
}
