package cloudbase

import (
	"context"
	"encoding/json"
	"strings"

	"yunduo"
	"yunduo/wire"
)

func (c *controlCall) table() *wire.CollectionRequest {
	return &wire.CollectionRequest{Collection: c.params.text("TableName")}
}

func createTable(ctx context.Context, c *controlCall) (members, error) {
	_, err := do[wire.Empty](ctx, c.request, "collections.create", c.table())
	return members{}, err
}

func deleteTable(ctx context.Context, c *controlCall) (members, error) {
	_, err := do[wire.Empty](ctx, c.request, "collections.drop", c.table())
	return members{}, err
}

func listTables(ctx context.Context, c *controlCall) (members, error) {
	var p struct{ MgoLimit, MgoOffset int }
	if err := c.into(&p); err != nil {
		return nil, err
	}
	response, err := do[wire.CollectionsResponse](ctx, c.request, "collections.list", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	all := []any{}
	for _, t := range response.Collections {
		all = append(all, map[string]any{"TableName": t.Name, "Count": t.Documents, "Size": t.Bytes, "IndexSize": t.IndexBytes})
	}
	return members{
		"Tables": page(all, p.MgoOffset, p.MgoLimit, 100), "Pager": map[string]int{"Offset": p.MgoOffset, "Limit": p.MgoLimit, "Total": len(all)},
	}, nil
}

// exists refuses a table that there is not: the tools find out that way.
func (c *controlCall) exists(ctx context.Context, name string) error {
	response, err := do[wire.CollectionsResponse](ctx, c.request, "collections.list", &wire.Empty{})
	if err != nil {
		return err
	}
	for _, t := range response.Collections {
		if t.Name == name {
			return nil
		}
	}
	return yunduo.Errorf(yunduo.ReasonCollectionNotFound, "TableName: there is no collection %q", clip(name))
}

func describeTable(ctx context.Context, c *controlCall) (members, error) {
	table := c.table()
	if err := c.exists(ctx, table.Collection); err != nil {
		return nil, err
	}
	response, err := do[wire.IndexesResponse](ctx, c.request, "indexes.list", table)
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, index := range response.Indexes {
		keys := []any{}
		for _, f := range index.Fields {
			direction := "1"
			switch {
			case f.Kind != "":
				direction = f.Kind
			case f.Descending:
				direction = "-1"
			}
			keys = append(keys, map[string]string{"Name": f.Path, "Direction": direction})
		}
		list = append(list, map[string]any{
			"Name": index.Name, "Keys": keys, "Unique": index.Unique, "Size": 0, "Accesses": map[string]any{"Ops": 0, "Since": ""},
		})
	}
	return members{"Indexes": list, "IndexNum": len(list)}, nil
}

// updateTable makes and drops indexes.
func updateTable(ctx context.Context, c *controlCall) (members, error) {
	var p struct {
		TableName     string
		CreateIndexes []struct {
			IndexName    string
			MgoKeySchema struct {
				MgoIndexKeys []struct{ Name, Direction string }
				MgoIsUnique  bool
				MgoIsSparse  bool
			}
		}
		DropIndexes []struct{ IndexName string }
	}
	if err := c.into(&p); err != nil {
		return nil, err
	}
	if err := c.exists(ctx, p.TableName); err != nil {
		return nil, err
	}
	for _, drop := range p.DropIndexes {
		if _, err := do[wire.Empty](ctx, c.request, "indexes.drop", &wire.DropIndexRequest{Collection: p.TableName, Name: drop.IndexName}); err != nil {
			return nil, err
		}
	}
	for _, create := range p.CreateIndexes {
		index := wire.Index{Name: create.IndexName, Unique: create.MgoKeySchema.MgoIsUnique, Sparse: create.MgoKeySchema.MgoIsSparse}
		for _, key := range create.MgoKeySchema.MgoIndexKeys {
			field := wire.IndexField{Path: key.Name}
			switch key.Direction {
			case "1":
			case "-1":
				field.Descending = true
			default:
				field.Kind = key.Direction
			}
			index.Fields = append(index.Fields, field)
		}
		if _, err := do[wire.Empty](ctx, c.request, "indexes.create", &wire.CreateIndexRequest{Collection: p.TableName, Index: index}); err != nil {
			return nil, err
		}
	}
	return members{}, nil
}

// runTableCommands runs database commands and answers with a list of texts for each.
func runTableCommands(ctx context.Context, c *controlCall) (members, error) {
	var p struct {
		MgoCommands []struct{ TableName, CommandType, Command string }
	}
	if err := c.into(&p); err != nil {
		return nil, err
	}
	if len(p.MgoCommands) < 1 || len(p.MgoCommands) > maxCommands {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "MgoCommands: 1 to %d are allowed, not %d", maxCommands, len(p.MgoCommands))
	}
	lists := make([]any, len(p.MgoCommands))
	for i, each := range p.MgoCommands {
		if strings.TrimSpace(each.Command) == "" {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "MgoCommands[%d].Command: the command is missing", i)
		}
		rows, err := c.command(ctx, json.RawMessage(each.Command), "")
		if err != nil {
			return nil, err
		}
		var list []json.RawMessage
		if err := json.Unmarshal(rows, &list); err != nil {
			return nil, err
		}
		texts := make([]string, len(list))
		for k, row := range list {
			texts[k] = string(row)
		}
		lists[i] = texts
	}
	return members{"Data": lists}, nil
}
