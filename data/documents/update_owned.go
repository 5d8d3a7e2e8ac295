package documents

import (
	"context"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
	"yunduo/data/query/collation"
	"yunduo/data/rules"
)

// updateByEndUser narrows the update to what the rules allow and keeps _openid as it is.
func (s *Session) updateByEndUser(ctx context.Context, ns driver.Namespace, u Update, update driver.Update) (driver.UpdateResult, error) {
	if touchesOwner(u.Change) || slices.ContainsFunc(u.Pipeline, stageTouchesOwner) {
		return driver.UpdateResult{}, foreignOwner()
	}
	decision, err := s.decide(ctx, ns, rules.Update)
	if err != nil {
		return driver.UpdateResult{}, err
	}
	if err := s.covered(ns, rules.Update, decision, update.Filter); err != nil {
		return driver.UpdateResult{}, err
	}
	update.Filter = narrow(update.Filter, decision.Filter)
	if u.Return != driver.ReturnNone {
		if update.Filter, err = s.restrict(ctx, ns, rules.Read, update.Filter); err != nil {
			return driver.UpdateResult{}, err
		}
	}
	if update.Change.IsReplacement() && !decision.Creator {
		return s.replaceAnothers(ctx, ns, u.Change, decision.Filter, update)
	}
	mine := stringValue(owner(s.caller))
	switch {
	case u.Pipeline != nil:
		update.Change = update.Change.Keeping(ownerField, mine)
	case update.Change.IsReplacement():
		update.Change, err = replacementOf(u.Change, mine)
	case u.Upsert && !s.takesOwner(update):
		update.Change, err = ownedWhenInserted(u, mine)
	}
	if err != nil {
		return driver.UpdateResult{}, err
	}
	return s.updateOrCreate(ctx, ns, decision.Filter, update)
}

// touchesOwner reports whether a change names _openid: as a field of a replacement, the target of an operator or the
// target of a $rename.
func touchesOwner(change bson.Raw) bool {
	owned := func(path string) bool { return path == ownerField || strings.HasPrefix(path, ownerField+".") }
	elements, _ := change.Elements() // the change was checked before
	for _, e := range elements {
		if owned(e.Key()) {
			return true
		}
		targets, ok := e.Value().DocumentOK()
		if !ok || !strings.HasPrefix(e.Key(), "$") {
			continue
		}
		fields, _ := targets.Elements()
		for _, f := range fields {
			to, _ := f.Value().StringValueOK()
			if owned(f.Key()) || e.Key() == "$rename" && owned(to) {
				return true
			}
		}
	}
	return false
}

// stageTouchesOwner reports whether a stage of an update names _openid as a field that it sets or removes.
func stageTouchesOwner(stage bson.Raw) bool {
	element, err := stage.IndexErr(0)
	if err != nil {
		return false
	}
	owned := func(path string) bool { return path == ownerField || strings.HasPrefix(path, ownerField+".") }
	arg := element.Value()
	if name, ok := arg.StringValueOK(); ok {
		return owned(name) // of $unset
	}
	fields, ok := arg.DocumentOK()
	if list, isList := arg.ArrayOK(); isList {
		names, _ := list.Values()
		return slices.ContainsFunc(names, func(v bson.RawValue) bool { name, _ := v.StringValueOK(); return owned(name) })
	}
	elements, _ := fields.Elements()
	return ok && slices.ContainsFunc(elements, func(e bson.RawElement) bool { return owned(e.Key()) })
}

// replacementOf returns the replacement with an owner; a zero one is none.
func replacementOf(change bson.Raw, owner bson.RawValue) (*query.Update, error) {
	if owner.Type == 0 {
		return query.ParseUpdate(change)
	}
	index, out := bsoncore.AppendDocumentStart(make([]byte, 0, len(change)+len(owner.Value)+16))
	out = append(out, fieldsOf(change)...)
	out = appendValue(out, ownerField, owner)
	out, _ = bsoncore.AppendDocumentEnd(out, index)
	return query.ParseUpdate(out)
}

// ownedWhenInserted returns the operators with one more that gives an inserted document its owner.
func ownedWhenInserted(u Update, owner bson.RawValue) (*query.Update, error) {
	const operator = "$setOnInsert"
	index, out := bsoncore.AppendDocumentStart(nil)
	elements, _ := u.Change.Elements()
	for _, e := range elements {
		if e.Key() != operator {
			out = append(out, e...)
		}
	}
	inner, out := bsoncore.AppendDocumentElementStart(out, operator)
	if given, ok := u.Change.Lookup(operator).DocumentOK(); ok {
		out = append(out, fieldsOf(given)...)
	}
	out = appendValue(out, ownerField, owner)
	out, _ = bsoncore.AppendDocumentEnd(out, inner)
	out, _ = bsoncore.AppendDocumentEnd(out, index)
	by, err := collation.Parse(u.Collation)
	if err != nil {
		return nil, err
	}
	change, err := query.ParseUpdateBy(by, out)
	if err != nil || len(u.ArrayFilters) == 0 {
		return change, err
	}
	return change.WithArrayFilters(u.ArrayFilters)
}

// takesOwner reports whether the document that an upsert would insert has its owner from the filter already, so that
// naming it a second time would be refused. mayCreate checks whose it is.
func (s *Session) takesOwner(update driver.Update) bool {
	made, err := s.upserted(update)
	if err != nil || made == nil {
		return false
	}
	_, err = made.LookupErr(ownerField)
	return err == nil
}

// fieldsOf returns the elements of a well-formed document without its length and end.
func fieldsOf(doc bson.Raw) []byte { return doc[4 : len(doc)-1] }

func appendValue(dst []byte, key string, v bson.RawValue) []byte {
	return bsoncore.AppendValueElement(dst, key, bsoncore.Value{Type: bsoncore.Type(v.Type), Data: v.Value})
}

// updateOrCreate runs an update of an end user on what the rules allow. What the caller may not create, it may still
// change where it exists.
func (s *Session) updateOrCreate(ctx context.Context, ns driver.Namespace, allowed *query.Filter, update driver.Update) (driver.UpdateResult, error) {
	if !update.Upsert {
		return s.update(ctx, ns, update)
	}
	refusal := s.mayCreate(ctx, ns, update)
	update.Upsert = refusal == nil
	result, err := s.update(ctx, ns, update)
	if err == nil && result.Matched == 0 && refusal != nil {
		return driver.UpdateResult{}, refusal
	}
	if yunduo.ReasonOf(err) == yunduo.ReasonDuplicateKey && s.hidden(ctx, ns, allowed, update) {
		return driver.UpdateResult{}, ruleDenied(ns.Collection, "change this document")
	}
	return result, err
}

// mayCreate checks the document that an upsert would insert against the rule for creating.
func (s *Session) mayCreate(ctx context.Context, ns driver.Namespace, update driver.Update) error {
	decision, err := s.decide(ctx, ns, rules.Create)
	if err != nil {
		return err
	}
	made, err := s.upserted(update)
	if err != nil || made == nil {
		return err
	}
	if who, _ := made.Lookup(ownerField).StringValueOK(); who != owner(s.caller) || !decision.Allows(made) {
		return ruleDenied(ns.Collection, "create this document")
	}
	return nil
}

// hidden reports whether there is a document with the _id that an upsert would have inserted, which the caller may not
// change. What else the upsert asked for is left out: the answer would tell what is in that document.
func (s *Session) hidden(ctx context.Context, ns driver.Namespace, allowed *query.Filter, update driver.Update) bool {
	made, err := s.upserted(update)
	if err != nil || made == nil {
		return false
	}
	same, err := query.ParseFilter(idFilter(made.Lookup("_id")))
	if err != nil {
		return false
	}
	all, err := s.db.engine.Count(ctx, ns, same, "")
	if err != nil || all == 0 {
		return false
	}
	visible, err := s.db.engine.Count(ctx, ns, narrow(same, allowed), "")
	return err == nil && visible == 0
}

// replaceAnothers replaces a document whose owner the rules do not tell: it looks the owner up first and replaces the
// document only while that is still so.
func (s *Session) replaceAnothers(ctx context.Context, ns driver.Namespace, change bson.Raw, allowed *query.Filter, update driver.Update) (driver.UpdateResult, error) {
	for range maxAttempts {
		found, err := s.first(ctx, ns, update)
		if err != nil {
			return driver.UpdateResult{}, err
		}
		attempt := update
		if found == nil {
			if attempt.Change, err = replacementOf(change, stringValue(owner(s.caller))); err != nil {
				return driver.UpdateResult{}, err
			}
			return s.updateOrCreate(ctx, ns, allowed, attempt)
		}
		attempt.Upsert = false
		if attempt.Change, err = replacementOf(change, found.Lookup(ownerField)); err != nil {
			return driver.UpdateResult{}, err
		}
		if attempt.Filter, err = pin(update.Filter, found); err != nil {
			return driver.UpdateResult{}, err
		}
		result, err := s.update(ctx, ns, attempt)
		if err != nil || result.Matched > 0 {
			return result, err
		}
	}
	return driver.UpdateResult{}, yunduo.Errorf(yunduo.ReasonTransactionConflict, "the document was changed by others again and again")
}

func (s *Session) first(ctx context.Context, ns driver.Namespace, update driver.Update) (bson.Raw, error) {
	var found []bson.Raw
	err := s.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		cursor, err := on.Find(ctx, ns, driver.Find{Filter: update.Filter, Sort: update.Sort, Limit: 1})
		if err == nil {
			found, err = All(ctx, cursor)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// pin narrows a filter to one document for as long as its owner is the same.
func pin(filter *query.Filter, doc bson.Raw) (*query.Filter, error) {
	index, raw := bsoncore.AppendDocumentStart(nil)
	raw = appendValue(raw, "_id", doc.Lookup("_id"))
	inner, raw := bsoncore.AppendDocumentElementStart(raw, ownerField)
	if who := doc.Lookup(ownerField); who.Type != 0 {
		raw = appendValue(raw, "$eq", who)
	} else {
		raw = bsoncore.AppendBooleanElement(raw, "$exists", false)
	}
	raw, _ = bsoncore.AppendDocumentEnd(raw, inner)
	raw, _ = bsoncore.AppendDocumentEnd(raw, index)
	pinned, err := query.ParseFilter(raw)
	return query.And(filter, pinned), err
}
