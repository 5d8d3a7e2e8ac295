package mongowire

import (
	"context"
	"runtime"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/data/query/value"
)

// explain answers how a command would find its documents. Commands that write are explained by the find that they
// begin with; nothing is written.
func explain(ctx context.Context, c *command, docs *documents.Session) ([]byte, error) {
	doc, err := asDocument("explain", c.argument)
	if err != nil {
		return nil, err
	}
	it := value.Elements(doc)
	key, v, found := it.Next()
	if !found {
		return nil, failf(codeFailedToParse, "explain: there is no command")
	}
	inner := *c
	body := *c.message
	body.body, body.sequences = doc, nil
	inner.name, inner.argument, inner.message = string(key), v, &body
	inner.verbosity, _ = c.field("verbosity").StringValueOK()
	return inner.explained(ctx, docs)
}

// explained runs the find of a command to its end and describes it.
func (c *command) explained(ctx context.Context, docs *documents.Session) ([]byte, error) {
	collection, err := c.collection()
	if err != nil {
		return nil, err
	}
	var x driver.Explanation
	var filter bson.Raw
	switch name := strings.ToLower(c.name); name {
	case "find":
		q, _, err := c.findArguments()
		if err != nil {
			return nil, err
		}
		filter = q.Filter
		x, err = docs.ExplainFind(ctx, collection, q)
		if notMissing(err) != nil {
			return nil, err
		}
	case "aggregate":
		q := documents.AggregateQuery{Hint: c.field("hint")}
		if q.Pipeline, err = asList("pipeline", c.field("pipeline")); err != nil {
			return nil, err
		}
		if q.Collation, err = optional("collation", c.field("collation")); err != nil {
			return nil, err
		}
		x, err = docs.ExplainAggregate(ctx, collection, q)
		if notMissing(err) != nil {
			return nil, err
		}
	case "count":
		if filter, err = optional("query", c.field("query")); err != nil {
			return nil, err
		}
		q := documents.CountQuery{Filter: filter, Hint: c.field("hint")}
		if q.Collation, err = optional("collation", c.field("collation")); err != nil {
			return nil, err
		}
		if x, err = docs.ExplainCount(ctx, collection, q); notMissing(err) != nil {
			return nil, err
		}
	case "distinct", "findandmodify", "update", "delete":
		q, err := c.writeQuery(name)
		if err != nil {
			return nil, err
		}
		filter = q.Filter
		if x, err = docs.ExplainFind(ctx, collection, q); notMissing(err) != nil {
			return nil, err
		}
	default:
		return nil, failf(codeCommandNotFound, "Explain failed due to unknown command: %s", c.name)
	}
	return c.explanation(collection, filter, x)
}

func optional(key string, v bson.RawValue) (bson.Raw, error) {
	if v.Type == 0 {
		return nil, nil
	}
	return asDocument(key, v)
}

// writeQuery is the find that a command with a query begins with.
func (c *command) writeQuery(name string) (documents.Query, error) {
	q, from, list := documents.Query{NoLimit: true}, c.message.body, ""
	switch name {
	case "update":
		list = "updates"
	case "delete":
		list = "deletes"
	}
	field := "query"
	if list != "" {
		statements, err := c.list(list)
		if err != nil {
			return q, err
		}
		if len(statements) != 1 {
			return q, failf(codeBadValue, "explain: give one statement")
		}
		from, field = statements[0], "q"
	}
	filter, _ := value.Field(from, field)
	sort, _ := value.Field(from, "sort")
	var err error
	if q.Filter, err = optional(field, filter); err != nil {
		return q, err
	}
	q.Sort, err = optional("sort", sort)
	return q, err
}

func (c *command) explanation(collection string, filter bson.Raw, x driver.Explanation) ([]byte, error) {
	if filter == nil {
		filter = bson.Raw{5, 0, 0, 0, 0}
	}
	plan, rejected := any(x.WinningPlan), x.Rejected
	if x.WinningPlan == nil {
		plan = bson.D{{Key: "stage", Value: "EOF"}}
	}
	if rejected == nil {
		rejected = []bson.Raw{}
	}
	host := c.conn.socket.LocalAddr().String()
	d := bson.D{
		{Key: "explainVersion", Value: "1"},
		{Key: "queryPlanner", Value: bson.D{
			{Key: "namespace", Value: c.namespace(collection)}, {Key: "parsedQuery", Value: filter},
			{Key: "winningPlan", Value: plan}, {Key: "rejectedPlans", Value: rejected},
		}},
	}
	if c.verbosity != "queryPlanner" {
		d = append(d, bson.E{Key: "executionStats", Value: bson.D{
			{Key: "executionSuccess", Value: true}, {Key: "nReturned", Value: compact(x.Returned)},
			{Key: "executionTimeMillis", Value: compact(x.Time.Milliseconds())},
			{Key: "totalKeysExamined", Value: compact(x.KeysExamined)}, {Key: "totalDocsExamined", Value: compact(x.DocumentsExamined)},
			{Key: "executionStages", Value: plan},
		}})
	}
	return ok(append(d,
		bson.E{Key: "command", Value: c.message.body},
		bson.E{Key: "serverInfo", Value: bson.D{{Key: "host", Value: host}, {Key: "version", Value: spokenVersion}, {Key: "os", Value: runtime.GOOS}}},
	)...)
}
