package documents

import (
	"context"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query/collation"
	"yunduo/data/rules"
)

// Delete removes the first or all documents that match and that the caller may delete. Reasons:
// collection_not_found, permission_denied, invalid_filter, unknown_operator, invalid_request.
func (s *Session) Delete(ctx context.Context, collection string, d Delete) (driver.DeleteResult, error) {
	var result driver.DeleteResult
	ns, err := s.namespace(collection)
	if err != nil {
		return result, err
	}
	if d.Return == driver.ReturnAfter || d.Multi && d.Return != driver.ReturnNone {
		return result, yunduo.Errorf(yunduo.ReasonInvalidRequest, "return: only a single delete returns a document, as it was before")
	}
	by, err := collation.Parse(d.Collation)
	if err != nil {
		return result, err
	}
	remove := driver.Delete{Multi: d.Multi, Return: d.Return}
	if remove.Filter, err = s.parseFilter(by, d.Filter); err != nil {
		return result, err
	}
	if remove.Sort, err = parseSort(by, d.Sort); err != nil {
		return result, err
	}
	if remove.Filter, err = s.restrict(ctx, ns, rules.Delete, remove.Filter); err != nil {
		return result, err
	}
	show, err := parseProjection(by, d.Projection)
	if err != nil {
		return result, err
	}
	if d.Return != driver.ReturnNone {
		if remove.Filter, err = s.restrict(ctx, ns, rules.Read, remove.Filter); err != nil {
			return result, err
		}
	}
	err = s.exclusively(ctx, func(ctx context.Context, on driver.Operations) error {
		result, err = on.Delete(ctx, ns, remove, s.write())
		return err
	})
	if err == nil && show != nil && result.Document != nil {
		result.Document, err = show.Apply(result.Document)
	}
	return result, err
}
