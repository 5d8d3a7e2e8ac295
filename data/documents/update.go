package documents

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/query/pipeline"
)

// Update changes the documents that match and that the caller may change. Nobody changes an _id, end users never
// change _openid: what they replace keeps it, what they upsert gets theirs. Reasons: collection_not_found,
// permission_denied, invalid_filter, invalid_update, update_not_applicable, unknown_operator, invalid_document,
// document_too_large, duplicate_key, transaction_conflict.
func (s *Session) Update(ctx context.Context, collection string, u Update) (driver.UpdateResult, error) {
	var result driver.UpdateResult
	ns, err := s.namespace(collection)
	if err != nil {
		return result, err
	}
	by, err := collation.Parse(u.Collation)
	if err != nil {
		return result, err
	}
	update, err := s.parseUpdate(by, u)
	if err != nil {
		return result, err
	}
	show, err := parseProjection(by, u.Projection)
	if err != nil {
		return result, err
	}
	switch {
	case s.caller.EndUser():
		result, err = s.updateByEndUser(ctx, ns, u, update)
	default:
		if u.Upsert {
			if _, err := s.upserted(update); err != nil {
				return result, err
			}
		}
		result, err = s.update(ctx, ns, update)
	}
	if err == nil && show != nil && result.Document != nil {
		result.Document, err = show.Apply(result.Document)
	}
	return result, err
}

func parseProjection(by *collation.Collation, raw bson.Raw) (*query.Projection, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	return query.ParseProjectionBy(by, raw)
}

// upserted returns the document that an upsert would insert, checked, or nil if the change cannot make one: then the
// engine will say so, should nothing match.
func (s *Session) upserted(update driver.Update) (bson.Raw, error) {
	made, err := query.UpsertDocument(update.Filter, update.Change, update.NewID, s.db.options.Now())
	if err != nil {
		return nil, nil
	}
	if err := s.form().check(made, yunduo.ReasonInvalidDocument, "document"); err != nil {
		return nil, err
	}
	return made, s.checkID(made.Lookup("_id"))
}

func (s *Session) update(ctx context.Context, ns driver.Namespace, update driver.Update) (driver.UpdateResult, error) {
	var result driver.UpdateResult
	err := s.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		var err error
		result, err = on.Update(ctx, ns, update, s.write())
		return err
	})
	return result, err
}

func (s *Session) parseUpdate(by *collation.Collation, u Update) (driver.Update, error) {
	update := driver.Update{Multi: u.Multi, Upsert: u.Upsert, Return: u.Return}
	if u.Upsert {
		update.NewID = newID()
	}
	var err error
	if update.Change, err = s.parseChange(by, u); err != nil {
		return update, err
	}
	if update.Change.IsReplacement() {
		form := s.form()
		if u.Multi {
			return update, yunduo.Errorf(yunduo.ReasonInvalidUpdate, "multi: a whole document replaces one document only; use operators to change many")
		}
		if err := form.check(u.Change, yunduo.ReasonInvalidDocument, "update"); err != nil {
			return update, err
		}
	}
	if u.Multi && u.Return != driver.ReturnNone {
		return update, yunduo.Errorf(yunduo.ReasonInvalidRequest, "return: an update of many documents returns none")
	}
	if update.Filter, err = s.parseFilter(by, u.Filter); err != nil {
		return update, err
	}
	update.Sort, err = parseSort(by, u.Sort)
	return update, err
}

func (s *Session) parseChange(by *collation.Collation, u Update) (change *query.Update, err error) {
	form := s.form()
	form.operators = true
	for _, part := range append(u.ArrayFilters[:len(u.ArrayFilters):len(u.ArrayFilters)], u.Pipeline...) {
		if err := form.check(part, yunduo.ReasonInvalidUpdate, "update"); err != nil {
			return nil, err
		}
	}
	if u.Pipeline != nil {
		change, err = pipeline.ParseUpdateBy(by, u.Pipeline)
	} else {
		if err := form.check(u.Change, yunduo.ReasonInvalidUpdate, "update"); err != nil {
			return nil, err
		}
		if err := checkPaths(u.Change); err != nil {
			return nil, err
		}
		change, err = query.ParseUpdateBy(by, u.Change)
	}
	if err != nil {
		return nil, err
	}
	// Also without any: then a path with $[name] is refused here and not document by document.
	return change.WithArrayFilters(u.ArrayFilters)
}

// checkPaths refuses operators on paths that are deeper than a document may be: they would make it so.
func checkPaths(change bson.Raw) error {
	elements, _ := change.Elements() // the change was checked before
	for _, e := range elements {
		fields, ok := e.Value().DocumentOK()
		if !ok || !strings.HasPrefix(e.Key(), "$") {
			continue
		}
		targets, _ := fields.Elements()
		for _, t := range targets {
			to, _ := t.Value().StringValueOK() // of a $rename
			if strings.Count(t.Key(), ".") >= MaxDepth || e.Key() == "$rename" && strings.Count(to, ".") >= MaxDepth {
				return yunduo.Errorf(yunduo.ReasonInvalidUpdate, "update: a path of %s has more than %d parts", e.Key(), MaxDepth)
			}
		}
	}
	return nil
}
