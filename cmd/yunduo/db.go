package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"yunduo/internal/project"
	client "yunduo/sdk/go"
	"yunduo/wire"
)

func dbCommand(l language) *cobra.Command {
	cmd := &cobra.Command{Use: "db", Short: l.say(dataTexts.db)}
	index := &cobra.Command{Use: "index", Short: l.say(dataTexts.index)}
	index.AddCommand(dbIndexList(l), dbIndexCreate(l), dbIndexDrop(l))
	trash := &cobra.Command{Use: "trash", Short: l.say(dataTexts.trash)}
	trash.AddCommand(dbTrashList(l), dbTrashRestore(l), dbTrashDelete(l))
	cmd.AddCommand(dbCollections(l), dbQuery(l), dbImport(l), dbExport(l), index, dbHistory(l), dbRestore(l), trash)
	return cmd
}

func dbCollections(l language) *cobra.Command {
	return listing(verb("collections", l.say(dataTexts.collections), cobra.NoArgs, func(cmd *cobra.Command, c *client.Client, _ []string) error {
		list, err := c.Collections(cmd.Context())
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "NAME\tDOCUMENTS\tBYTES", func(c wire.Collection) string {
			return fmt.Sprintf("%s\t%d\t%d", c.Name, c.Documents, c.Bytes)
		})
	}))
}

// jsonFlag returns a flag's JSON text, nil if it was not given.
func jsonFlag(name, text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%s is not valid JSON: %s", name, text)
	}
	return json.RawMessage(text), nil
}

func dbQuery(l language) *cobra.Command {
	var sort, projection string
	var limit, skip int
	cmd := verb("query COLLECTION [FILTER]", l.say(dataTexts.query), cobra.RangeArgs(1, 2), func(cmd *cobra.Command, c *client.Client, args []string) (err error) {
		request := wire.FindRequest{Limit: int64(limit), Skip: int64(skip)}
		if len(args) == 2 {
			if request.Filter, err = jsonFlag("FILTER", args[1]); err != nil {
				return err
			}
		}
		if request.Sort, err = jsonFlag("--sort", sort); err != nil {
			return err
		}
		if request.Projection, err = jsonFlag("--projection", projection); err != nil {
			return err
		}
		documents, err := c.Find(cmd.Context(), args[0], request)
		if err != nil {
			return err
		}
		for _, doc := range documents {
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", doc); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.Flags().StringVar(&sort, "sort", "", "order, such as {\"at\":-1}")
	cmd.Flags().StringVar(&projection, "projection", "", "which fields, such as {\"name\":1}")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many documents, at most 1000")
	cmd.Flags().IntVar(&skip, "skip", 0, "how many to leave out")
	return cmd
}

func dbIndexList(l language) *cobra.Command {
	return listing(verb("list COLLECTION", l.say(dataTexts.indexList), cobra.ExactArgs(1), func(cmd *cobra.Command, c *client.Client, args []string) error {
		list, err := c.Indexes(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return printList(cmd, l, list, "NAME\tFIELDS\tPROPERTIES\tSTATE", func(i wire.Index) string {
			fields, properties := []string{}, []string{}
			for _, f := range i.Fields {
				switch {
				case f.Descending:
					f.Path = "-" + f.Path
				case f.Kind != "":
					f.Path += ":" + f.Kind
				}
				fields = append(fields, f.Path)
			}
			if i.Unique {
				properties = append(properties, "unique")
			}
			if i.Sparse {
				properties = append(properties, "sparse")
			}
			if i.ExpireAfterSeconds > 0 {
				properties = append(properties, "expires after "+(time.Duration(i.ExpireAfterSeconds)*time.Second).String())
			}
			if len(i.PartialFilter) > 0 {
				properties = append(properties, "partial "+string(i.PartialFilter))
			}
			if len(i.Collation) > 0 {
				properties = append(properties, "collation "+string(i.Collation))
			}
			switch i.State {
			case "building":
				i.State = fmt.Sprintf("building, %d of %d", i.Done, i.Total)
			case "failed":
				i.State = "failed: " + i.Failure
			}
			return fmt.Sprintf("%s\t%s\t%s\t%s", i.Name, strings.Join(fields, ","), strings.Join(properties, ", "), i.State)
		})
	}))
}

func dbIndexCreate(l language) *cobra.Command {
	var index wire.Index
	var expire time.Duration
	var partial, texts string
	cmd := verb("create COLLECTION FIELD...", l.say(dataTexts.indexCreate), cobra.MinimumNArgs(2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		for _, field := range strings.Split(strings.Join(args[1:], ","), ",") { // "index list" shows them with commas
			path, kind := project.IndexKind(field)
			path, descending := strings.CutPrefix(path, "-")
			index.Fields = append(index.Fields, wire.IndexField{Path: path, Descending: descending, Kind: kind})
		}
		index.PartialFilter, index.Collation = json.RawMessage(partial), json.RawMessage(texts)
		index.ExpireAfterSeconds = int64(expire / time.Second)
		if err := c.CreateIndex(cmd.Context(), args[0], index); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(dataTexts.indexMade))
		return err
	})
	cmd.Long = cmd.Short + "\n\nFIELD is a path, or several with commas between them; \"-\" before one means descending: put \"--\" in front of the first such one.\n\"place:2dsphere\" makes an index of places."
	cmd.Flags().StringVar(&partial, "partial", "", "only documents that match this filter, such as {\"open\":true}")
	cmd.Flags().StringVar(&texts, "collation", "", "the order of texts, such as {\"locale\":\"zh\"}; default: by bytes")
	cmd.Flags().StringVar(&index.Name, "name", "", "its name; default: made of the fields")
	cmd.Flags().BoolVar(&index.Unique, "unique", false, "no two documents may have the same values")
	cmd.Flags().BoolVar(&index.Sparse, "sparse", false, "leave out documents without the fields")
	cmd.Flags().DurationVar(&expire, "expire-after", 0, "remove documents this long after the date in the field")
	return cmd
}

func dbIndexDrop(l language) *cobra.Command {
	return verb("drop COLLECTION NAME", l.say(dataTexts.indexDrop), cobra.ExactArgs(2), func(cmd *cobra.Command, c *client.Client, args []string) error {
		if err := c.DropIndex(cmd.Context(), args[0], args[1]); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.OutOrStdout(), l.say(dataTexts.indexDropped, args[1]))
		return err
	})
}
