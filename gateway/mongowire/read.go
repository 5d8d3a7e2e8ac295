package mongowire

import (
	"context"
	"math"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query/collation"
	"yunduo/data/query/value"
)

// notMissing drops the error that there is no such collection: to MongoDB's clients a missing one is an empty one.
func notMissing(err error) error {
	if yunduo.ReasonOf(err) == yunduo.ReasonCollectionNotFound {
		return nil
	}
	return err
}

// refuseTrue refuses an option that is not supported, unless it is off.
func refuseTrue(key string, v bson.RawValue) error {
	if v.Type == bson.TypeNull || v.Type == bson.TypeBoolean && !v.Boolean() {
		return nil
	}
	return failf(codeInvalidOptions, "the option '%s' is not supported here", key)
}

func find(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	q, b, err := c.findArguments()
	if err != nil {
		return nil, err
	}
	found, err := docs.Find(ctx, collection, q)
	if err != nil {
		if notMissing(err) != nil {
			return nil, err
		}
		found = &memory{}
	}
	return c.reply(ctx, docs, &rows{found: found}, c.namespace(collection), b, false)
}

// findArguments reads the arguments of a find command.
func (c *command) findArguments() (documents.Query, batching, error) {
	q, b := documents.Query{NoLimit: true}, defaultBatching()
	var err error
	for key, v := range c.arguments() {
		switch key {
		case "filter":
			q.Filter, err = asDocument(key, v)
		case "sort":
			q.Sort, err = asDocument(key, v)
		case "projection":
			q.Projection, err = asDocument(key, v)
		case "skip":
			q.Skip, err = asCount(key, v)
		case "limit":
			if q.Limit, err = asInteger(key, v); q.Limit < 0 {
				q.Limit, b.single = -max(q.Limit, math.MinInt64+1), true
			}
		case "batchSize":
			b.size, err = asCount(key, v)
		case "singleBatch":
			b.single, err = asBool(key, v)
		case "collation":
			q.Collation, err = asDocument(key, v)
		case "hint":
			q.Hint = v
		case "allowDiskUse", "noCursorTimeout", "allowPartialResults", "oplogReplay", "readOnce", "awaitData":
			// Nothing is written to disk for a query, and the rest concerns clusters.
		default: // tailable, returnKey, showRecordId, min, max, let
			err = refuseTrue(key, v)
		}
		if err != nil {
			return q, b, err
		}
	}
	if b.single && q.Limit == 0 {
		q.Limit = b.size
	}
	if b.single {
		b.size = max(b.size, q.Limit)
	}
	return q, b, nil
}

func count(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	var q documents.CountQuery
	var skip, limit int64
	for key, v := range c.arguments() {
		switch key {
		case "query":
			q.Filter, err = asDocument(key, v)
		case "skip":
			skip, err = asCount(key, v)
		case "limit":
			if limit, err = asInteger(key, v); limit < 0 {
				limit = -max(limit, math.MinInt64+1)
			}
		case "collation":
			q.Collation, err = asDocument(key, v)
		case "hint":
			q.Hint = v
		case "fields":
		default:
			err = c.unknown(key)
		}
		if err != nil {
			return nil, err
		}
	}
	n, err := docs.CountBy(ctx, collection, q)
	if err = notMissing(err); err != nil {
		return nil, err
	}
	n = max(0, n-skip)
	if limit > 0 {
		n = min(n, limit)
	}
	return ok(bson.E{Key: "n", Value: compact(n)})
}

// compact is an integer in the smallest type that holds it, as MongoDB gives counts.
func compact(n int64) any {
	if n <= math.MaxInt32 {
		return int32(n)
	}
	return n
}

// distinct collects the values of a field. They must fit into one reply.
func distinct(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	name, err := c.collection()
	if err != nil {
		return nil, err
	}
	q, field := documents.Query{NoLimit: true}, ""
	for key, v := range c.arguments() {
		switch key {
		case "key":
			field, err = asText(key, v)
		case "query":
			q.Filter, err = asDocument(key, v)
		case "collation":
			q.Collation, err = asDocument(key, v)
		case "hint":
			q.Hint = v
		default:
			err = c.unknown(key)
		}
		if err != nil {
			return nil, err
		}
	}
	if field == "" {
		return nil, failf(codeMissingField, "BSON field 'distinct.key' is missing but a required field")
	}
	by, err := collation.Parse(q.Collation)
	if err != nil {
		return nil, err
	}
	found, err := docs.Find(ctx, name, q)
	if err != nil {
		if notMissing(err) != nil {
			return nil, err
		}
		found = &memory{}
	}
	defer found.Close()
	values, err := distinctValues(ctx, found, field, by)
	if err != nil {
		return nil, err
	}
	return ok(bson.E{Key: "values", Value: values})
}

func distinctValues(ctx context.Context, found driver.Cursor, field string, by *collation.Collation) (bson.RawValue, error) {
	seen := map[string]bool{}
	path := value.ParsePath(field)
	array, n := value.BeginDocument(nil), 0
	var failed error
	add := func(v bson.RawValue) {
		key, err := value.AppendKeyBy(by, nil, v)
		if err != nil {
			key = append([]byte{byte(v.Type)}, v.Value...) // too long to be a key: told apart by its bytes
		}
		if seen[string(key)] || failed != nil {
			return
		}
		if len(array)+len(v.Value) > maxDocument-1024 {
			failed = failf(17217, "distinct too big, 16mb cap")
			return
		}
		seen[string(key)] = true
		array = value.AppendIndexed(array, n, v)
		n++
	}
	for found.Next(ctx) {
		path.Any(found.Current(), false, func(v bson.RawValue) bool {
			if v.Type != bson.TypeArray {
				if !value.Missing(v) {
					add(v)
				}
				return false
			}
			for it := value.Elements(v.Value); ; {
				_, e, more := it.Next()
				if !more {
					return false
				}
				add(e)
			}
		})
		if failed != nil {
			return bson.RawValue{}, failed
		}
	}
	return value.Array(value.EndDocument(array, 0)), found.Err()
}

func aggregate(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	var q documents.AggregateQuery
	b := defaultBatching()
	explained := false
	var err error
	for key, v := range c.arguments() {
		switch key {
		case "pipeline":
			q.Pipeline, err = asList(key, v)
		case "cursor":
			err = b.parse(v)
		case "explain":
			explained, err = asBool(key, v)
		case "collation":
			q.Collation, err = asDocument(key, v)
		case "hint":
			q.Hint = v
		case "allowDiskUse", "fromMongos", "needsMerge", "bypassDocumentValidation":
		default:
			err = refuseTrue(key, v)
		}
		if err != nil {
			return nil, err
		}
	}
	if explained {
		return c.explained(ctx, docs)
	}
	first, stages := "", q.Pipeline
	if len(stages) > 0 {
		key, _, _ := stageOf(stages[0])
		first = key
	}
	if (first == "$changeStream" || first == "$collStats") && q.Collation != nil {
		return nil, failf(codeBadValue, "collation: not supported with %s", first)
	}
	if first == "$changeStream" {
		return c.watch(ctx, docs, stages, b)
	}
	collection, err := c.collection()
	if err != nil {
		return nil, failf(codeInvalidNamespace, "only change streams aggregate over a whole database here")
	}
	if first == "$collStats" {
		return c.collStatsStage(ctx, docs, collection, stages, b)
	}
	found, err := docs.AggregateBy(ctx, collection, q)
	if err != nil {
		if notMissing(err) != nil {
			return nil, err
		}
		found = &memory{}
	}
	return c.reply(ctx, docs, &rows{found: found}, c.namespace(collection), b, false)
}

// stageOf splits a stage of a pipeline into its name and its argument.
func stageOf(stage bson.Raw) (name string, argument bson.RawValue, ok bool) {
	it := value.Elements(stage)
	key, v, ok := it.Next()
	return string(key), v, ok
}
