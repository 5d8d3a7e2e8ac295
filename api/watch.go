package api

import (
	"context"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/wire"
)

// Watch begins to watch a query for the caller; notify is called when there is something to take. It is no row of the
// table, for it answers more than once; access and meaning are those of documents.find. maxReplay is as in
// documents.WatchQuery.
func (a *API) Watch(ctx context.Context, call *Call, req *wire.WatchMessage, maxReplay uint64, notify func()) (*documents.Watch, error) {
	admitted := Operation{Name: "documents.watch", Access: SignedIn}
	if err := admitted.admit(call); err != nil {
		return nil, err
	}
	if err := a.exists(ctx, call); err != nil {
		return nil, err
	}
	if req.Collection == "" {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "field %q is missing", "collection")
	}
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	q := documents.WatchQuery{Limit: req.Limit, After: req.Resume, MaxReplay: maxReplay}
	if q.Filter, err = a.document("filter", req.Filter); err != nil {
		return nil, err
	}
	if q.Sort, err = a.document("sort", req.Sort); err != nil {
		return nil, err
	}
	if q.Collation, err = a.document("collation", req.Collation); err != nil {
		return nil, err
	}
	return s.Watch(ctx, req.Collection, q, notify)
}
