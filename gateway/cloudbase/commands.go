package cloudbase

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
	"yunduo/wire"
)

// maxCommands is how many commands one request may hold.
const maxCommands = 100

// command is a database command as runCommands sends it; its first member names it and the collection.
type command struct {
	Filter     json.RawMessage   `json:"filter"`
	Query      json.RawMessage   `json:"query"`
	Sort       json.RawMessage   `json:"sort"`
	Projection json.RawMessage   `json:"projection"`
	Skip       int64             `json:"skip"`
	Limit      int64             `json:"limit"`
	Pipeline   []json.RawMessage `json:"pipeline"`
	Documents  []json.RawMessage `json:"documents"`
	Updates    []struct {
		Filter json.RawMessage `json:"q"`
		Update json.RawMessage `json:"u"`
		Multi  bool            `json:"multi"`
		Upsert bool            `json:"upsert"`
	} `json:"updates"`
	Deletes []struct {
		Filter json.RawMessage `json:"q"`
		Limit  int64           `json:"limit"`
	} `json:"deletes"`
}

// counted is the single row that a command answers with that gives no documents.
type counted struct {
	OK       int               `json:"ok"`
	N        int64             `json:"n"`
	Modified *int64            `json:"nModified,omitempty"`
	Upserted []json.RawMessage `json:"upserted,omitempty"`
}

// restCommands runs database commands one after another, each under the same rules as its operation, and answers with
// a list of rows for each.
func restCommands(c echo.Context, r *request) (any, error) {
	var body struct {
		Commands    []json.RawMessage `json:"commands"`
		Transaction string            `json:"transactionId"`
	}
	if err := decodeBody(c, exchange.MaxJSONBody, &body); err != nil {
		return nil, err
	}
	if len(body.Commands) < 1 || len(body.Commands) > maxCommands {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "commands: 1 to %d are allowed, not %d", maxCommands, len(body.Commands))
	}
	lists := make([]json.RawMessage, len(body.Commands))
	for i, text := range body.Commands {
		rows, err := r.command(c.Request().Context(), text, body.Transaction)
		if err != nil {
			return nil, err
		}
		lists[i] = rows
	}
	return map[string]any{"list": lists}, nil
}

// verb returns the first member of a command: its name and collection.
func verb(text json.RawMessage) (name, collection string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return "", "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "commands: each must be an object such as {\"find\": \"notes\"}")
	}
	var of [2]string
	for i := range of {
		t, err := decoder.Token()
		word, ok := t.(string)
		if err != nil || !ok {
			return "", "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "commands: the first member must name the command and its collection")
		}
		of[i] = word
	}
	return of[0], of[1], nil
}

func (r *request) command(ctx context.Context, text json.RawMessage, transaction string) (json.RawMessage, error) {
	name, collection, err := verb(text)
	if err != nil {
		return nil, err
	}
	var c command
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "commands: a member of %s has a wrong type", clip(name))
	}
	var row counted
	switch name {
	case "find":
		return rowsOf(do[wire.DocumentsResponse](ctx, r, "documents.find", &wire.FindRequest{
			Collection: collection, Filter: c.Filter, Sort: c.Sort, Projection: c.Projection, Skip: c.Skip, Limit: c.Limit, Transaction: transaction,
		}))
	case "aggregate":
		return rowsOf(do[wire.DocumentsResponse](ctx, r, "documents.aggregate", &wire.AggregateRequest{Collection: collection, Pipeline: c.Pipeline, Transaction: transaction}))
	case "count":
		response, err := do[wire.CountResponse](ctx, r, "documents.count", &wire.CountRequest{Collection: collection, Filter: c.Query, Transaction: transaction})
		if err != nil {
			return nil, err
		}
		row.N = response.Total
	case "insert":
		response, err := do[wire.InsertResponse](ctx, r, "documents.insert", &wire.InsertRequest{Collection: collection, Documents: c.Documents, Transaction: transaction})
		if err != nil {
			return nil, err
		}
		row.N = int64(len(response.InsertedIDs))
	case "update":
		row.Modified = new(int64)
		for _, u := range c.Updates {
			response, err := do[wire.UpdateResponse](ctx, r, "documents.update", &wire.UpdateRequest{
				Collection: collection, Filter: u.Filter, Update: u.Update, Multi: u.Multi, Upsert: u.Upsert, Transaction: transaction,
			})
			if err != nil {
				return nil, err
			}
			row.N += response.Matched
			*row.Modified += response.Modified
			if response.UpsertedID != nil {
				row.N++
				row.Upserted = append(row.Upserted, response.UpsertedID)
			}
		}
	case "delete":
		for _, d := range c.Deletes {
			response, err := do[wire.DeleteResponse](ctx, r, "documents.delete", &wire.DeleteRequest{
				Collection: collection, Filter: d.Filter, Multi: d.Limit == 0, Transaction: transaction,
			})
			if err != nil {
				return nil, err
			}
			row.N += response.Deleted
		}
	default:
		return nil, yunduo.Errorf(yunduo.ReasonUnknownOperation, "commands: %q is not supported here; find, aggregate, count, insert, update and delete are", clip(name))
	}
	row.OK = 1
	return json.Marshal([]counted{row})
}

func rowsOf(response *wire.DocumentsResponse, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	return response.Documents, nil
}
